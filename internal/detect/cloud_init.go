package detect

import (
	"bytes"
	"regexp"
	"strings"
)

// cloudInit reads what an instance was given at its first boot: user data and
// its parts. It is plain text that people fill with passwords.
type cloudInit struct{}

func (cloudInit) Name() string { return "cloud_init" }

func (cloudInit) Wants(f File) int64 {
	if strings.Contains(f.Path, "/var/lib/cloud/instance") &&
		named(f, "user-data.txt", "user-data.txt.i", "vendor-data.txt", "cloud-config.txt") ||
		strings.Contains(f.Path, "/var/lib/cloud/seed/") && named(f, "user-data", "vendor-data") {
		return upTo(f, textLimit)
	}
	return 0
}

// chpasswd matches user:password lines below "list:", and chpasswd in a shell.
var (
	chpasswdList  = regexp.MustCompile(`(?m)^[ \t]+(?:-[ \t]+)?["']?([a-z_][a-z0-9_-]{0,31}):([^\s"':]{4,128})["']?[ \t]*\r?$`)
	chpasswdShell = regexp.MustCompile(`echo[ \t]+(?:-[en][ \t]+)?["']?([a-z_][a-z0-9_-]{0,31}):([^\s"':|]{4,128})["']?[ \t]*\|[ \t]*(?:sudo[ \t]+)?chpasswd`)
)

func (cloudInit) Detect(_ File, data []byte) []Hit {
	out := assigned(lineAssign, data)
	if containsAny(data, "chpasswd") {
		for _, m := range append(chpasswdList.FindAllSubmatchIndex(data, -1), chpasswdShell.FindAllSubmatchIndex(data, -1)...) {
			v := data[m[4]:m[5]]
			if placeholder(v) || string(v) == "RANDOM" || string(v) == "R" {
				continue
			}
			out = append(out, Hit{
				Type: "account_password", Class: Secret, Severity: Critical, Start: m[4], End: m[5], Public: public(data[m[2]:m[3]]),
				TitleEn: "password of an account in user data", TitleZh: "用户数据中的账户密码",
			})
		}
	}
	if text := bytes.TrimSpace(data); len(text) > 0 && len(out) > 0 {
		out = append(out, Hit{
			Type: "user_data", Class: Artefact, Severity: Low, Start: 0, End: len(data),
			TitleEn: "user data given at first boot", TitleZh: "首次启动时传入的用户数据", Detail: "holds secrets",
		})
	}
	return out
}
