package profile

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/lenscap/lenscap"
)

// The classes, after the mission's kinds of snapshot.
const (
	classOS          = "os_image"
	classApplication = "application_image"
	classData        = "data_snapshot"
)

func (p *Profile) fact(class, place, en, zh string) {
	n := 0
	for _, f := range p.out.Facts {
		if f.Class == class {
			n++
		}
	}
	if n < maxFacts/3 {
		p.out.Facts = append(p.out.Facts, lenscap.Fact{Class: class, Path: place, Text: lenscap.Text{En: en, Zh: zh}})
	}
}

func count(n int) string { return strconv.Itoa(n) }

// bytesText writes bytes for people: 3.2 GB.
func bytesText(n int64) string {
	f, unit := float64(n), 0
	for f >= 1000 && unit < 5 {
		f, unit = f/1000, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, []string{"B", "kB", "MB", "GB", "TB", "PB"}[unit])
}

// store is a database's data directory, known by a file that only it has.
type store struct {
	what   string
	marked bool // its mark was seen, not only what looks like its files
	filled bool // holds more than what an empty server has
}

// storeMarks are the files that only a data directory holds.
var storeMarks = map[string]string{
	"PG_VERSION": "postgresql", "ibdata1": "mysql", "WiredTiger": "mongodb", "dump.rdb": "redis", "appendonly.aof": "redis", "ntds.dit": "active directory", "master.mdf": "mssql",
}

