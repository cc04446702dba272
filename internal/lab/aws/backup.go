package aws

import "time"

// Vault is a vault of AWS Backup.
type Vault struct {
	Name   string
	Key    string // KMS key ARN
	Policy string // JSON; empty: none
	Points []RecoveryPoint
	// AirGapped makes it a logically air-gapped vault: locked, under a key of
	// AWS's own, and shared by AWS RAM with accounts or ARNs.
	AirGapped  bool
	SharedWith []string
}

// RecoveryPoint is one backup in a vault.
type RecoveryPoint struct {
	ARN      string
	Resource string // ARN of what was backed up
	Type     string // EBS, RDS, S3 …
	Plan     string // that made it; empty: on demand
	Created  time.Time
}

type backupState struct {
	vaults []Vault
	plans  []string
}

// AddVault puts a vault there.
func (r *Region) AddVault(v Vault) {
	st := stateOf[backupState](r)
	st.vaults = append(st.vaults, v)
}

// AddBackupPlan puts a plan there.
func (r *Region) AddBackupPlan(id string) {
	st := stateOf[backupState](r)
	st.plans = append(st.plans, id)
}

func backupService() *service {
	return &service{protocol: restJSON, routes: []route{
		{method: "GET", pattern: "/backup/plans", name: "ListBackupPlans", run: listBackupPlans},
		{method: "GET", pattern: "/backup-vaults", name: "ListBackupVaults", run: listBackupVaults},
		{method: "GET", pattern: "/backup-vaults/{name}/access-policy", name: "GetBackupVaultAccessPolicy", run: getVaultPolicy},
		{method: "GET", pattern: "/backup-vaults/{name}/recovery-points", name: "ListRecoveryPointsByBackupVault", run: listRecoveryPoints},
	}}
}

func (r *Region) vaultARN(name string) string {
	return "arn:aws:backup:" + r.Name + ":" + r.Account.ID + ":backup-vault:" + name
}

// backupPage cuts a page of AWS Backup, which names its token NextToken.
func backupPage[T any](q *Request, list string, items []T, show func(T) map[string]any) (any, error) {
	page, next, err := paginate(q, items, 100, q.Query.Get("nextToken"))
	if err != nil {
		return nil, err
	}
	shown := []any{}
	for _, it := range page {
		shown = append(shown, show(it))
	}
	out := map[string]any{list: shown}
	if next != "" {
		out["NextToken"] = next
	}
	return out, nil
}

func listBackupPlans(q *Request) (any, error) {
	return backupPage(q, "BackupPlansList", stateOf[backupState](q.Region).plans, func(id string) map[string]any {
		return map[string]any{"BackupPlanId": id, "BackupPlanName": id}
	})
}

func listBackupVaults(q *Request) (any, error) {
	return backupPage(q, "BackupVaultList", stateOf[backupState](q.Region).vaults, func(v Vault) map[string]any {
		out := map[string]any{
			"BackupVaultName": v.Name, "BackupVaultArn": q.Region.vaultARN(v.Name), "EncryptionKeyArn": v.Key,
			"VaultType": "BACKUP_VAULT", "NumberOfRecoveryPoints": len(v.Points),
		}
		if v.AirGapped {
			delete(out, "EncryptionKeyArn")
			out["VaultType"], out["Locked"], out["EncryptionKeyType"] = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT", true, "AWS_OWNED_KMS_KEY"
			out["LockDate"], out["MinRetentionDays"], out["MaxRetentionDays"] = float64(q.World.Now().Unix()), 7, 90
		}
		return out
	})
}

func (q *Request) vault() (Vault, error) {
	for _, v := range stateOf[backupState](q.Region).vaults {
		if v.Name == q.Path("name") {
			return v, nil
		}
	}
	return Vault{}, fail(400, "ResourceNotFoundException", "Backup vault %s not found", q.Path("name"))
}

func getVaultPolicy(q *Request) (any, error) {
	v, err := q.vault()
	if err == nil && v.Policy == "" {
		err = fail(400, "ResourceNotFoundException", "Backup vault access policy not found")
	}
	if err != nil {
		return nil, err
	}
	return map[string]any{"BackupVaultName": v.Name, "BackupVaultArn": q.Region.vaultARN(v.Name), "Policy": v.Policy}, nil
}

func listRecoveryPoints(q *Request) (any, error) {
	v, err := q.vault()
	if err != nil {
		return nil, err
	}
	return backupPage(q, "RecoveryPoints", v.Points, func(p RecoveryPoint) map[string]any {
		out := map[string]any{
			"RecoveryPointArn": p.ARN, "BackupVaultName": v.Name, "ResourceArn": p.Resource, "ResourceType": p.Type,
			"Status": "COMPLETED", "CreationDate": float64(p.Created.Unix()), "IsEncrypted": true, "EncryptionKeyArn": v.Key, "BackupSizeInBytes": 8 << 30,
		}
		if v.AirGapped {
			delete(out, "EncryptionKeyArn")
			out["EncryptionKeyType"], out["VaultType"] = "AWS_OWNED_KMS_KEY", "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"
		}
		if p.Plan != "" {
			out["CreatedBy"] = map[string]any{"BackupPlanId": p.Plan}
		}
		return out
	})
}
