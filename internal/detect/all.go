package detect

// All lists every detector, one line each.
func All() []Detector {
	return []Detector{
		privateKey{},
		awsKey{},
		githubToken{},
		databaseURL{},
		shadow{},
		passwordFile{},
		dockerAuth{},
		wordpress{},
		cloudInit{},
		terraform{},
		assignment{},
	}
}
