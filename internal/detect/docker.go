package detect

import (
	"bytes"
	"encoding/base64"
	"regexp"
)

// dockerAuth finds passwords of container registries, kept by docker and
// podman as base64 of user:password.
type dockerAuth struct{}

func (dockerAuth) Name() string { return "registry_password" }

func (dockerAuth) Wants(f File) int64 {
	if named(f, ".docker/config.json", ".dockercfg", ".dockerconfigjson", "containers/auth.json", "/var/lib/kubelet/config.json") {
		return upTo(f, textLimit)
	}
	return 0
}

var dockerAuthField = regexp.MustCompile(`"auth"\s*:\s*"([A-Za-z0-9+/]{4,999}={0,2})"`)

func (dockerAuth) Detect(_ File, data []byte) []Hit {
	var out []Hit
	for _, m := range dockerAuthField.FindAllSubmatchIndex(data, -1) {
		b, err := base64.StdEncoding.DecodeString(string(data[m[2]:m[3]]))
		user, pass, ok := bytes.Cut(b, []byte(":"))
		if err != nil || !ok || placeholder(pass) {
			continue
		}
		out = append(out, Hit{
			Type: "registry_password", Class: Secret, Severity: High, Start: m[2], End: m[3], Checked: "yes",
			TitleEn: "container registry password", TitleZh: "容器镜像仓库密码", Public: public(user),
		})
	}
	return out
}
