package aws

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"

	"github.com/lenscap/lenscap"
)

const (
	callVaults      = "backup:ListBackupVaults"
	callVaultPolicy = "backup:GetBackupVaultAccessPolicy"
	callPoints      = "backup:ListRecoveryPointsByBackupVault"
	callPlans       = "backup:ListBackupPlans"
)

// vaultActions are the actions of a vault policy by which somebody gets at what
// is in the vault. CopyIntoBackupVault only brings something in.
var vaultActions = map[string]lenscap.Access{
	"backup:StartRestoreJob":                 lenscap.AccessRead,
	"backup:GetRecoveryPointRestoreMetadata": lenscap.AccessRead,
	"backup:CopyFromBackupVault":             lenscap.AccessCopy,
	"backup:StartCopyJob":                    lenscap.AccessCopy,
	"backup:DeleteRecoveryPoint":             lenscap.AccessManage,
	"backup:PutBackupVaultAccessPolicy":      lenscap.AccessManage,
}

// backupPart reads AWS Backup: which plans live, since they own recovery
// points; vaults with their policies; recovery points. It runs before the
// snapshots, for which it claims those that a plan still holds.
func backupPart() part {
	kinds := []lenscap.Kind{lenscap.KindBackupVault, lenscap.KindBackup}
	return part{name: "backup vaults", kinds: kinds, collect: func(ctx context.Context, r *region) error {
		client := backup.NewFromConfig(r.cfg)
		if err := r.backupPlans(ctx, client); err != nil {
			return err
		}
		var vaults []string
		complete, err := r.listing(ctx, lenscap.KindBackupVault, callVaults, func(token *string, n *int) (*string, error) {
			out, err := client.ListBackupVaults(ctx, &backup.ListBackupVaultsInput{NextToken: token})
			if err != nil {
				return nil, err
			}
			for i := range out.BackupVaultList {
				v := &out.BackupVaultList[i]
				if name := awssdk.ToString(v.BackupVaultName); name != "" {
					vaults = append(vaults, name)
					if err := r.vault(ctx, client, v, n); err != nil {
						return nil, sinkError{err}
					}
				}
			}
			return out.NextToken, nil
		})
		if err != nil {
			return err
		}
		return r.recoveryPoints(ctx, client, vaults, complete)
	}}
}

// backupPlans fills the register of living plans.
func (r *region) backupPlans(ctx context.Context, client *backup.Client) error {
	plans := r.living(ownerPlan)
	err := pages(ctx, func(token *string) (*string, error) {
		out, err := client.ListBackupPlans(ctx, &backup.ListBackupPlansInput{NextToken: token})
		if err != nil {
			return nil, err
		}
		for i := range out.BackupPlansList {
			plans.add(awssdk.ToString(out.BackupPlansList[i].BackupPlanId))
		}
		return out.NextToken, nil
	})
	if err != nil {
		return r.gap(ctx, callPlans, err, lenscap.AspectLineage, lenscap.KindBackup)
	}
	plans.complete = true
	return nil
}

func (r *region) vault(ctx context.Context, client *backup.Client, v *backuptypes.BackupVaultListMember, n *int) error {
	name := awssdk.ToString(v.BackupVaultName)
	a := lenscap.Asset{
		Ref: r.ref(lenscap.KindBackupVault, name), Name: name, State: strings.ToLower(string(v.VaultState)), Created: awssdk.ToTime(v.CreationDate),
		Encryption: r.encryption(awssdk.Bool(true), v.EncryptionKeyArn), // vaults always are
		Attrs:      attrs("arn", awssdk.ToString(v.BackupVaultArn), "type", string(v.VaultType), "lock", r.vaultLock(v)),
	}
	out, err := client.GetBackupVaultAccessPolicy(ctx, &backup.GetBackupVaultAccessPolicyInput{BackupVaultName: &name})
	var none *backuptypes.ResourceNotFoundException
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &none):
		err = nil // it has no policy: nobody but the account
	case err == nil && out.Policy != nil:
		var grants []lenscap.Grant
		grants, err = parsePolicy([]byte(*out.Policy), r.account, vaultActions)
		a.Grants = r.prove(grants, callVaultPolicy, lenscap.PathPolicy)
	}
	if err != nil {
		a.Gaps = append(a.Gaps, r.assetGap(a.Ref, callVaultPolicy, err))
	}
	if v.VaultType == backuptypes.VaultTypeLogicallyAirGappedBackupVault {
		// Only these can be shared by AWS RAM, and whoever is let in restores
		// from them directly (AWS Backup guide, "Logically air-gapped vault").
		shared, err := r.resourceShares(ctx, a.Attrs["arn"], lenscap.AccessRead, lenscap.AccessCopy)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if a.Grants = append(a.Grants, shared...); err != nil {
			a.Gaps = append(a.Gaps, r.assetGap(a.Ref, callShares, err))
		}
	}
	return r.give(a, n)
}

