package aws

import "slices"

var fpgaOps = map[string]operation{
	"DescribeFpgaImages":         describeFPGAImages,
	"DescribeFpgaImageAttribute": describeFPGAAttribute,
	"ModifyFpgaImageAttribute":   modifyFPGAAttribute,
	"ResetFpgaImageAttribute":    resetFPGAAttribute,
}

type fpgaXML struct {
	ID       string `xml:"fpgaImageId"`
	GlobalID string `xml:"fpgaImageGlobalId"`
	Name     string `xml:"name"`
	Owner    string `xml:"ownerId"`
	Public   bool   `xml:"public"`
	State    struct {
		Code string `xml:"code"`
	} `xml:"state"`
	Created string   `xml:"createTime"`
	Updated string   `xml:"updateTime"`
	Tags    []tagXML `xml:"tags>item,omitempty"`
}

func (f *FPGAImage) visible(w *World, account string) bool {
	return f.region.Account.ID == account || public(f.Shares) || w.namesAccount(f.Shares, account)
}

func describeFPGAImages(q *Request) (any, error) {
	ids, owners, filters := q.Form.List("FpgaImageId"), q.Form.List("Owner"), q.Form.Filters()
	var found []fpgaXML
	var err error
	q.World.everyRegion(q.Call.Region, func(r *Region) {
		if !ownedBy(owners, r.Account.ID, q.Call.Account) {
			return
		}
		for _, f := range sorted(ec2Of(r).fpga) {
			if len(ids) > 0 && !contains(ids, f.ID) || !f.visible(q.World, q.Call.Account) {
				continue
			}
			ok, ferr := matchAll(filters, func(name string) ([]string, bool) {
				switch name {
				case "fpga-image-id":
					return []string{f.ID}, true
				case "name":
					return []string{f.Name}, true
				case "owner-id":
					return []string{r.Account.ID}, true
				}
				return tagFields(name, f.Tags)
			})
			if ferr != nil {
				err = ferr
			}
			if ok {
				x := fpgaXML{ID: f.ID, GlobalID: f.GlobalID, Name: f.Name, Owner: r.Account.ID, Public: public(f.Shares), Created: stamp(f.Created), Updated: stamp(f.Created), Tags: tagsXML(f.Tags)}
				x.State.Code = "available"
				found = append(found, x)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	part, next, err := page(q, found, 5)
	return struct {
		Images []fpgaXML `xml:"fpgaImageSet>item"`
		Next   string    `xml:"nextToken,omitempty"`
	}{part, next}, err
}

func ownFPGA(q *Request) (*FPGAImage, error) {
	id := q.Form.Get("FpgaImageId")
	f := ec2Of(q.Region).fpga[id]
	if f == nil {
		return nil, bad("InvalidFpgaImageID.NotFound", "The fpgaImage ID '%s' does not exist", id)
	}
	return f, nil
}

type fpgaAttribute struct {
	ID     string        `xml:"fpgaImageAttribute>fpgaImageId"`
	Name   string        `xml:"fpgaImageAttribute>name,omitempty"`
	Shares *[]Permission `xml:"fpgaImageAttribute>loadPermissions>item"`
}

func describeFPGAAttribute(q *Request) (any, error) {
	f, err := ownFPGA(q)
	if err != nil {
		return nil, err
	}
	switch a := q.Form.Get("Attribute"); a {
	case "loadPermission":
		return fpgaAttribute{ID: f.ID, Shares: &f.Shares}, nil
	case "name":
		return fpgaAttribute{ID: f.ID, Name: f.Name}, nil
	default:
		return nil, bad("InvalidParameterValue", "Value (%s) for parameter attribute is invalid.", a)
	}
}

func modifyFPGAAttribute(q *Request) (any, error) {
	f, err := ownFPGA(q)
	if err != nil {
		return nil, err
	}
	add, remove := readPermissions(q.Form, "LoadPermission")
	if err := checkPermissions(slices.Concat(add, remove)); err != nil {
		return nil, err
	}
	f.Shares = changeShares(f.Shares, add, remove)
	return fpgaAttribute{ID: f.ID, Shares: &f.Shares}, nil
}

func resetFPGAAttribute(q *Request) (any, error) {
	f, err := ownFPGA(q)
	if err != nil {
		return nil, err
	}
	f.Shares = nil
	return nil, nil
}
