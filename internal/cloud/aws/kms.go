package aws

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/lenscap/lenscap"
)

// Who manages a key, in [lenscap.Key] and [lenscap.Encryption].
const (
	managerProvider = "provider"
	managerCustomer = "customer"
)

// keyFact is what DescribeKey said of a key, by the name it was met under.
type keyFact struct {
	meta *kmstypes.KeyMetadata
	err  error
}

// describeKey asks once for each name of a key.
func (r *region) describeKey(ctx context.Context, name string) (*kmstypes.KeyMetadata, error) {
	r.keyMu.Lock() // held over the call: several assets may ask for one key at once
	defer r.keyMu.Unlock()
	if f, ok := r.keyFacts[name]; ok {
		return f.meta, f.err
	}
	out, err := kms.NewFromConfig(r.cfg).DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &name})
	var f keyFact
	switch {
	case err != nil:
		f.err = err
	case out.KeyMetadata == nil || awssdk.ToString(out.KeyMetadata.KeyId) == "":
		f.err = errNoID
	default:
		f.meta = out.KeyMetadata
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if r.keyFacts == nil {
		r.keyFacts = make(map[string]keyFact)
	}
	r.keyFacts[name] = f
	return f.meta, f.err
}

// manager tells who manages a key, "" when that can't be told.
func (r *region) manager(ctx context.Context, key string) string {
	meta, err := r.describeKey(ctx, key)
	if err != nil {
		return ""
	}
	return managerOf(meta)
}

func managerOf(meta *kmstypes.KeyMetadata) string {
	switch meta.KeyManager {
	case kmstypes.KeyManagerTypeAws:
		return managerProvider
	case kmstypes.KeyManagerTypeCustomer:
		return managerCustomer
	}
	return ""
}

// errForeignKey is a key whose policy only its own account may read.
var errForeignKey = errors.New("the key belongs to another account, which alone can read its policy")

// decryptActions maps the KMS actions that let somebody read what a key
// encrypts. Who may write the policy or a grant can let himself in.
var decryptActions = map[string]lenscap.Access{
	"kms:Decrypt":       lenscap.AccessDecrypt,
	"kms:ReEncryptFrom": lenscap.AccessDecrypt,
	"kms:CreateGrant":   lenscap.AccessDecrypt,
	"kms:PutKeyPolicy":  lenscap.AccessManage,
}

// keysPart reads the keys that the other parts met. It runs last.
func keysPart() part {
	return part{name: "KMS keys", kinds: []lenscap.Kind{lenscap.KindKey}, collect: func(ctx context.Context, r *region) error {
		client := kms.NewFromConfig(r.cfg)
		r.mu.Lock()
		names := slices.Sorted(maps.Keys(r.keys))
		r.mu.Unlock()
		byARN := make(map[string]*lenscap.Key)
		state := lenscap.CoverageComplete
		for _, name := range names {
			meta, err := r.describeKey(ctx, name)
			if err != nil {
				if err := r.keyGap(ctx, name, "kms:DescribeKey", err); err != nil {
					return err
				}
				state = lenscap.CoveragePartial
				continue
			}
			arn := awssdk.ToString(meta.Arn)
			if key, ok := byARN[arn]; ok {
				key.Aliases = appendNew(key.Aliases, name)
				continue
			}
			key, err := r.key(ctx, client, name, meta)
			if err != nil {
				return err
			}
			byARN[arn] = key
		}
		for _, arn := range slices.Sorted(maps.Keys(byARN)) {
			if err := r.sink.Key(*byARN[arn]); err != nil {
				return err
			}
		}
		return r.covered(lenscap.KindKey, len(byARN), state)
	}}
}

// keyGap says that nothing is known of a key. It is a key with a gap, so that
// whoever looks the key up finds out, and a gap on its own.
func (r *region) keyGap(ctx context.Context, name, call string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	ref := r.keyRef(name)
	gap := r.gapOf(call, err, lenscap.AspectKeys, lenscap.KindKey)
	gap.Account, gap.Asset = ref.Account, ref.ID
	if err := r.sink.Key(lenscap.Key{Ref: ref, Aliases: appendNew(nil, name), Gaps: []lenscap.Gap{gap}}); err != nil {
		return err
	}
	return r.sink.Gap(gap)
}

// keyRef names a key by its id; its account and region come from its ARN.
func (r *region) keyRef(name string) lenscap.Ref {
	ref := r.ref(lenscap.KindKey, name)
	if part := strings.SplitN(name, ":", 6); len(part) == 6 && part[0] == "arn" {
		ref.Region, ref.Account = part[3], part[4]
		ref.ID = strings.TrimPrefix(part[5], "key/")
	}
	return ref
}

