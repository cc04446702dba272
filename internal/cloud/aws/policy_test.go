package aws

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap"
)

const owner = "111122223333"

var decrypting = map[string]lenscap.Access{
	"kms:Decrypt": lenscap.AccessDecrypt, "kms:CreateGrant": lenscap.AccessDecrypt,
	"kms:PutKeyPolicy": lenscap.AccessManage,
}

// brief is what the table compares of a grant: principal and conditions' keys.
func brief(grants []lenscap.Grant) []string {
	out := []string{}
	for _, g := range grants {
		line := string(g.Principal.Type) + " " + g.Principal.ID
		for _, a := range g.Allows {
			line += " " + string(a)
		}
		for _, c := range g.Conditions {
			line += " if " + c.Operator + " " + c.Key
		}
		out = append(out, line)
	}
	return out
}

func TestParsePolicy(t *testing.T) {
	t.Parallel()
	allow := func(principal, condition string) string {
		s := `{"Effect":"Allow","Principal":` + principal + `,"Action":"kms:Decrypt","Resource":"*"`
		if condition != "" {
			s += `,"Condition":` + condition
		}
		return s + "}"
	}
	for name, c := range map[string]struct {
		statements string
		want       []string
	}{
		"everybody":           {allow(`"*"`, ""), []string{"any_customer  decrypt"}},
		"everybody of AWS":    {allow(`{"AWS":"*"}`, ""), []string{"any_customer  decrypt"}},
		"listed everybody":    {allow(`{"AWS":["*"]}`, ""), []string{"any_customer  decrypt"}},
		"account by number":   {allow(`{"AWS":"999900001111"}`, ""), []string{"account 999900001111 decrypt"}},
		"account by root":     {allow(`{"AWS":["arn:aws:iam::999900001111:root"]}`, ""), []string{"account 999900001111 decrypt"}},
		"account in China":    {allow(`{"AWS":"arn:aws-cn:iam::999900001111:root"}`, ""), []string{"account 999900001111 decrypt"}},
		"role":                {allow(`{"AWS":"arn:aws:iam::999900001111:role/a"}`, ""), []string{"identity arn:aws:iam::999900001111:role/a decrypt"}},
		"deleted role":        {allow(`{"AWS":"AROAABCDEFGHIJKLMNOPQ"}`, ""), []string{}},
		"service":             {allow(`{"Service":"ec2.amazonaws.com"}`, ""), []string{"cloud_service ec2.amazonaws.com decrypt"}},
		"service for owner":   {allow(`{"Service":"ec2.amazonaws.com"}`, `{"StringEquals":{"aws:SourceAccount":"111122223333"}}`), []string{}},
		"federated":           {allow(`{"Federated":"arn:aws:iam::999900001111:saml-provider/x"}`, ""), []string{"identity arn:aws:iam::999900001111:saml-provider/x decrypt"}},
		"organization":        {allow(`"*"`, `{"StringEquals":{"aws:PrincipalOrgID":["o-a1","o-b2"]}}`), []string{"organization o-a1 decrypt", "organization o-b2 decrypt"}},
		"organization, loose": {allow(`"*"`, `{"StringEqualsIfExists":{"aws:PrincipalOrgID":"o-a1"}}`), []string{"any_customer  decrypt if StringEqualsIfExists aws:PrincipalOrgID"}},
		"organization, wild":  {allow(`"*"`, `{"StringLike":{"aws:PrincipalOrgID":"o-*"}}`), []string{"any_customer  decrypt if StringLike aws:PrincipalOrgID"}},
		"unit":                {allow(`"*"`, `{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-a1/r-b2/ou-c3/*"}}`), []string{"org_unit ou-c3 decrypt"}},
		"root path":           {allow(`"*"`, `{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-a1/*"}}`), []string{"organization o-a1 decrypt"}},
		"all values":          {allow(`"*"`, `{"ForAllValues:StringLike":{"aws:PrincipalOrgPaths":"o-a1/*"}}`), []string{"any_customer  decrypt if ForAllValues:StringLike aws:PrincipalOrgPaths"}},
		"managed key":         {allow(`{"AWS":"*"}`, `{"StringEquals":{"kms:CallerAccount":"111122223333","kms:ViaService":"ec2.us-east-1.amazonaws.com"}}`), []string{"account 111122223333 decrypt"}},
		"other service only":  {allow(`{"AWS":"*"}`, `{"StringEquals":{"kms:ViaService":"ses.us-east-1.amazonaws.com"}}`), []string{"any_customer  decrypt if StringEquals kms:ViaService"}},
		"caller wildcard":     {allow(`"*"`, `{"StringLike":{"kms:CallerAccount":"*"}}`), []string{"any_customer  decrypt"}},
		"two conditions":      {allow(`"*"`, `{"StringEquals":{"aws:PrincipalOrgID":"o-a1","aws:PrincipalAccount":"999900001111"}}`), []string{"account 999900001111 decrypt if StringEquals aws:PrincipalOrgID"}},
		"excluded account":    {allow(`{"AWS":"999900001111"}`, `{"StringEquals":{"kms:CallerAccount":"111122223333"}}`), []string{}},
		"account in org":      {allow(`{"AWS":"999900001111"}`, `{"StringEquals":{"aws:PrincipalOrgID":"o-a1"}}`), []string{"account 999900001111 decrypt if StringEquals aws:PrincipalOrgID"}},
		"no value":            {allow(`"*"`, `{"StringEquals":{"aws:PrincipalOrgID":[]}}`), []string{}},
		"role by ARN":         {allow(`"*"`, `{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::999900001111:role/x*"}}`), []string{"account 999900001111 decrypt"}},
		"variable":            {allow(`"*"`, `{"StringEquals":{"aws:PrincipalOrgID":"${aws:ResourceOrgID}"}}`), []string{"any_customer  decrypt if StringEquals aws:PrincipalOrgID"}},
		"not somebody": {
			`{"Effect":"Allow","NotPrincipal":{"AWS":"999900001111"},"Action":"kms:*","Resource":"*"}`,
			[]string{"any_customer  decrypt manage"},
		},
		"not action": {
			`{"Effect":"Allow","Principal":"*","NotAction":["kms:Put*","kms:Cre?teGrant"],"Resource":"*"}`,
			[]string{"any_customer  decrypt"},
		},
		"other action": {`{"Effect":"Allow","Principal":"*","Action":"kms:Describe*","Resource":"*"}`, []string{}},
		"case":         {`{"Effect":"Allow","Principal":"*","Action":"KMS:decrypt","Resource":"*"}`, []string{"any_customer  decrypt"}},
		"denied to all": {
			allow(`"*"`, "") + `,{"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*"}`,
			[]string{},
		},
		"denied to one": {
			allow(`{"AWS":["999900001111","777788889999"]}`, "") +
				`,{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::999900001111:root"},"Action":"kms:*","Resource":"*"}`,
			[]string{"account 777788889999 decrypt"},
		},
		"public but for one": {
			allow(`"*"`, "") + `,{"Effect":"Deny","Principal":{"AWS":"999900001111"},"Action":"kms:*","Resource":"*"}`,
			[]string{"any_customer  decrypt"},
		},
		"denied in part": {
			`{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"},{"Effect":"Deny","Principal":"*","Action":"kms:Put*","Resource":"*"}`,
			[]string{"any_customer  decrypt"},
		},
		"maybe denied": {
			allow(`"*"`, "") + `,{"Sid":"Net","Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*","Condition":{"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}}`,
			[]string{"any_customer  decrypt if Deny statement"},
		},
		"fence": {
			allow(`"*"`, "") + `,{"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-a1"}}}`,
			[]string{"organization o-a1 decrypt"},
		},
		"fence round an account": {
			allow(`{"AWS":"999900001111"}`, "") + `,{"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-a1"}}}`,
			[]string{"account 999900001111 decrypt if Deny statement"},
		},
		"single statement, not a list": {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc := `{"Version":"2012-10-17","Statement":[` + c.statements + `]}`
			if c.want == nil {
				doc, c.want = `{"Statement":`+allow(`"*"`, "")+`}`, []string{"any_customer  decrypt"}
			}
			got, err := parsePolicy([]byte(doc), owner, decrypting)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, brief(got)); diff != "" {
				t.Errorf("grants (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParsePolicyForResource(t *testing.T) {
	t.Parallel()
	read := map[string]lenscap.Access{"s3:GetObject": lenscap.AccessDownload}
	doc := []byte(`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/public/*"},
		{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/public/secret*"}]}`)
	for resource, want := range map[string]int{
		"arn:aws:s3:::b/public/disk.vmdk": 1, "arn:aws:s3:::b/public/secret.vmdk": 0, "arn:aws:s3:::b/other": 0,
	} {
		got, err := parsePolicyFor(doc, owner, resource, read)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != want {
			t.Errorf("%s: %d grants, want %d", resource, len(got), want)
		}
	}
}

func TestParsePolicyMalformed(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		``, `{`, `[]`, `{}`, `{"Statement":null}`, `{"Statement":[1]}`, `{"Statement":[]} x`,
		`{"Statement":[{"Effect":"Maybe","Principal":"*"}]}`,
		`{"Statement":[{"Effect":"Allow"}]}`,
		`{"Statement":[{"Effect":"Allow","Principal":{"Planet":"*"}}]}`,
		`{"Statement":[{"Effect":"Allow","Principal":{"AWS":{}}}]}`,
		`{"Statement":[{"Effect":"Allow","Principal":"*","Action":[["x"]]}]}`,
	} {
		if _, err := parsePolicy([]byte(doc), owner, decrypting); !errors.Is(err, errMalformed) {
			t.Errorf("%s: error %v, want malformed", doc, err)
		}
	}
	if got := causeOf(errMalformed); got != lenscap.CauseMalformed {
		t.Errorf("cause %s, want malformed", got)
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte(`{"Statement":{"Effect":"Allow","Principal":{"AWS":["*","arn:aws:iam::999900001111:root"]},"Action":"kms:*","Resource":"*","Condition":{"StringLike":{"aws:PrincipalOrgPaths":"o-a/r-b/*"}}}}`))
	f.Add([]byte(`{"Statement":[{"Effect":"Deny","NotPrincipal":"*","NotAction":["*"]},{"Effect":"Allow","Principal":"*","Action":"*"}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		grants, err := parsePolicy(doc, owner, decrypting)
		if err != nil {
			if grants != nil {
				t.Fatal("grants together with an error")
			}
			return
		}
		if !json.Valid(doc) {
			t.Fatal("an invalid document was read")
		}
		for _, g := range grants {
			if len(g.Allows) == 0 || g.Principal.Type == "" {
				t.Fatalf("empty grant %+v", g)
			}
		}
	})
}