// seeStore finds data directories and what fills them. It is called for each
// file, so most of them must leave at once.
func (v *volume) seeStore(file, base string, size int64) {
	if what := storeMarks[base]; what != "" {
		dir := path.Dir(file)
		if base == "PG_VERSION" && path.Base(path.Dir(dir)) == "base" {
			return // of one database, not of the cluster
		}
		s := v.store(dir, what)
		if s == nil {
			return
		}
		s.marked = true
		switch base {
		case "dump.rdb", "appendonly.aof":
			s.filled = s.filled || size > 200 // an empty one has a head and a checksum
		case "ntds.dit":
			s.filled = true
		}
		return
	}
	dot := strings.LastIndexByte(base, '.')
	if dot < 0 {
		// PostgreSQL: base/<database>/<relation>; the first 16383 numbers are its own.
		if base != "" && base[0] >= '0' && base[0] <= '9' && size > 0 {
			if i := strings.LastIndex(file, "/base/"); i > 0 && atoi(base) >= 16384 && strings.Count(file[i+6:], "/") == 1 {
				if s := v.store(file[:i], "postgresql"); s != nil {
					s.filled = true
				}
			}
		}
		return
	}
	switch base[dot:] {
	case ".ibd", ".MYD", ".MAI", ".frm":
		dir := path.Dir(file)
		switch name := path.Base(dir); {
		case name == "mysql" || name == "sys" || name == "performance_schema" || name == "information_schema" || strings.HasPrefix(name, "#"):
		case base == "mysql.ibd" || dir == "/":
		default:
			if s := v.store(path.Dir(dir), "mysql"); s != nil {
				s.filled = true
			}
		}
	case ".wt":
		if strings.HasPrefix(base, "collection-") && size > 64<<10 {
			if s := v.store(path.Dir(file), "mongodb"); s != nil {
				s.filled = true
			}
		}
	case ".mdf":
		if low := strings.ToLower(base); !slices.Contains([]string{"master.mdf", "model.mdf", "msdbdata.mdf", "tempdb.mdf"}, low) && size > 0 {
			if s := v.store(path.Dir(file), "mssql"); s != nil {
				s.marked, s.filled = true, true
			}
		}
	}
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

func (v *volume) store(dir, what string) *store {
	s := v.databases[dir]
	if s == nil && len(v.databases) < 500 {
		s = &store{what: what}
		v.databases[strings.Clone(dir)] = s
	}
	return s
}

// dataPlaces are directories that hold data, and from which bytes on it makes
// the disk a data snapshot; 0 never does.
var dataPlaces = []struct {
	path, what string
	least      int64
}{
	{"/var/lib/docker/volumes", "docker volumes", 1 << 20},
	{"/var/lib/mysql", "mysql", 0},
	{"/var/lib/postgresql", "postgresql", 0},
	{"/var/lib/pgsql", "postgresql", 0},
	{"/var/lib/mongodb", "mongodb", 0},
	{"/var/lib/mongo", "mongodb", 0},
	{"/var/lib/redis", "redis", 0},
	{"/var/opt/mssql", "mssql", 0},
	{"/var/lib/docker", "docker", 0},
	{"/var/lib/containerd", "containerd", 0},
	{"/var/lib/containers", "containers", 0},
	{"/var/lib/elasticsearch", "elasticsearch", 1 << 20},
	{"/var/lib/etcd", "etcd", 1 << 20},
	{"/var/lib/rabbitmq", "rabbitmq", 1 << 20},
	{"/var/lib/kafka", "kafka", 1 << 20},
	{"/var/lib/influxdb", "influxdb", 1 << 20},
	{"/var/lib/clickhouse", "clickhouse", 1 << 24},
	{"/var/lib/prometheus", "prometheus", 1 << 24},
	{"/var/lib/ldap", "ldap", 1 << 20},
	{"/var/lib/cassandra", "cassandra", 1 << 20},
	{"/var/lib/jenkins", "jenkins", 1 << 20},
	{"/var/opt/gitlab", "gitlab", 1 << 24},
	{"/home", "home", 64 << 20},
	{"/root", "home", 0},
	{"/Users", "home", 64 << 20},
	{"/var/www", "web", 0},
	{"/srv", "services", 0},
	{"/opt", "software", 0},
	{"/inetpub", "web", 0},
	{"/var/mail", "mail", 1 << 20},
	{"/var/spool/mail", "mail", 1 << 20},
	{"/var/vmail", "mail", 1 << 20},
	{"/var/backups", "backups", 16 << 20},
	{"/backup", "backups", 1 << 20},
	{"/backups", "backups", 1 << 20},
	{"/data", "data", 1 << 20},
	{"/mnt", "data", 1 << 20},
	{"/var/log", "logs", 0},
	{"/var/spool", "spool", 0},
	{"/var/cache", "cache", 0},
	{"/tmp", "temporary", 0},
	{"/var/tmp", "temporary", 0},
}

// places tells the directories that hold data.
func (p *Profile) places(v *volume) {
	add := func(dir, what string, n *node) {
		p.out.Directories = append(p.out.Directories, lenscap.Directory{Volume: clean(v.name), Path: cleanPath(dir), Size: n.size, Files: n.files, What: what})
	}
	for _, dir := range sorted(v.databases) {
		s := v.databases[dir]
		if !s.marked {
			continue
		}
		n := v.below(dir)
		add(dir, s.what, n)
		if s.filled {
			p.fact(classData, v.place(dir), fmt.Sprintf("%s's data directory with %s in %d files.", s.what, bytesText(n.size), n.files),
				fmt.Sprintf("%s 的数据目录，共 %s、%d 个文件。", s.what, bytesText(n.size), n.files))
		}
	}
	for _, d := range dataPlaces {
		n := v.nodes[d.path]
		if n == nil || n.ownFiles == 0 || v.holds(d.path, d.what) {
			continue
		}
		add(d.path, d.what, n)
		if d.least > 0 && n.own >= d.least {
			p.fact(classData, v.place(d.path), fmt.Sprintf("%s with %s in %d files that no package brought.", d.what, bytesText(n.own), n.ownFiles),
				fmt.Sprintf("%s：%s、%d 个文件不来自任何软件包。", d.what, bytesText(n.own), n.ownFiles))
		}
	}
	if !v.system && v.seen > v.boot {
		p.fact(classData, v.place("/"), fmt.Sprintf("No system on this volume, but %d files with %s.", v.seen, bytesText(v.bytes)),
			fmt.Sprintf("此卷没有操作系统，但有 %d 个文件，共 %s。", v.seen, bytesText(v.bytes)))
	}
}

// holds tells whether a directory or one below it is told as a database already.
func (v *volume) holds(dir, what string) bool {
	for d, s := range v.databases {
		if s.marked && s.what == what && (d == dir || strings.HasPrefix(d, dir+"/")) {
			return true
		}
	}
	return false
}

// below gives what lies below a directory: of one that is too deep, nothing is
// known but that it is there.
func (v *volume) below(dir string) *node {
	if dir == "/" {
		return &node{size: v.bytes, files: int(v.seen)}
	}
	if n := v.nodes[dir]; n != nil {
		return n
	}
	return &node{}
}

// classify makes the classes of the facts.
func (p *Profile) classify() {
	o := &p.out
	has := func(c string) bool {
		return slices.ContainsFunc(o.Facts, func(f lenscap.Fact) bool { return f.Class == c })
	}
	if has(classOS) && o.FileBytes > 0 && o.PackageBytes > 0 {
		share := float64(o.PackageBytes) / float64(o.FileBytes) * 100
		p.fact(classOS, "", fmt.Sprintf("%.1f %% of the bytes come from %d packages.", share, len(o.Packages)), fmt.Sprintf("%.1f %% 的字节来自 %d 个软件包。", share, len(o.Packages)))
	}
	for _, c := range []string{classApplication, classData, classOS} {
		if has(c) {
			o.Class = append(o.Class, c)
		}
	}
	slices.SortStableFunc(o.Facts, func(a, b lenscap.Fact) int {
		return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Text.En, b.Text.En))
	})
	o.Facts = slices.Compact(o.Facts)
}

// boots tells files of a boot partition: a loader, kernels.
func boots(file string) bool {
	low := strings.ToLower(file)
	for _, start := range []string{"/efi/", "/grub", "/loader/", "/vmlinuz", "/initrd", "/initramfs", "/config-", "/system.map", "/startup.nsh", "/extlinux/", "/syslinux/", "/dtb"} {
		if strings.HasPrefix(low, start) {
			return true
		}
	}
	return false
}
