package lab

import (
	"fmt"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/lab/aws"
)

// backups are vaults: one that everybody may copy from, one for the own
// organization, one without a policy, two air-gapped ones that AWS RAM shares;
// and what is in them.
func (t *teller) backups(r *aws.Region) {
	key := t.key(r, aws.Key{Alias: "alias/backups"})
	plan := "3f1c0a4e-0000-4000-8000-00000000c0de"
	r.AddBackupPlan(plan)
	point := func(n int) aws.RecoveryPoint {
		return aws.RecoveryPoint{
			ARN:      fmt.Sprintf("arn:aws:backup:%s:%s:recovery-point:%08d-0000-4000-8000-000000000000", r.Name, r.Account.ID, n),
			Resource: "arn:aws:s3:::shop-assets", Type: "S3", Plan: plan, Created: t.days(n),
		}
	}
	vault := func(name, principal, condition string, n int, truth Truth) {
		v := aws.Vault{Name: name, Key: key.ARN(), Points: []aws.RecoveryPoint{point(n)}}
		if principal != "" {
			v.Policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal +
				`,"Action":["backup:CopyFromBackupVault","backup:StartRestoreJob"],"Resource":"*"` + condition + `}]}`
		}
		r.AddVault(v)
		t.know(r, lenscap.KindBackupVault, name, truth)
		inside := truth
		inside.Why += " (a recovery point in it)"
		if truth.Verdict.Exposed() {
			inside.Readable = lenscap.No // its key is not shared
		}
		t.know(r, lenscap.KindBackup, v.Points[0].ARN, inside)
	}
	vault("shop-archive", `"*"`, "", 1, Truth{Verdict: lenscap.VerdictLivePublic, Readable: lenscap.Yes, Why: "a vault open to everybody"})
	vault("shop-family", `"*"`, `,"Condition":{"StringEquals":{"aws:PrincipalOrgID":"`+Organization+`"}}`, 2,
		Truth{Verdict: lenscap.VerdictOrgShare, Readable: lenscap.Yes, Why: "a vault for the organization"})
	vault("shop-plain", "", "", 3, Truth{Verdict: lenscap.VerdictPrivate, Why: "a vault without a policy"})
	airGapped := func(name, with string, n int, truth Truth) {
		v := aws.Vault{Name: name, AirGapped: true, SharedWith: []string{with}, Points: []aws.RecoveryPoint{point(n)}}
		r.AddVault(v)
		t.know(r, lenscap.KindBackupVault, name, truth)
		truth.Why += " (a recovery point in it)"
		t.know(r, lenscap.KindBackup, v.Points[0].ARN, truth)
	}
	airGapped("shop-airgap-stranger", Outsider, 4,
		Truth{Verdict: lenscap.VerdictUntrustedShare, Readable: lenscap.Yes, Why: "an air-gapped vault shared by RAM with a stranger"})
	airGapped("shop-airgap-family", "arn:aws:organizations::"+Production+":organization/"+Organization, 5,
		Truth{Verdict: lenscap.VerdictOrgShare, Readable: lenscap.Yes, Why: "an air-gapped vault shared by RAM with the organization"})
}
