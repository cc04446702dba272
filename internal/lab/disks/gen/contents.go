package main

import (
	"fmt"
	"strings"
)

// base is what every root file system here has.
func (t *tree) base(host string) {
	t.add("/etc/os-release", 0o644, 0, "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nID=debian\n")
	t.add("/etc/hostname", 0o644, 0, host+"\n")
	t.add("/etc/fstab", 0o644, 0, "LABEL=cloudimg-rootfs / ext4 discard,errors=remount-ro 0 1\n")
	t.add("/etc/passwd", 0o644, 0, "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\nadmin:x:1000:1000:Debian:/home/admin:/bin/bash\ndeploy:x:1001:1001::/home/deploy:/bin/bash\n")
	t.add("/etc/group", 0o644, 0, "root:x:0:\nwww-data:x:33:\nadmin:x:1000:\ndeploy:x:1001:\n")
	t.add("/etc/ssh/sshd_config", 0o644, 0, "PermitRootLogin prohibit-password\nPasswordAuthentication no\nUsePAM yes\n")
	t.add("/etc/cloud/cloud.cfg", 0o644, 0, "users:\n - default\ndisable_root: true\npreserve_hostname: false\n")
	t.add("/boot/grub/grub.cfg", 0o600, 0, "set default=0\nmenuentry 'Debian GNU/Linux' {\n\tlinux /boot/vmlinuz root=LABEL=cloudimg-rootfs ro\n}\n")
	t.add("/usr/share/doc/README", 0o644, 0, strings.Repeat("This directory holds the documentation of installed packages.\n", 40))
	t.add("/var/lib/dpkg/status", 0o644, 0, packages())
	t.add("/usr/bin/true", 0o755, 0, "\x7fELF\x02\x01\x01"+string(t.bytes(9000)))
	t.link("/bin", "usr/bin")
}

func packages() string {
	var b strings.Builder
	for i, name := range []string{"bash", "coreutils", "openssh-server", "nginx", "nodejs", "cloud-init", "python3", "systemd", "sudo", "tar"} {
		fmt.Fprintf(&b, "Package: %s\nStatus: install ok installed\nPriority: optional\nArchitecture: amd64\nVersion: 1.%d-2\n\n", name, i)
	}
	return b.String()
}

// web is the root disk of an application server, full of what should never
// leave the account.
func web(t *tree) {
	t.base("web-1")
	t.add("/etc/shadow", 0o640, 0, t.shadow("root")+"daemon:*:20150:0:99999:7:::\nwww-data:!:20150:0:99999:7:::\n"+t.shadow("admin")+t.shadow("deploy"))
	hostKey, hostPub := t.sshKey("root@web-1")
	t.add("/etc/ssh/ssh_host_ed25519_key", 0o600, 0, hostKey)
	t.add("/etc/ssh/ssh_host_ed25519_key.pub", 0o644, 0, hostPub)
	rootKey, rootPub := t.sshKey("root@bastion")
	t.add("/root/.ssh/id_ed25519", 0o600, 0, rootKey)
	t.add("/root/.ssh/id_ed25519.pub", 0o644, 0, rootPub)
	deployKey, deployPub := t.sshKey("deploy@ci")
	t.add("/home/deploy/.ssh/id_ed25519", 0o600, 1001, deployKey)
	t.add("/home/admin/.ssh/authorized_keys", 0o600, 1000, rootPub+deployPub)

	id, secret := t.awsKey("111122223333")
	t.add("/home/deploy/.aws/credentials", 0o600, 1001, "[default]\naws_access_key_id = "+id+"\naws_secret_access_key = "+secret+"\n")
	t.add("/home/deploy/.aws/config", 0o600, 1001, "[default]\nregion = us-east-1\noutput = json\n")
	t.add("/home/deploy/.git-credentials", 0o600, 1001, "https://deploy-bot:"+t.github()+"@github.com\n")
	t.add("/home/deploy/.npmrc", 0o600, 1001, "//registry.npmjs.org/:_authToken=npm_"+t.text(base62, 36)+"\n")

	dbPassword := t.password()
	userID, userSecret := t.awsKey("111122223333")
	t.add("/var/lib/cloud/instances/i-0a1b2c3d4e5f60718/user-data.txt", 0o600, 0, "#!/bin/bash\nset -e\nexport AWS_ACCESS_KEY_ID="+userID+"\nexport AWS_SECRET_ACCESS_KEY="+userSecret+"\naws s3 cp s3://shop-releases/app.tar.gz /srv/shop/\necho 'shop:"+t.password()+"' | chpasswd\n")
	t.link("/var/lib/cloud/instance", "instances/i-0a1b2c3d4e5f60718")
	t.add("/srv/shop/.env", 0o640, 1001, "NODE_ENV=production\nDATABASE_URL=postgres://shop:"+dbPassword+"@db.internal.example.com:5432/shop\nDB_PASSWORD="+dbPassword+"\nSESSION_SECRET="+t.text(base62, 48)+"\nSTRIPE_SECRET_KEY=sk_live_"+t.text(base62, 24)+"\nSMTP_PASSWORD="+t.password()+"\n")
	t.add("/srv/shop/package.json", 0o644, 1001, "{\n  \"name\": \"shop\",\n  \"version\": \"3.4.1\",\n  \"private\": true,\n  \"dependencies\": {\"express\": \"^4.21.0\", \"pg\": \"^8.13.0\"}\n}\n")
	t.add("/srv/shop/server.js", 0o644, 1001, "const express = require('express')\nconst { Pool } = require('pg')\nconst pool = new Pool({ connectionString: process.env.DATABASE_URL })\nconst app = express()\napp.get('/orders/:id', async (req, res) => {\n  const { rows } = await pool.query('select * from orders where id = $1', [req.params.id])\n  res.json(rows[0] || null)\n})\napp.listen(8080)\n")
	t.add("/etc/nginx/sites-enabled/shop.conf", 0o644, 0, "server {\n  listen 443 ssl;\n  server_name shop.example.com;\n  ssl_certificate_key /etc/ssl/private/shop.key;\n  location / { proxy_pass http://127.0.0.1:8080; }\n}\n")
	t.add("/etc/ssl/private/shop.key", 0o600, 0, t.tlsKey())
	t.add("/home/admin/.bash_history", 0o600, 1000, "sudo systemctl restart shop\nPGPASSWORD='"+dbPassword+"' psql -h db.internal.example.com -U shop\ncurl -u monitor:"+t.password()+" https://status.example.com/api\nexit\n")
	t.add("/home/admin/.pgpass", 0o600, 1000, "db.internal.example.com:5432:shop:shop:"+dbPassword+"\n")
	var log strings.Builder
	for i := range 900 {
		fmt.Fprintf(&log, "10.0.%d.%d - - [02/Mar/2026:09:%02d:%02d +0000] \"GET /orders/%d HTTP/1.1\" 200 %d\n", i%7, i%251, i/60%60, i%60, 1000+i, 200+t.rnd.IntN(900))
	}
	t.add("/var/log/nginx/access.log", 0o640, 33, log.String())
}

