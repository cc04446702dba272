package aws

// actionNames lists the operations whose IAM action has another name.
func actionNames() map[string]string { return map[string]string{} }
