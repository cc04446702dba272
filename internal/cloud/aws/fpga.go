package aws

import (
	"context"
	"slices"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/lenscap/lenscap"
)

const (
	callFPGA      = "ec2:DescribeFpgaImages"
	callFPGAPerms = "ec2:DescribeFpgaImageAttribute"
)

// fpgaPart lists own FPGA images with who may load them.
func fpgaPart() part {
	return part{name: "FPGA images", kinds: []lenscap.Kind{lenscap.KindFPGAImage}, collect: func(ctx context.Context, r *region) error {
		client := ec2.NewFromConfig(r.cfg)
		_, err := r.listing(ctx, lenscap.KindFPGAImage, callFPGA, func(token *string, n *int) (*string, error) {
			out, err := client.DescribeFpgaImages(ctx, &ec2.DescribeFpgaImagesInput{Owners: []string{"self"}, NextToken: token})
			if err != nil {
				return nil, err
			}
			return out.NextToken, each(ctx, out.FpgaImages, n, func(ctx context.Context, img *ec2types.FpgaImage) (bool, error) {
				return r.fpga(ctx, client, img)
			}, func(*ec2types.FpgaImage) {})
		})
		return err
	}}
}

func (r *region) fpga(ctx context.Context, client *ec2.Client, img *ec2types.FpgaImage) (given bool, err error) {
	id := awssdk.ToString(img.FpgaImageId)
	if id == "" || r.foreign(img.OwnerId) {
		return false, nil
	}
	a := lenscap.Asset{
		Ref: r.ref(lenscap.KindFPGAImage, id), Name: awssdk.ToString(img.Name),
		Created: awssdk.ToTime(img.CreateTime), Tags: tagMap(img.Tags),
		Attrs: attrs("description", bounded(awssdk.ToString(img.Description), maxMessage), "global_id", awssdk.ToString(img.FpgaImageGlobalId)),
	}
	if img.State != nil {
		a.State = string(img.State.Code)
	}
	public := awssdk.ToBool(img.Public)
	fresh, err := r.shares(ctx, &a, shareReader{call: callFPGAPerms, must: public, read: func(ctx context.Context) ([]lenscap.Grant, error) {
		return r.loadPermissions(ctx, client, id)
	}})
	if err != nil {
		return false, err
	}
	if public && !fresh && !slices.ContainsFunc(a.Grants, func(g lenscap.Grant) bool { return g.Principal.Public() }) {
		a.Grants = append(a.Grants, imageGrant(lenscap.Principal{Type: lenscap.AnyCustomer}, r.proof(callFPGA, "FpgaImages[].Public", "true")))
	}
	return true, r.give1(a)
}

func (r *region) loadPermissions(ctx context.Context, client *ec2.Client, id string) ([]lenscap.Grant, error) {
	out, err := client.DescribeFpgaImageAttribute(ctx, &ec2.DescribeFpgaImageAttributeInput{
		FpgaImageId: &id, Attribute: ec2types.FpgaImageAttributeNameLoadPermission,
	})
	if err != nil {
		return nil, err
	}
	if out.FpgaImageAttribute == nil {
		return nil, errNoID
	}
	var grants []lenscap.Grant
	for _, p := range out.FpgaImageAttribute.LoadPermissions {
		switch user := awssdk.ToString(p.UserId); {
		case p.Group != "":
			grants = append(grants, imageGrant(lenscap.Principal{Type: lenscap.AnyCustomer},
				r.proof(callFPGAPerms, "FpgaImageAttribute.LoadPermissions[].Group", string(p.Group))))
		case user != "":
			grants = append(grants, imageGrant(lenscap.Principal{Type: lenscap.Account, ID: user},
				r.proof(callFPGAPerms, "FpgaImageAttribute.LoadPermissions[].UserId", user)))
		}
	}
	return grants, nil
}
