package aws

// services is the explicit list of what the lab serves, by signing name.
func services() map[string]*service {
	return map[string]*service{
		"backup":              backupService(),
		"dlm":                 dlmService(),
		"ebs":                 ebsService(),
		"ec2":                 ec2Service(),
		"iam":                 iamService(),
		"imagebuilder":        imageBuilderService(),
		"kms":                 kmsService(),
		"lightsail":           lightsailService(),
		"organizations":       orgService(),
		"ram":                 ramService(),
		"rds":                 rdsService(),
		"redshift":            redshiftService(),
		"redshift-serverless": serverlessService(),
		"s3":                  s3Service(),
		"sts":                 stsService(),
	}
}
