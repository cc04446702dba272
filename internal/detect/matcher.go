package detect

// Matchers lists every matcher that is Go code, one line each.
func Matchers() []Matcher {
	return []Matcher{
		privateKey{},
		awsKey{},
		loginURL{},
		authHeader{},
		webToken{},
		webKey{},
		assignment{},
	}
}