// vaultLock tells of a vault lock: until when it can still be lifted, and how
// long what is in the vault can't be deleted. A lock holds back no reader.
func (r *region) vaultLock(v *backuptypes.BackupVaultListMember) string {
	if !awssdk.ToBool(v.Locked) {
		return ""
	}
	state := "compliance" // can't be lifted by anybody
	switch {
	case v.LockDate == nil:
		state = "governance"
	case v.LockDate.After(r.now):
		state = "compliance from " + v.LockDate.UTC().Format(time.DateOnly)
	}
	if days := awssdk.ToInt64(v.MinRetentionDays); days > 0 {
		state += fmt.Sprintf(", at least %d days", days)
	}
	return state
}

// recoveryPoints lists what is in each vault.
func (r *region) recoveryPoints(ctx context.Context, client *backup.Client, vaults []string, complete bool) error {
	n, failed := 0, 0
	for _, vault := range vaults {
		err := pages(ctx, func(token *string) (*string, error) {
			out, err := client.ListRecoveryPointsByBackupVault(ctx, &backup.ListRecoveryPointsByBackupVaultInput{BackupVaultName: &vault, NextToken: token})
			if err != nil {
				return nil, err
			}
			for i := range out.RecoveryPoints {
				if err := r.recoveryPoint(&out.RecoveryPoints[i], vault, &n); err != nil {
					return nil, err
				}
			}
			return out.NextToken, nil
		})
		if err == nil {
			continue
		}
		if err := asSink(err); err != nil {
			return err
		}
		failed++
		if err := r.gap(ctx, callPoints, err, lenscap.AspectAssets, lenscap.KindBackup); err != nil {
			return err
		}
	}
	state := lenscap.CoverageComplete
	switch {
	case failed > 0 && failed == len(vaults):
		state = lenscap.CoverageFailed
	case failed > 0 || !complete:
		state = lenscap.CoveragePartial
	}
	return r.covered(lenscap.KindBackup, n, state)
}

func (r *region) recoveryPoint(p *backuptypes.RecoveryPointByBackupVault, vault string, n *int) error {
	arn := awssdk.ToString(p.RecoveryPointArn)
	if arn == "" {
		return nil
	}
	in := r.ref(lenscap.KindBackupVault, vault)
	a := lenscap.Asset{
		Ref: r.ref(lenscap.KindBackup, arn), Name: awssdk.ToString(p.ResourceName), State: strings.ToLower(string(p.Status)),
		Created: awssdk.ToTime(p.CreationDate), LastUsed: awssdk.ToTime(p.LastRestoreTime), Size: awssdk.ToInt64(p.BackupSizeInBytes),
		Encryption: r.encryption(awssdk.Bool(p.IsEncrypted), p.EncryptionKeyArn), Lineage: lenscap.Lineage{Vault: &in},
		Attrs: attrs("resource_type", awssdk.ToString(p.ResourceType), "resource", awssdk.ToString(p.ResourceArn)),
	}
	if p.EncryptionKeyType == backuptypes.EncryptionKeyTypeAwsOwnedKmsKey {
		a.Encryption.Manager = lenscap.KeyOfService
	}
	if by := p.CreatedBy; by != nil && awssdk.ToString(by.BackupPlanId) != "" {
		id := *by.BackupPlanId
		a.Lineage.Owner = &lenscap.Owner{Type: ownerPlan, ID: id, State: r.living(ownerPlan).state(id)}
		// The recovery point of a volume is an EBS snapshot, of a database an
		// RDS snapshot: the plan holds on to that one, too.
		if part := splitARN(arn); part != nil {
			r.claim(strings.TrimPrefix(part[5], "snapshot/"), *a.Lineage.Owner)
		}
		r.claim(arn, *a.Lineage.Owner)
	}
	return r.give(a, n)
}
