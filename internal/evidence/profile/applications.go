package profile

import (
	"encoding/json"
	"path"
	"regexp"
	"strings"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/detect/packages"
)

// product is a program known by its package, its program or its place.
type product struct {
	name     string
	packages string // names, a trailing * is anything
	paths    string // any of them: files, or directories that hold something
	config   string
}

var products = []product{
	{"nginx", "nginx nginx-core nginx-full nginx-light nginx-extras", "/usr/sbin/nginx /usr/local/nginx/sbin/nginx /www/server/nginx/sbin/nginx", "/etc/nginx /usr/local/nginx/conf"},
	{"apache", "apache2 httpd", "/usr/sbin/apache2 /usr/sbin/httpd", "/etc/apache2 /etc/httpd"},
	{"tomcat", "tomcat tomcat9 tomcat10", "/opt/tomcat/bin /usr/local/tomcat/bin", "/etc/tomcat9 /etc/tomcat10 /opt/tomcat/conf /usr/local/tomcat/conf"},
	{"php-fpm", "php-fpm php7.*-fpm php8.*-fpm", "/usr/sbin/php-fpm", "/etc/php /etc/php-fpm.d"},
	{"caddy", "caddy", "/usr/bin/caddy", "/etc/caddy/Caddyfile"},
	{"haproxy", "haproxy", "/usr/sbin/haproxy", "/etc/haproxy/haproxy.cfg"},
	{"docker", "docker.io docker-ce docker-engine docker", "/usr/bin/dockerd", "/etc/docker/daemon.json"},
	{"containerd", "containerd containerd.io", "/usr/bin/containerd", "/etc/containerd/config.toml"},
	{"kubernetes node", "kubelet", "/usr/bin/kubelet /var/lib/kubelet/pki", "/var/lib/kubelet/config.yaml /etc/kubernetes/kubelet.conf"},
	{"jenkins", "jenkins", "/var/lib/jenkins/config.xml", "/var/lib/jenkins/config.xml"},
	{"gitlab", "gitlab-ce gitlab-ee", "/opt/gitlab/bin", "/etc/gitlab/gitlab.rb"},
	{"grafana", "grafana grafana-enterprise", "/usr/sbin/grafana-server /usr/share/grafana/bin", "/etc/grafana/grafana.ini"},
	{"prometheus", "prometheus", "/usr/bin/prometheus /opt/prometheus/prometheus", "/etc/prometheus/prometheus.yml"},
	{"elasticsearch", "elasticsearch", "/usr/share/elasticsearch/bin", "/etc/elasticsearch/elasticsearch.yml"},
	{"mysql", "mysql-server mysql-community-server mysql-server-8.0", "/usr/sbin/mysqld", "/etc/mysql /etc/my.cnf"},
	{"mariadb", "mariadb-server mariadb-server-10.*", "/usr/sbin/mariadbd", "/etc/mysql/mariadb.cnf /etc/my.cnf.d"},
	{"postgresql", "postgresql-1* postgresql-server", "/usr/lib/postgresql", "/etc/postgresql"},
	{"mongodb", "mongodb-org-server mongodb-server", "/usr/bin/mongod", "/etc/mongod.conf"},
	{"redis", "redis-server redis", "/usr/bin/redis-server", "/etc/redis/redis.conf /etc/redis.conf"},
	{"rabbitmq", "rabbitmq-server", "/usr/lib/rabbitmq/bin", "/etc/rabbitmq"},
	{"kafka", "confluent-kafka", "/opt/kafka/bin", "/opt/kafka/config/server.properties"},
	{"etcd", "etcd etcd-server", "/usr/bin/etcd", "/etc/default/etcd /etc/etcd"},
	{"vault", "vault", "/usr/bin/vault", "/etc/vault.d"},
	{"consul", "consul", "/usr/bin/consul", "/etc/consul.d"},
	{"postfix", "postfix", "/usr/sbin/postfix", "/etc/postfix/main.cf"},
	{"exim", "exim4-base exim", "/usr/sbin/exim4", "/etc/exim4"},
	{"dovecot", "dovecot-core dovecot", "/usr/sbin/dovecot", "/etc/dovecot"},
	{"samba", "samba", "/usr/sbin/smbd", "/etc/samba/smb.conf"},
	{"openvpn", "openvpn", "/usr/sbin/openvpn", "/etc/openvpn"},
	{"wireguard", "wireguard wireguard-tools", "/usr/bin/wg", "/etc/wireguard"},
	{"iis", "", "/inetpub/wwwroot /Windows/System32/inetsrv/w3wp.exe", "/Windows/System32/inetsrv/config/applicationHost.config"},
	{"mssql", "mssql-server", "/Program Files/Microsoft SQL Server /opt/mssql/bin", "/var/opt/mssql/mssql.conf"},
	{"active directory", "", "/Windows/NTDS/ntds.dit", ""},
}

