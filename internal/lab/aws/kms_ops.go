package aws

import "fmt"

func kmsService() *service {
	return &service{protocol: json11, target: "TrentService", ops: map[string]operation{
		"DescribeKey":     describeKey,
		"GetKeyPolicy":    getKeyPolicy,
		"ListKeyPolicies": listKeyPolicies,
		"ListGrants":      listGrants,
		"ListAliases":     listAliases,
		"ListKeys":        listKeys,
	}}
}

func uuid(d []byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", d[:4], d[4:6], d[6:8], d[8:10], d[10:16])
}

type kmsInput struct {
	KeyID      string `json:"KeyId"`
	PolicyName string
	Limit      int
	Marker     string
}

func kmsRead(q *Request) (in kmsInput, err error) {
	if err = q.JSON(&in); err == nil && (in.Limit < 0 || in.Limit > 1000) {
		err = bad("ValidationException", "Limit must be between 1 and 1000")
	}
	return in, err
}

// keyOf gives the key that a call names. Another account's key answers
// DescribeKey when the key lets the caller use it, all else is the owner's.
func keyOf(q *Request, name string, describe bool) (*Key, error) {
	k := q.World.findKey(q.Region, name)
	if k == nil || k.region.Name != q.Call.Region {
		return nil, bad("NotFoundException", "Key '%s' does not exist", name)
	}
	if k.region.Account.ID != q.Call.Account && (!describe || !k.decryptable(q.World, q.Call.Account)) {
		return nil, bad("AccessDeniedException", "User: %s is not authorized to perform: kms:%s on this resource", q.key.arn, q.Operation)
	}
	return k, nil
}

func describeKey(q *Request) (any, error) {
	in, err := kmsRead(q)
	if err != nil {
		return nil, err
	}
	k, err := keyOf(q, in.KeyID, true)
	if err != nil {
		return nil, err
	}
	manager := "CUSTOMER"
	if k.Managed {
		manager = "AWS"
	}
	meta := map[string]any{
		"AWSAccountId": k.region.Account.ID, "Arn": k.ARN(), "KeyId": k.ID, "CreationDate": k.Created.Unix(),
		"Enabled": k.State == "Enabled", "KeyState": k.State, "KeyManager": manager, "KeyUsage": "ENCRYPT_DECRYPT",
		"Origin": "AWS_KMS", "KeySpec": "SYMMETRIC_DEFAULT", "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
		"Description": "", "MultiRegion": false, "EncryptionAlgorithms": []string{"SYMMETRIC_DEFAULT"},
	}
	if k.State == "PendingDeletion" {
		meta["DeletionDate"] = q.World.Now().AddDate(0, 0, 7).Unix()
	}
	return map[string]any{"KeyMetadata": meta}, nil
}

func getKeyPolicy(q *Request) (any, error) {
	in, err := kmsRead(q)
	if err != nil {
		return nil, err
	}
	k, err := keyOf(q, in.KeyID, false)
	if err != nil {
		return nil, err
	}
	if or(in.PolicyName, "default") != "default" {
		return nil, bad("NotFoundException", "No such policy exists")
	}
	return map[string]any{"Policy": k.Policy(), "PolicyName": "default"}, nil
}

func listKeyPolicies(q *Request) (any, error) {
	in, err := kmsRead(q)
	if err != nil {
		return nil, err
	}
	if _, err := keyOf(q, in.KeyID, false); err != nil {
		return nil, err
	}
	return map[string]any{"PolicyNames": []string{"default"}, "Truncated": false}, nil
}

// kmsPage answers a list in KMS's shape: Truncated and NextMarker.
func kmsPage[T any](q *Request, in kmsInput, name string, items []T) (any, error) {
	if in.Limit == 0 {
		in.Limit = 100
	}
	part, next, err := paginate(q, items, in.Limit, in.Marker)
	if err != nil {
		return nil, bad("InvalidMarkerException", "Invalid marker")
	}
	if part == nil {
		part = []T{}
	}
	out := map[string]any{name: part, "Truncated": next != ""}
	if next != "" {
		out["NextMarker"] = next
	}
	return out, nil
}

func listGrants(q *Request) (any, error) {
	in, err := kmsRead(q)
	if err != nil {
		return nil, err
	}
	k, err := keyOf(q, in.KeyID, false)
	if err != nil {
		return nil, err
	}
	var list []map[string]any
	for _, g := range k.Grants {
		list = append(list, map[string]any{
			"KeyId": k.ARN(), "GrantId": g.ID, "GranteePrincipal": g.Grantee, "Name": "",
			"CreationDate": g.Created.Unix(), "IssuingAccount": principalARN(k.region.Account.ID),
			"Operations": []string{"Decrypt", "DescribeKey", "CreateGrant"},
		})
	}
	return kmsPage(q, in, "Grants", list)
}

func listAliases(q *Request) (any, error) {
	in, err := kmsRead(q)
	if err != nil {
		return nil, err
	}
	var list []map[string]any
	for _, k := range sorted(stateOf[kmsState](q.Region).keys) {
		if k.Alias != "" && (in.KeyID == "" || q.World.findKey(q.Region, in.KeyID) == k) {
			list = append(list, map[string]any{
				"AliasName": k.Alias, "TargetKeyId": k.ID, "CreationDate": k.Created.Unix(),
				"AliasArn": "arn:aws:kms:" + q.Call.Region + ":" + q.Call.Account + ":" + k.Alias,
			})
		}
	}
	return kmsPage(q, in, "Aliases", list)
}

func listKeys(q *Request) (any, error) {
	in, err := kmsRead(q)
	if err != nil {
		return nil, err
	}
	var list []map[string]any
	for _, k := range sorted(stateOf[kmsState](q.Region).keys) {
		list = append(list, map[string]any{"KeyId": k.ID, "KeyArn": k.ARN()})
	}
	return kmsPage(q, in, "Keys", list)
}
