package aws

// actionNames lists the operations whose IAM action has another name.
func actionNames() map[string]string {
	return map[string]string{
		"s3:HeadObject":                   "s3:GetObject",
		"s3:GetPublicAccessBlock":         "s3:GetBucketPublicAccessBlock",
		"s3-control:GetPublicAccessBlock": "s3:GetAccountPublicAccessBlock",
	}
}
