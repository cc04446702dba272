package exposure

import (
	"slices"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/inventory"
)

// Trust lists who may be let in, as the user declared it.
type Trust struct {
	Accounts      []string
	Organizations []string
	OUs           []string
	Principals    []string
}

// standing is where a principal stands as seen from an asset's account.
type standing int

const (
	stranger  standing = iota
	undecided          // no list says so, but the organization could not be read
	sister             // of the same organization
	trusted
	own // the asset's own account, or a service acting for it
)

// judge tells where the principal stands.
func (t Trust) judge(v *inventory.View, ref lenscap.Ref, p lenscap.Principal) standing {
	switch p.Type {
	case lenscap.Service:
		return own
	case lenscap.Account, lenscap.Identity:
		return t.judgeAccount(v, ref, p)
	case lenscap.Organization, lenscap.OrgUnit:
		return t.judgeOrganization(v, ref, p)
	}
	return stranger
}

func (t Trust) judgeAccount(v *inventory.View, ref lenscap.Ref, p lenscap.Principal) standing {
	account := p.Account
	if p.Type == lenscap.Account {
		account = p.ID
	}
	if account != "" && account == ref.Account {
		return own
	}
	if slices.Contains(t.Accounts, account) || slices.Contains(t.Principals, p.ID) {
		return trusted
	}
	home, known := v.Member(ref.Provider, ref.Account)
	other, listed := v.Member(ref.Provider, account)
	if listed && other.Organization != "" {
		if slices.Contains(t.Organizations, other.Organization) || overlap(t.OUs, other.OUs) {
			return trusted
		}
		if known && other.Organization == home.Organization {
			return sister
		}
	}
	if !known {
		return undecided
	}
	return stranger
}

func (t Trust) judgeOrganization(v *inventory.View, ref lenscap.Ref, p lenscap.Principal) standing {
	if slices.Contains(t.Organizations, p.ID) || slices.Contains(t.OUs, p.ID) {
		return trusted
	}
	home, known := v.Member(ref.Provider, ref.Account)
	if !known {
		return undecided
	}
	if home.Organization == "" {
		return stranger
	}
	if p.Type == lenscap.Organization && p.ID == home.Organization ||
		p.Type == lenscap.OrgUnit && v.Unit(ref.Provider, p.ID) == home.Organization {
		return sister
	}
	return stranger
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}
