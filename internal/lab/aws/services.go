package aws

// services is the explicit list of what the lab serves, by signing name.
func services() map[string]*service {
	return map[string]*service{
		"ebs":           ebsService(),
		"ec2":           ec2Service(),
		"kms":           kmsService(),
		"organizations": orgService(),
		"sts":           stsService(),
	}
}
