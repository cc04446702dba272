package detect

import (
	"bytes"
	"regexp"
	"strings"
)

// terraform finds state files of Terraform and OpenTofu, which hold every
// secret that was ever put into a resource, in the clear.
type terraform struct{}

func (terraform) Name() string { return "terraform_state" }

func (terraform) Wants(f File) int64 {
	if strings.HasSuffix(f.Path, ".tfstate") || strings.HasSuffix(f.Path, ".tfstate.backup") {
		return upTo(f, 16<<20)
	}
	return 0
}

var tfVersion = regexp.MustCompile(`"terraform_version"\s*:\s*"([^"]{1,40})"`)

func (terraform) Detect(_ File, data []byte) []Hit {
	m := tfVersion.FindSubmatchIndex(data)
	if m == nil || !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return nil
	}
	out := []Hit{{
		Type: "terraform_state", Class: Artefact, Severity: Medium, Start: m[2], End: m[3], Public: public(data[m[2]:m[3]]),
		TitleEn: "Terraform state", TitleZh: "Terraform 状态文件",
	}}
	for _, h := range assigned(jsonAssign, data) {
		h.Severity, h.TitleEn, h.TitleZh = High, "secret in a Terraform state", "Terraform 状态文件中的密钥"
		out = append(out, h)
	}
	return out
}
