package aws

var exportOps = map[string]operation{
	"DescribeExportImageTasks": describeExportImageTasks,
	"DescribeExportTasks":      describeExportTasks,
}

type storeTaskXML struct {
	AMI      string `xml:"amiId"`
	Bucket   string `xml:"bucket"`
	Key      string `xml:"s3objectKey"`
	Progress int    `xml:"progressPercentage"`
	State    string `xml:"storeTaskState"`
	Started  string `xml:"taskStartTime"`
}

func describeStoreTasks(q *Request) (any, error) {
	ids := q.Form.List("ImageId")
	var found []storeTaskXML
	for _, t := range ec2Of(q.Region).stored {
		if len(ids) == 0 || contains(ids, t.Of) {
			found = append(found, storeTaskXML{t.Of, t.Bucket, t.Key, 100, map[string]string{"failed": "Failed", "active": "InProgress"}[t.State], stamp(t.Started)})
			if last := &found[len(found)-1]; last.State == "" {
				last.State = "Completed"
			}
		}
	}
	part, next, err := page(q, found, 1)
	return struct {
		Tasks []storeTaskXML `xml:"storeImageTaskResultSet>item"`
		Next  string         `xml:"nextToken,omitempty"`
	}{part, next}, err
}

type exportImageXML struct {
	ID     string   `xml:"exportImageTaskId"`
	Image  string   `xml:"imageId"`
	Bucket string   `xml:"s3ExportLocation>s3Bucket"`
	Prefix string   `xml:"s3ExportLocation>s3Prefix"`
	Status string   `xml:"status"`
	Tags   []tagXML `xml:"tagSet>item,omitempty"`
}

func describeExportImageTasks(q *Request) (any, error) {
	ids := q.Form.List("ExportImageTaskId")
	var found []exportImageXML
	for _, t := range ec2Of(q.Region).exported {
		if len(ids) == 0 || contains(ids, t.ID) {
			found = append(found, exportImageXML{t.ID, t.Of, t.Bucket, t.Key, or(t.State, "completed"), tagsXML(t.Tags)})
		}
	}
	part, next, err := page(q, found, 1)
	return struct {
		Tasks []exportImageXML `xml:"exportImageTaskSet>item"`
		Next  string           `xml:"nextToken,omitempty"`
	}{part, next}, err
}

type exportTaskXML struct {
	ID       string   `xml:"exportTaskId"`
	State    string   `xml:"state"`
	Bucket   string   `xml:"exportToS3>s3Bucket"`
	Key      string   `xml:"exportToS3>s3Key"`
	Format   string   `xml:"exportToS3>diskImageFormat"`
	Instance string   `xml:"instanceExport>instanceId"`
	Target   string   `xml:"instanceExport>targetEnvironment"`
	Tags     []tagXML `xml:"tagSet>item,omitempty"`
}

func describeExportTasks(q *Request) (any, error) {
	ids := q.Form.List("ExportTaskId")
	var found []exportTaskXML
	for _, t := range ec2Of(q.Region).instTasks {
		if len(ids) == 0 || contains(ids, t.ID) {
			found = append(found, exportTaskXML{t.ID, or(t.State, "completed"), t.Bucket, t.Key, or(t.Format, "vmdk"), t.Of, "vmware", tagsXML(t.Tags)})
		}
	}
	return struct {
		Tasks []exportTaskXML `xml:"exportTaskSet>item"`
	}{found}, nil
}