// key reads who may use a key.
func (r *region) key(ctx context.Context, client *kms.Client, name string, meta *kmstypes.KeyMetadata) (*lenscap.Key, error) {
	arn, id := awssdk.ToString(meta.Arn), awssdk.ToString(meta.KeyId)
	k := &lenscap.Key{
		Ref: r.ref(lenscap.KindKey, id), Manager: managerOf(meta), State: strings.ToLower(string(meta.KeyState)),
		Aliases: appendNew(appendNew(nil, name), arn),
	}
	if owner := awssdk.ToString(meta.AWSAccountId); owner != "" {
		k.Ref.Account = owner
	}
	fail := func(call string, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		gap := r.gapOf(call, err, lenscap.AspectKeys, lenscap.KindKey)
		gap.Account, gap.Asset = k.Ref.Account, id
		k.Gaps = append(k.Gaps, gap)
		return r.sink.Gap(gap)
	}
	if k.Ref.Account != r.account {
		// The owner alone can read the policy of a key.
		return k, fail("kms:GetKeyPolicy", errForeignKey)
	}
	if err := r.sweep.Wait(ctx); err != nil {
		return nil, err
	}
	policy, err := client.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: &id, PolicyName: awssdk.String("default")})
	if err == nil {
		var grants []lenscap.Grant
		grants, err = parsePolicy([]byte(awssdk.ToString(policy.Policy)), r.account, decryptActions)
		k.Grants = append(k.Grants, r.prove(grants, "kms:GetKeyPolicy", lenscap.PathKey)...)
	}
	if err != nil {
		if err := fail("kms:GetKeyPolicy", err); err != nil {
			return nil, err
		}
	}
	if k.Manager == managerProvider {
		return k, nil // only AWS makes grants on its own keys, and for the account alone
	}
	grants, err := r.keyGrants(ctx, client, id)
	k.Grants = append(k.Grants, grants...)
	if err != nil {
		if err := fail("kms:ListGrants", err); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// keyGrants lists the grants of a key that let somebody decrypt. Those read
// before a failure stand.
func (r *region) keyGrants(ctx context.Context, client *kms.Client, id string) ([]lenscap.Grant, error) {
	var out []lenscap.Grant
	err := pages(ctx, func(marker *string) (*string, error) {
		page, err := client.ListGrants(ctx, &kms.ListGrantsInput{KeyId: &id, Marker: marker, Limit: awssdk.Int32(100)})
		if err != nil {
			return nil, err
		}
		for i := range page.Grants {
			if g, ok := r.keyGrant(&page.Grants[i]); ok {
				out = append(out, g)
			}
		}
		if !page.Truncated {
			return nil, nil
		}
		if awssdk.ToString(page.NextMarker) == "" {
			return nil, errTruncated
		}
		return page.NextMarker, nil
	})
	return out, err
}

func (r *region) keyGrant(e *kmstypes.GrantListEntry) (lenscap.Grant, bool) {
	decrypts := slices.ContainsFunc(e.Operations, func(op kmstypes.GrantOperation) bool {
		return op == kmstypes.GrantOperationDecrypt || op == kmstypes.GrantOperationReEncryptFrom || op == kmstypes.GrantOperationCreateGrant
	})
	if !decrypts {
		return lenscap.Grant{}, false
	}
	kind, name := "AWS", awssdk.ToString(e.GranteePrincipal)
	if s := awssdk.ToString(e.GranteeServicePrincipal); s != "" {
		kind, name = "Service", s
	} else if strings.HasSuffix(name, ".amazonaws.com") {
		kind = "Service"
	}
	who, ok := principal(kind, name)
	if !ok || name == "" {
		return lenscap.Grant{}, false
	}
	g := lenscap.Grant{
		Principal: who, Allows: []lenscap.Access{lenscap.AccessDecrypt}, Path: lenscap.PathKey,
		Since: awssdk.ToTime(e.CreationDate),
		Proof: r.proof("kms:ListGrants", "Grants[].GranteePrincipal", awssdk.ToString(e.GrantId)+" "+name),
	}
	// A constraint on the encryption context ties the grant to single volumes.
	if c := e.Constraints; c != nil {
		for _, set := range []struct {
			op     string
			values map[string]string
		}{{"EncryptionContextEquals", c.EncryptionContextEquals}, {"EncryptionContextSubset", c.EncryptionContextSubset}} {
			for _, key := range slices.Sorted(maps.Keys(set.values)) {
				g.Conditions = append(g.Conditions, lenscap.Condition{Operator: set.op, Key: key, Values: []string{set.values[key]}})
			}
		}
		if arn := awssdk.ToString(c.SourceArn); arn != "" {
			g.Conditions = append(g.Conditions, lenscap.Condition{Operator: "ArnEquals", Key: "aws:SourceArn", Values: []string{arn}})
		}
	}
	return g, true
}

func appendNew(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}
