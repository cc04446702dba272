package aws

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Key is one KMS key. Its policy always gives the owner's account full use;
// Decrypters are further principals (account numbers, ARNs or "*") that may
// decrypt, Grants those that hold a grant.
type Key struct {
	ID         string
	Alias      string // alias/name
	Managed    bool   // an AWS managed key, such as alias/aws/ebs
	State      string // Enabled, Disabled, PendingDeletion; empty means Enabled
	Created    time.Time
	Decrypters []string
	ViaOrg     string // limits "*" among Decrypters to an organization
	Grants     []KeyGrant
	region     *Region
}

// KeyGrant is one grant of a key.
type KeyGrant struct {
	ID      string
	Grantee string // ARN
	Created time.Time
}

type kmsState struct{ keys map[string]*Key }

func (s *kmsState) init() { s.keys = make(map[string]*Key) }

// AddKey puts a key into the region.
func (r *Region) AddKey(k Key) *Key {
	k.region, k.State = r, or(k.State, "Enabled")
	stateOf[kmsState](r).keys[k.ID] = &k
	return &k
}

// ARN is the key's name.
func (k *Key) ARN() string {
	return "arn:aws:kms:" + k.region.Name + ":" + k.region.Account.ID + ":key/" + k.ID
}

func principalARN(p string) string {
	if isAccount(p) {
		return "arn:aws:iam::" + p + ":root"
	}
	return p
}

type statement struct {
	Sid       string         `json:"Sid"`
	Effect    string         `json:"Effect"`
	Principal map[string]any `json:"Principal"`
	Action    any            `json:"Action"`
	Resource  string         `json:"Resource"`
	Condition map[string]any `json:"Condition,omitempty"`
}

// Policy writes the key policy as KMS keeps it.
func (k *Key) Policy() string {
	owner := k.region.Account.ID
	list := []statement{{"Enable IAM User Permissions", "Allow", map[string]any{"AWS": principalARN(owner)}, "kms:*", "*", nil}}
	if k.Managed {
		list[0] = statement{
			"Allow access through EBS for all principals in the account that are authorized to use EBS", "Allow",
			map[string]any{"AWS": "*"},
			[]string{"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey"},
			"*",
			map[string]any{"StringEquals": map[string]string{"kms:CallerAccount": owner, "kms:ViaService": "ec2." + k.region.Name + ".amazonaws.com"}},
		}
	}
	if len(k.Decrypters) > 0 {
		var who []string
		for _, p := range k.Decrypters {
			who = append(who, principalARN(p))
		}
		st := statement{"Allow use of the key", "Allow", map[string]any{"AWS": who}, []string{"kms:Decrypt", "kms:DescribeKey", "kms:CreateGrant", "kms:ReEncrypt*"}, "*", nil}
		if len(who) == 1 {
			st.Principal["AWS"] = who[0]
		}
		if k.ViaOrg != "" {
			st.Condition = map[string]any{"StringEquals": map[string]string{"aws:PrincipalOrgID": k.ViaOrg}}
		}
		list = append(list, st)
	}
	raw, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Id": "key-policy", "Statement": list})
	if err != nil {
		return ""
	}
	return string(raw)
}

// decryptable tells whether an account's identities may use the key.
func (k *Key) decryptable(w *World, account string) bool {
	if k.State != "Enabled" {
		return false
	}
	if k.region.Account.ID == account {
		return true
	}
	arn := "arn:aws:iam::" + account + ":"
	for _, p := range k.Decrypters {
		if p == account || strings.HasPrefix(p, arn) ||
			p == "*" && (k.ViaOrg == "" || w.org != nil && w.org.ID == k.ViaOrg && w.org.has(account)) {
			return true
		}
	}
	return slices.ContainsFunc(k.Grants, func(g KeyGrant) bool { return strings.HasPrefix(g.Grantee, arn) })
}

// keyByARN finds a key of any account.
func (w *World) keyByARN(arn string) *Key {
	part := strings.SplitN(arn, ":", 6)
	if len(part) != 6 || part[2] != "kms" || w.accounts[part[4]] == nil {
		return nil
	}
	return w.findKey(w.accounts[part[4]].Region(part[3]), part[5])
}

// findKey finds a key of a region by id, ARN, key/ID or alias.
func (w *World) findKey(r *Region, name string) *Key {
	if strings.HasPrefix(name, "arn:") {
		return w.keyByARN(name)
	}
	keys := stateOf[kmsState](r).keys
	if k := keys[strings.TrimPrefix(name, "key/")]; k != nil {
		return k
	}
	for _, k := range keys {
		if k.Alias == name && name != "" {
			return k
		}
	}
	return nil
}

func (w *World) awsManaged(key string) bool {
	k := w.keyByARN(key)
	return k != nil && k.Managed
}

func (w *World) mayDecrypt(key, account string) bool {
	k := w.keyByARN(key)
	return k != nil && k.decryptable(w, account)
}

// defaultKey is the key that a region encrypts with when none is named; the
// AWS managed one is made on first use, as AWS does.
func (w *World) defaultKey(r *Region) string {
	if arn := r.Settings().DefaultKey; arn != "" {
		return arn
	}
	if k := w.findKey(r, "alias/aws/ebs"); k != nil {
		return k.ARN()
	}
	d := digest("aws/ebs", r.Account.ID, r.Name)
	return r.AddKey(Key{ID: uuid(d), Alias: "alias/aws/ebs", Managed: true, Created: w.Now()}).ARN()
}
