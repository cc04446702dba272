package aws

// Org is the organization: a tree of units with accounts in it.
type Org struct {
	ID         string
	Management string
	Root       *OU
}

// OU is one organizational unit; the root is one, too.
type OU struct {
	ID       string
	Name     string
	Units    []*OU
	Accounts []string
}