// data is a database server's data volume: one file system, no partition table.
func data(t *tree) {
	const pg = "/postgresql/15/main"
	t.add(pg+"/PG_VERSION", 0o600, 26, "15\n")
	t.add(pg+"/postgresql.conf", 0o600, 26, "listen_addresses = '*'\nport = 5432\nmax_connections = 200\nssl = on\n")
	t.add(pg+"/pg_hba.conf", 0o600, 26, "hostssl all all 10.0.0.0/8 scram-sha-256\n")
	t.add(pg+"/global/pg_control", 0o600, 26, string(t.bytes(8192)))
	t.add(pg+"/base/16384/PG_VERSION", 0o600, 26, "15\n")
	t.add(pg+"/base/16384/16390", 0o600, 26, string(t.bytes(24576)))
	t.add(pg+"/postgresql.auto.conf", 0o600, 26, "primary_conninfo = 'host=10.0.3.9 user=replicator password="+t.password()+"'\n")

	var csv, dump strings.Builder
	csv.WriteString("id,name,email,phone,id_number,card_number\n")
	dump.WriteString("-- PostgreSQL database dump\nCREATE TABLE public.customers (id integer, name text, email text, phone text, id_number text, card_number text, password_hash text);\nCOPY public.customers (id, name, email, phone, id_number, card_number, password_hash) FROM stdin;\n")
	for i := range 1200 {
		name, mail := t.person()
		phone, resident, card := "138"+t.text(digits, 8), t.residentID(), t.card()
		fmt.Fprintf(&csv, "%d,%s,%s,%s,%s,%s\n", i+1, name, mail, phone, resident, card)
		if i < 600 {
			fmt.Fprintf(&dump, "%d\t%s\t%s\t%s\t%s\t%s\t$2b$12$%s\n", i+1, name, mail, phone, resident, card, t.text(crypt, 53))
		}
	}
	dump.WriteString("\\.\n")
	t.add("/backup/customers-2026-03.csv", 0o640, 26, csv.String())
	t.add("/backup/shop.sql", 0o640, 26, dump.String())
	id, secret := t.awsKey("111122223333")
	t.add("/backup/push.sh", 0o750, 26, "#!/bin/sh\nexport AWS_ACCESS_KEY_ID="+id+" AWS_SECRET_ACCESS_KEY="+secret+"\naws s3 sync /backup s3://shop-backups/\n")
}

// plain is a root disk with nothing on it that matters: no password, no key,
// no history.
func plain(t *tree) {
	t.base("builder")
	t.add("/etc/shadow", 0o640, 0, "root:*:20150:0:99999:7:::\ndaemon:*:20150:0:99999:7:::\nadmin:!:20150:0:99999:7:::\n")
	t.add("/srv/hello/index.html", 0o644, 33, "<!doctype html><title>hello</title><h1>It works</h1>\n")
	t.add("/srv/hello/.env.example", 0o644, 33, "DATABASE_URL=postgres://user:changeme@localhost/app\nAPI_KEY=your-api-key-here\n")
	t.add("/usr/share/licenses/MIT", 0o644, 0, "Permission is hereby granted, free of charge, to any person obtaining a copy …\n")
}
