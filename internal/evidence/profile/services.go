package profile

import (
	"strings"

	"github.com/lenscap/lenscap"
)

// baseUnits are parts of the plain system: what starts on a disk that serves
// nothing yet. A name ends before the dot and the @.
var baseUnits = map[string]bool{}

func init() {
	for n := range strings.FieldsSeq(`getty console-getty serial-getty autovt cron crond crontab anacron dbus dbus-broker e2scrub_reap e2scrub_all fstrim apt-daily apt-daily-upgrade
		dpkg-db-backup logrotate man-db systemd-timesyncd systemd-resolved systemd-networkd systemd-networkd-wait-online systemd-network-generator systemd-pstore systemd-sysext systemd-confext systemd-oomd
		systemd-journald systemd-udevd systemd-homed systemd-userdbd networking network NetworkManager NetworkManager-wait-online NetworkManager-dispatcher rsyslog syslog auditd chronyd chrony ntp ntpd ssh sshd
		keyboard-setup console-setup irqbalance kdump tuned firewalld ufw apparmor selinux-autorelabel-mark sssd polkit udisks2 lvm2-monitor lvm2-lvmpolld dm-event multipathd mdmonitor smartd
		cloud-init cloud-init-local cloud-init-main cloud-init-network cloud-config cloud-final snapd unattended-upgrades remote-fs machines nis-domainname dnf-makecache rngd rngd-wake-threshold atd acpid
		hwclock hostname sysctl mdadm mdadm-shutdown procps kmod udev motd nftables iptables mountall bootmisc urandom modules devfs dmesg mdev swap loadkmap bootmisc killprocs savecache mount-ro localmount
		plymouth plymouth-log ua-timer motd-news open-vm-tools vgauth secureboot-db pollinate grub-common grub-initrd-fallback ondemand x11-common rsync dracut-shutdown import-state loadmodules rhsmcertd microcode
		import-state systemd-boot-update systemd-tmpfiles-clean systemd-tmpfiles-setup halt reboot single sendsigs umountfs umountroot umountnfs checkroot checkfs mountkernfs mountdevsubfs mountnfs rmnologin rc stop-bootlogd bootlogd`) {
		baseUnits[n] = true
	}
}

func baseUnit(name string) bool {
	name, _, _ = strings.Cut(name, ".")
	name, _, _ = strings.Cut(name, "@")
	return baseUnits[name] || strings.HasPrefix(name, "systemd-")
}

// daemon takes one thing that starts.
func (p *Profile) daemon(v *volume, name, file, command string, plain bool) {
	if len(p.out.Services) < maxResults {
		p.out.Services = append(p.out.Services, lenscap.Daemon{Name: clean(name), Path: v.place(file), Command: cleanPath(command), Base: plain})
	}
}

// readServices reads what starts: systemd's wants, rc links, OpenRC's run
// levels, tables of cron.
func (p *Profile) readServices(v *volume) {
	for _, root := range []string{"/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"} {
		for _, dir := range v.list(root) {
			if !strings.HasSuffix(dir.Path, ".wants") && !strings.HasSuffix(dir.Path, ".requires") {
				continue
			}
			for _, f := range v.list(dir.Path) {
				name := base(f)
				if strings.HasSuffix(name, ".service") || strings.HasSuffix(name, ".timer") || strings.HasSuffix(name, ".socket") || strings.HasSuffix(name, ".path") {
					// What the vendor wants in /usr is the plain system's.
					p.daemon(v, name, f.Path, v.execStart(f.Path, name), root != "/etc/systemd/system" || baseUnit(name))
				}
			}
		}
	}
	for _, level := range []string{"/etc/rc2.d", "/etc/rc3.d", "/etc/rc5.d", "/etc/rc.d/rc3.d"} {
		for _, f := range v.list(level) {
			if name := base(f); len(name) > 3 && name[0] == 'S' {
				p.daemon(v, name[3:], f.Path, "", baseUnit(name[3:]))
			}
		}
	}
	for _, level := range []string{"boot", "default", "sysinit"} {
		for _, f := range v.list("/etc/runlevels/" + level) {
			p.daemon(v, base(f), f.Path, "", level != "default" || baseUnit(base(f)))
		}
	}
	tables := []struct {
		path string
		user bool // with a column for the user
	}{{"/etc/crontab", true}}
	for _, f := range v.list("/etc/cron.d") {
		tables = append(tables, struct {
			path string
			user bool
		}{f.Path, true})
	}
	for _, dir := range []string{"/var/spool/cron/crontabs", "/var/spool/cron"} {
		for _, f := range v.list(dir) {
			if f.Mode.IsRegular() {
				tables = append(tables, struct {
					path string
					user bool
				}{f.Path, false})
			}
		}
	}
	for _, t := range tables[:min(len(tables), 500)] {
		owned := v.manifest.Owns(t.path)
		for l := range strings.Lines(string(v.read(t.path))) {
			if program := cronProgram(l, t.user); program != "" {
				p.daemon(v, "cron: "+program[strings.LastIndexByte(program, '/')+1:], t.path, program, owned)
			}
		}
	}
}

// execStart gives the program of a unit, without arguments. The link in a wants
// directory leads to the unit; one to a template has it elsewhere.
func (v *volume) execStart(link, name string) string {
	data := v.read(link)
	for _, dir := range []string{"/etc/systemd/system/", "/usr/lib/systemd/system/", "/lib/systemd/system/"} {
		if len(data) > 0 {
			break
		}
		unit := name
		if at := strings.IndexByte(name, '@'); at >= 0 {
			unit = name[:at+1] + name[strings.LastIndexByte(name, '.'):]
		}
		data = v.read(dir + unit)
	}
	for l := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(l), "ExecStart="); ok {
			if w := strings.Fields(strings.TrimLeft(value, "-@:+!| ")); len(w) > 0 {
				return strings.Trim(w[0], `"'`)
			}
		}
	}
	return ""
}

// cronProgram gives the program of a line of crontab(5): a word after the times
// that is no assignment, for those may hold secrets.
func cronProgram(line string, user bool) string {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return ""
	}
	w := strings.Fields(line)
	skip := 5
	if line[0] == '@' {
		skip = 1
	} else if !strings.ContainsAny(line[:1], "*0123456789") {
		return ""
	}
	if user {
		skip++
	}
	for skip < len(w) {
		word := w[skip]
		skip++
		switch {
		case word == "test" || word == "[" || word == "if" || word == "cd":
			// The program stands after && or ;.
			for skip < len(w) && w[skip-1] != "&&" && w[skip-1] != "||" && w[skip-1] != "then" && !strings.HasSuffix(w[skip-1], ";") {
				skip++
			}
		case strings.Contains(word, "=") || word == "root" || word == "env" || word == "sudo" || word == "nice" || word == "{" || word == "(":
		case strings.ContainsAny(word, "$`\"'|<>&"):
			return ""
		default:
			return strings.TrimRight(word, ";")
		}
	}
	return ""
}