// markNames are files that mark an application.
var markNames = map[string]bool{
	"package.json": true, "manage.py": true, "requirements.txt": true, "version.php": true, "pyproject.toml": true, "repositories.json": true, "config.v2.json": true, "composer.json": true, "Gemfile": true, "go.mod": true,
}

func matchName(patterns, name string) bool {
	for f := range strings.FieldsSeq(patterns) {
		if ok, _ := path.Match(f, name); ok {
			return true
		}
	}
	return false
}

func (p *Profile) application(v *volume, name, version, file string, config []string) {
	if len(p.out.Applications) >= maxResults || name == "" {
		return
	}
	a := lenscap.Application{Name: clean(name), Version: clean(version), Path: v.place(file)}
	for _, c := range config {
		a.Config = append(a.Config, v.place(c))
	}
	p.out.Applications = append(p.out.Applications, a)
}

// own tells whether a path lies where people put what they made.
func own(file string) bool {
	for _, d := range []string{"/srv/", "/opt/", "/var/www/", "/home/", "/root/", "/app/", "/apps/", "/data/", "/usr/local/", "/usr/src/", "/www/", "/inetpub/", "/usr/share/nginx/html/"} {
		if strings.HasPrefix(file, d) {
			return true
		}
	}
	return false
}

var (
	wordpress = regexp.MustCompile(`\$wp_version\s*=\s*['"]([0-9A-Za-z.-]{1,20})['"]`)
	nextcloud = regexp.MustCompile(`\$OC_VersionString\s*=\s*['"]([0-9A-Za-z. -]{1,20})['"]`)
)

// findApplications tells products and people's own programs.
func (p *Profile) findApplications(v *volume) {
	list := v.manifest.Packages()
	for _, k := range products {
		version, where := "", ""
		var found *packages.Package
		for i := range list {
			if found == nil && matchName(k.packages, list[i].Name) {
				found = &list[i]
			}
		}
		for _, f := range places(k.paths) {
			if v.exists(f) || v.filled(f) {
				where = f
				break
			}
		}
		if found == nil && where == "" {
			continue
		}
		if found != nil {
			version = found.Version
			if where == "" {
				where = map[string]string{packages.DPKG: "/var/lib/dpkg/status", packages.RPM: "/var/lib/rpm", packages.APK: "/lib/apk/db/installed"}[found.Manager]
			}
		}
		if k.name == "mysql" && found == nil && v.exists("/usr/sbin/mariadbd") {
			continue // mariadb's own name for compatibility
		}
		var config []string
		for _, f := range places(k.config) {
			if v.exists(f) || v.filled(f) {
				config = append(config, f)
			}
		}
		p.application(v, k.name, version, where, config)
		p.fact(classApplication, v.place(where), strings.TrimSpace(k.name+" "+clean(version))+" is installed.", "已安装 "+strings.TrimSpace(k.name+" "+clean(version))+"。")
	}
	for _, file := range sorted(v.marks) {
		name, version := v.ownApplication(file)
		if name == "" {
			continue
		}
		p.application(v, name, version, file, nil)
		title := strings.TrimSpace(clean(name) + " " + clean(version))
		p.fact(classApplication, v.place(file), "The application "+title+" lies here.", "此处有应用 "+title+"。")
	}
	p.containers(v)
	for _, dir := range []string{"/srv", "/opt", "/var/www", "/app"} {
		if n := v.nodes[dir]; n != nil && n.ownFiles > 0 {
			p.fact(classApplication, v.place(dir),
				count(n.ownFiles)+" files with "+bytesText(n.own)+" that no package brought.", count(n.ownFiles)+" 个文件（"+bytesText(n.own)+"）不来自任何软件包。")
		}
	}
}

