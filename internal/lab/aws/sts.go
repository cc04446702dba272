package aws

import (
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

func stsService() *service {
	return &service{protocol: queryXML, namespace: "https://sts.amazonaws.com/doc/2011-06-15/", ops: map[string]operation{
		"GetCallerIdentity": getCallerIdentity,
		"AssumeRole":        assumeRole,
		"GetAccessKeyInfo":  accessKeyInfo,
	}}
}

type callerIdentity struct {
	ARN     string `xml:"Arn"`
	UserID  string `xml:"UserId"`
	Account string
}

func getCallerIdentity(q *Request) (any, error) {
	return callerIdentity{q.key.arn, q.key.userID, q.key.account}, nil
}

type keyInfo struct{ Account string }

// accessKeyInfo tells the account that a key id names: 40 bits of its base32
// letters, behind one.
func accessKeyInfo(q *Request) (any, error) {
	id := q.Form.Get("AccessKeyId")
	if len(id) != 20 {
		return nil, bad("ValidationError", "%q is invalid", id)
	}
	raw, err := base32.StdEncoding.DecodeString(id[4:])
	if err != nil {
		return nil, bad("ValidationError", "%q is invalid", id)
	}
	n := binary.BigEndian.Uint64(append([]byte{0, 0}, raw[:6]...))
	return keyInfo{fmt.Sprintf("%012d", n&0x7fffffffff80>>7)}, nil
}

type assumedRole struct {
	Credentials struct {
		AccessKeyID     string `xml:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string
		Expiration      string
	}
	AssumedRoleUser struct {
		ARN string `xml:"Arn"`
		ID  string `xml:"AssumedRoleId"`
	}
	PackedPolicySize int
}

func assumeRole(q *Request) (any, error) {
	arn, session := q.Form.Get("RoleArn"), q.Form.Get("RoleSessionName")
	part := strings.SplitN(arn, ":", 6)
	if len(part) != 6 || !strings.HasPrefix(part[5], "role/") || session == "" {
		return nil, bad("ValidationError", "%q is invalid", arn)
	}
	account, role := q.World.accounts[part[4]], part[5][strings.LastIndexByte(part[5], '/')+1:]
	if account == nil || !contains(account.roles[role], q.key.account) {
		return nil, q.service.denied("User: " + q.key.arn + " is not authorized to perform: sts:AssumeRole on resource: " + arn)
	}
	life := time.Duration(q.Form.Int("DurationSeconds", 3600)) * time.Second
	key := q.World.sessionKey(account.ID, role, session, life)
	var out assumedRole
	out.Credentials.AccessKeyID, out.Credentials.SecretAccessKey = key.id, key.secret
	out.Credentials.SessionToken, out.Credentials.Expiration = key.token, stamp(key.expires)
	out.AssumedRoleUser.ARN, out.AssumedRoleUser.ID = key.arn, key.userID
	q.later = map[string]any{"assumedRoleUser": map[string]any{"arn": key.arn, "assumedRoleId": key.userID}}
	return out, nil
}
