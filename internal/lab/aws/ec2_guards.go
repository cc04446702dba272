package aws

var guardOps = map[string]operation{
	"GetSnapshotBlockPublicAccessState": func(q *Request) (any, error) { return snapshotBlock(q, true), nil },
	"EnableSnapshotBlockPublicAccess":   enableSnapshotBlock,
	"DisableSnapshotBlockPublicAccess":  disableSnapshotBlock,
	"GetImageBlockPublicAccessState":    func(q *Request) (any, error) { return imageBlock(q, true), nil },
	"EnableImageBlockPublicAccess":      enableImageBlock,
	"DisableImageBlockPublicAccess":     disableImageBlock,
	"GetEbsEncryptionByDefault":         func(q *Request) (any, error) { return encryption(q), nil },
	"EnableEbsEncryptionByDefault":      func(q *Request) (any, error) { return setEncryption(q, true), nil },
	"DisableEbsEncryptionByDefault":     func(q *Request) (any, error) { return setEncryption(q, false), nil },
	"GetEbsDefaultKmsKeyId":             getDefaultKey,
	"ModifyEbsDefaultKmsKeyId":          setDefaultKey,
}

type blockXML struct {
	Snapshot string `xml:"state,omitempty"`
	Image    string `xml:"imageBlockPublicAccessState,omitempty"`
	By       string `xml:"managedBy,omitempty"`
}

func snapshotBlock(q *Request, by bool) blockXML {
	set := q.Region.Settings()
	x := blockXML{Snapshot: set.SnapshotBlock}
	if by {
		x.By = set.BlockManagedBy
	}
	return x
}

func imageBlock(q *Request, by bool) blockXML {
	set := q.Region.Settings()
	x := blockXML{Image: set.ImageBlock}
	if by {
		x.By = set.BlockManagedBy
	}
	return x
}

// declared refuses a change of what the organization's policy sets.
func declared(q *Request) error {
	if q.Region.Settings().BlockManagedBy == "declarative-policy" {
		return bad("DeclarativePolicyViolation", "The setting is managed by a declarative policy")
	}
	return nil
}

func enableSnapshotBlock(q *Request) (any, error) {
	state := q.Form.Get("State")
	if state != "block-all-sharing" && state != "block-new-sharing" {
		return nil, bad("InvalidParameterValue", "Value (%s) for parameter State is invalid.", state)
	}
	if err := declared(q); err != nil {
		return nil, err
	}
	q.Region.Settings().SnapshotBlock = state
	return snapshotBlock(q, false), nil
}

func disableSnapshotBlock(q *Request) (any, error) {
	if err := declared(q); err != nil {
		return nil, err
	}
	q.Region.Settings().SnapshotBlock = "unblocked"
	return snapshotBlock(q, false), nil
}

func enableImageBlock(q *Request) (any, error) {
	if state := q.Form.Get("ImageBlockPublicAccessState"); state != "block-new-sharing" {
		return nil, bad("InvalidParameterValue", "Value (%s) for parameter ImageBlockPublicAccessState is invalid.", state)
	}
	if err := declared(q); err != nil {
		return nil, err
	}
	q.Region.Settings().ImageBlock = "block-new-sharing"
	return imageBlock(q, false), nil
}

func disableImageBlock(q *Request) (any, error) {
	if err := declared(q); err != nil {
		return nil, err
	}
	q.Region.Settings().ImageBlock = "unblocked"
	return imageBlock(q, false), nil
}

type encryptionXML struct {
	On bool `xml:"ebsEncryptionByDefault"`
}

func encryption(q *Request) encryptionXML {
	return encryptionXML{q.Region.Settings().EncryptByDefault}
}

func setEncryption(q *Request, on bool) encryptionXML {
	q.Region.Settings().EncryptByDefault = on
	return encryption(q)
}

type defaultKeyXML struct {
	Key string `xml:"kmsKeyId"`
}

func getDefaultKey(q *Request) (any, error) {
	return defaultKeyXML{or(q.Region.Settings().DefaultKey, "alias/aws/ebs")}, nil
}

func setDefaultKey(q *Request) (any, error) {
	k := q.World.findKey(q.Region, q.Form.Get("KmsKeyId"))
	if k == nil {
		return nil, bad("InvalidKmsKey.NotFound", "The KMS key does not exist")
	}
	q.Region.Settings().DefaultKey = k.ARN()
	return defaultKeyXML{k.ARN()}, nil
}