// places are the paths of a list; a blank that belongs to a path stands before
// no slash.
func places(s string) []string {
	if s == "" {
		return nil
	}
	out := strings.Split(s, " /")
	for i := 1; i < len(out); i++ {
		out[i] = "/" + out[i]
	}
	return out
}

// ownApplication reads a file that marks an application.
func (v *volume) ownApplication(file string) (name, version string) {
	dir, base := path.Split(file)
	parent := path.Base(dir)
	switch {
	case base == "version.php" && strings.HasSuffix(dir, "/wp-includes/"):
		if m := wordpress.FindSubmatch(v.read(file)); m != nil {
			return "wordpress", string(m[1])
		}
		return "", ""
	case base == "version.php":
		if m := nextcloud.FindSubmatch(v.read(file)); m != nil {
			return "nextcloud", string(m[1])
		}
		return "", ""
	case !own(file) || v.manifest.Owns(file):
		return "", ""
	case base == "package.json" || base == "composer.json":
		var js struct{ Name, Version string }
		if json.Unmarshal(v.read(file), &js) != nil {
			return "", ""
		}
		if js.Name == "" {
			js.Name = parent
		}
		return js.Name, js.Version
	case base == "manage.py":
		return parent + " (django)", ""
	case base == "requirements.txt" || base == "pyproject.toml":
		return parent + " (python)", ""
	case base == "Gemfile":
		return parent + " (ruby)", ""
	case base == "go.mod":
		return parent + " (go)", ""
	case strings.HasSuffix(base, ".war"):
		return base, ""
	case strings.HasSuffix(base, ".jar") && !strings.HasSuffix(dir, "/lib/") && !strings.HasSuffix(dir, "/libs/"):
		return base, ""
	}
	return "", ""
}

// containers tells docker's images and containers by name.
func (p *Profile) containers(v *volume) {
	for _, file := range sorted(v.marks) {
		switch {
		case strings.HasSuffix(file, "/image/overlay2/repositories.json"):
			var js struct {
				Repositories map[string]map[string]string
			}
			if json.Unmarshal(v.read(file), &js) != nil {
				continue
			}
			for _, repo := range sorted(js.Repositories) {
				for _, ref := range sorted(js.Repositories[repo]) {
					if strings.Contains(ref, "@sha256:") {
						continue
					}
					tag := ref[strings.LastIndexByte(ref, ':')+1:]
					p.application(v, "docker image "+repo, tag, file, nil)
					p.fact(classApplication, v.place(file), "The Docker image "+clean(ref)+" is kept.", "存有 Docker 镜像 "+clean(ref)+"。")
				}
			}
		case path.Base(file) == "config.v2.json" && strings.Contains(file, "/containers/"):
			var js struct {
				Name   string
				Config struct{ Image string }
			}
			if json.Unmarshal(v.read(file), &js) == nil && js.Name != "" {
				p.application(v, "docker container "+strings.TrimPrefix(js.Name, "/"), js.Config.Image, file, nil)
				p.fact(classApplication, v.place(file), "The Docker container "+clean(strings.TrimPrefix(js.Name, "/"))+" is kept.", "存有 Docker 容器 "+clean(strings.TrimPrefix(js.Name, "/"))+"。")
			}
		}
	}
}
