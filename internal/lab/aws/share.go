package aws

import "slices"

// readPermissions reads what a Modify…Attribute call adds and removes, in both
// forms: Attribute.Add.1.Group=all, or OperationType=add with UserGroup.1=all.
func readPermissions(f form, attribute string) (add, remove []Permission) {
	sub := f.Sub(attribute)
	add, remove = permissionList(sub.Structs("Add")), permissionList(sub.Structs("Remove"))
	var flat []Permission
	for _, v := range f.List("UserGroup") {
		flat = append(flat, Permission{Group: v})
	}
	for _, v := range f.List("UserId") {
		flat = append(flat, Permission{UserID: v})
	}
	for _, v := range f.List("OrganizationArn") {
		flat = append(flat, Permission{OrgARN: v})
	}
	for _, v := range f.List("OrganizationalUnitArn") {
		flat = append(flat, Permission{UnitARN: v})
	}
	if f.Get("OperationType") == "remove" {
		return add, append(remove, flat...)
	}
	return append(add, flat...), remove
}

func permissionList(list []form) []Permission {
	var out []Permission
	for _, s := range list {
		out = append(out, Permission{s.Get("Group"), s.Get("UserId"), s.Get("OrganizationArn"), s.Get("OrganizationalUnitArn")})
	}
	return out
}

// checkPermissions refuses what no share list may hold.
func checkPermissions(list []Permission) error {
	for _, p := range list {
		if p.Group != "" && p.Group != "all" {
			return bad("InvalidParameterValue", "Value (%s) for parameter group is invalid.", p.Group)
		}
		if p.UserID != "" && !isAccount(p.UserID) {
			return bad("InvalidUserID.Malformed", "Invalid user id: %q", p.UserID)
		}
		if p == (Permission{}) {
			return bad("MissingParameter", "The request must contain a permission")
		}
	}
	return nil
}

func isAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// changeShares applies a change to a share list and keeps it ordered.
func changeShares(shares, add, remove []Permission) []Permission {
	out := slices.Clone(shares)
	for _, p := range add {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return slices.DeleteFunc(out, func(p Permission) bool { return slices.Contains(remove, p) })
}

// public tells whether the share list says so; a guard may hold it back.
func public(shares []Permission) bool { return slices.Contains(shares, Everyone) }

// namesAccount tells whether the list lets the account in by name, by its
// organization or by one of its units.
func (w *World) namesAccount(shares []Permission, account string) bool {
	return slices.ContainsFunc(shares, func(p Permission) bool {
		return p.UserID == account && account != "" ||
			p.OrgARN != "" && w.org != nil && p.OrgARN == w.org.ARN() && w.org.has(account) ||
			p.UnitARN != "" && w.org != nil && w.org.inUnit(account, p.UnitARN)
	})
}
