package aws

import "time"

// iamService serves whose access keys are.
func iamService() *service {
	return &service{protocol: queryXML, namespace: "https://iam.amazonaws.com/doc/2010-05-08/", ops: map[string]operation{
		"GetAccessKeyLastUsed": accessKeyLastUsed,
		"ListAccessKeys":       listAccessKeys,
	}}
}

// UserKey is a long-lived access key of a user.
type UserKey struct {
	ID, User string
	Inactive bool
	LastUsed time.Time // zero: never
}

type iamState struct{ keys []UserKey }

// AddUserKey gives an account's user an access key.
func (a *Account) AddUserKey(k UserKey) {
	st := stateOf[iamState](a.Region(""))
	st.keys = append(st.keys, k)
}

type lastUsed struct {
	UserName string `xml:",omitempty"`
	LastUsed struct {
		Date    string `xml:"LastUsedDate,omitempty"`
		Region  string
		Service string `xml:"ServiceName"`
	} `xml:"AccessKeyLastUsed"`
}

// accessKeyLastUsed answers for keys of the caller's account only; AWS refuses
// others.
func accessKeyLastUsed(q *Request) (any, error) {
	id := q.Form.Get("AccessKeyId")
	for _, k := range stateOf[iamState](q.Global()).keys {
		if k.ID != id {
			continue
		}
		out := lastUsed{UserName: k.User}
		out.LastUsed.Date, out.LastUsed.Region, out.LastUsed.Service = stamp(k.LastUsed), "N/A", "N/A"
		return out, nil
	}
	return nil, q.service.denied("User: " + q.key.arn + " is not authorized to perform: iam:GetAccessKeyLastUsed on resource: access key " + id)
}

type userKeys struct {
	Keys      []userKey `xml:"AccessKeyMetadata>member"`
	UserName  string
	Truncated bool `xml:"IsTruncated"`
}

type userKey struct {
	User   string `xml:"UserName"`
	ID     string `xml:"AccessKeyId"`
	Status string
}

func listAccessKeys(q *Request) (any, error) {
	out := userKeys{UserName: q.Form.Get("UserName")}
	for _, k := range stateOf[iamState](q.Global()).keys {
		if k.User == out.UserName {
			status := "Active"
			if k.Inactive {
				status = "Inactive"
			}
			out.Keys = append(out.Keys, userKey{k.User, k.ID, status})
		}
	}
	if len(out.Keys) == 0 {
		return nil, fail(404, "NoSuchEntity", "The user with name %s cannot be found.", out.UserName)
	}
	return out, nil
}
