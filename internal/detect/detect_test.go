package detect_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/detecttest"
)

func byName(t *testing.T, name string) detect.Detector {
	t.Helper()
	for _, d := range detect.All() {
		if d.Name() == name {
			return d
		}
	}
	t.Fatalf("no detector %q", name)
	return nil
}

func pemText(t *testing.T, kind string, der []byte) string {
	t.Helper()
	return strings.TrimSuffix(string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})), "\n")
}

func keys(t *testing.T) (sec1, pkcs8 string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	b, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pemText(t, "EC PRIVATE KEY", a), pemText(t, "PRIVATE KEY", b)
}

func openssh(t *testing.T, cipher string) string {
	t.Helper()
	b := append([]byte("openssh-key-v1\x00\x00\x00\x00"), byte(len(cipher)))
	b = append(append(b, cipher...), make([]byte, 200)...)
	return pemText(t, "OPENSSH PRIVATE KEY", b)
}

func TestPrivateKey(t *testing.T) {
	t.Parallel()
	sec1, pkcs8 := keys(t)
	clear, locked := openssh(t, "none"), openssh(t, "aes256-ctr")
	putty := "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: aes256-cbc\nComment: me\nPublic-Lines: 1\nAAAA\nPrivate-Lines: 1\nBBBB\n"
	d := byName(t, "private_key")
	detecttest.Accept(t, d, []detecttest.Example{
		{Path: "/root/.ssh/id_ecdsa", Data: sec1 + "\n", Want: []string{"private_key " + sec1}},
		{Path: "/srv/app/key.pem", Data: "# two\n" + pkcs8 + "\n" + clear + "\n", Want: []string{"private_key " + pkcs8, "private_key " + clear}},
		{Path: "/home/a/.ssh/id_rsa", Data: locked, Want: []string{"private_key " + locked}},
		{Path: "/home/a/k.ppk", Data: putty, Want: []string{"private_key " + putty}},
		{Path: "/srv/account.json", Data: `{"private_key": "` + strings.ReplaceAll(pkcs8, "\n", `\n`) + `"}`, Want: []string{"private_key " + strings.ReplaceAll(pkcs8, "\n", `\n`)}},
		{Path: "/srv/README", Data: "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----\n"},
		{Path: "/srv/README2", Data: "-----BEGIN PRIVATE KEY-----\nTWFkZSB1cCB3b3Jkcywgbm8ga2V5IGF0IGFsbA==\n-----END PRIVATE KEY-----\n"},
		{Path: "/etc/ssl/cert.pem", Data: pemText(t, "CERTIFICATE", make([]byte, 100))},
		{Path: "/usr/lib/python3/test.pem", Data: sec1, Unwanted: true},
	})
	detecttest.Noise(t, d, "/srv/noise")
	for text, want := range map[string]string{sec1: "EC, not encrypted", locked: "OpenSSH, encrypted with a passphrase", putty: "PuTTY, encrypted with a passphrase"} {
		if h := d.Detect(detect.File{Path: "/k"}, []byte(text)); len(h) != 1 || h[0].Detail != want || h[0].Checked != "yes" {
			t.Errorf("%q: %+v", want, h)
		}
	}
}

func TestAWSKey(t *testing.T) {
	t.Parallel()
	// Made up; the id's letters hold account 210987654321.
	const id, secret = "AKIATCH6YDSYVJW2CN44", "q8Zt0c/Vx2Lr5pYk9NwEj3Hs7Dg1Fb4Mu6TaXo+C"
	d := byName(t, "aws_access_key")
	detecttest.Accept(t, d, []detecttest.Example{
		{Path: "/root/.aws/credentials", Data: "[default]\naws_access_key_id = " + id + "\naws_secret_access_key = " + secret + "\n", Want: []string{"aws_access_key " + secret}},
		{Path: "/srv/x.py", Data: "secret='" + secret + "'; key='" + id + "'", Want: []string{"aws_access_key " + secret}},
		{Path: "/srv/id.txt", Data: "only " + id, Want: []string{"aws_access_key " + id}},
		{Path: "/srv/doc.md", Data: "AKIAIOSFODNN7EXAMPLE\nwJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"},
		{Path: "/srv/doc2.md", Data: "AKIAXXXXXXXXXXXXXXXX and AKIAAAAAAAAAAAAAAAAA\n"},
		{Path: "/srv/sha.txt", Data: id + " da39a3ee5e6b4b0d3255bfef95601890afd80709\n", Want: []string{"aws_access_key " + id}},
	})
	detecttest.Noise(t, d, "/srv/noise")
	if h := d.Detect(detect.File{}, []byte(id)); len(h) != 1 || !strings.Contains(h[0].Detail, "210987654321") || h[0].Checked != "yes" {
		t.Errorf("account number: %+v", h)
	}
}

func TestDatabaseURL(t *testing.T) {
	t.Parallel()
	d := byName(t, "database_url")
	detecttest.Accept(t, d, []detecttest.Example{
		{Path: "/srv/a.yml", Data: "url: postgres://app:t0pS3cr-t@db.internal:5432/app\n", Want: []string{"database_url t0pS3cr-t"}},
		{Path: "/srv/b.py", Data: "'mongodb+srv://u:zq81Kfw@c0.net/x' 'mysql+pymysql://r:9dkfj2A@10.0.0.1/d'", Want: []string{"database_url zq81Kfw", "database_url 9dkfj2A"}},
		{Path: "/srv/c.md", Data: "postgres://user:password@localhost/db postgres://u:${PW}@h/d redis://u:<pw>@h mysql://a:b7c8d9@example.com/x"},
		{Path: "/srv/d.md", Data: "https://user:t0pS3cr-t@host/ postgres://host/db"},
	})
	detecttest.Noise(t, d, "/srv/noise")
}

func TestShadow(t *testing.T) {
	t.Parallel()
	const hash = "$6$hK3vR2pQ$w8yNq0ZVdWcT1mFj5LxBu7sEaPiG9oXrYtHbC4nDk6U2JzMlS3eQfOgAvRhT8KpWyIjNxCdBu1LmZq7sEa5Fo."
	d := byName(t, "password_hash")
	detecttest.Accept(t, d, []detecttest.Example{
		{Path: "/etc/shadow", Data: "root:" + hash + ":19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\nlocked:!" + hash + ":1::::::\nnone:!!:1::::::\nopen::19000:0:99999:7:::\n", Want: []string{"password_hash " + hash, "empty_password "}},
		{Path: "/var/lib/docker/overlay2/x/diff/etc/shadow", Data: "www:$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7:1::::::\n", Want: []string{"password_hash $y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7"}},
		{Path: "/etc/shadow-", Data: "root:*:1::::::\n_apt:!:1::::::\n"},
		{Path: "/etc/passwd", Data: "root:x:0:0::/root:/bin/sh\n", Unwanted: true},
	})
	detecttest.Noise(t, d, "/etc/shadow")
}

func TestAssignment(t *testing.T) {
	t.Parallel()
	d := byName(t, "assignment")
	detecttest.Accept(t, d, []detecttest.Example{
		{Path: "/srv/.env", Data: "DB_PASSWORD=hunter2x # the one\nexport API_TOKEN='a8Kd93jfLs02mQzX'\nSECRET_KEY=\"q9w8e7r6t5y4u3i2\"\n", Want: []string{"password_assignment hunter2x", "secret_assignment a8Kd93jfLs02mQzX", "secret_assignment q9w8e7r6t5y4u3i2"}},
		{Path: "/srv/app.yml", Data: "db:\n  password: Zk29fjQm\n", Want: []string{"password_assignment Zk29fjQm"}},
		{Path: "/srv/app.json", Data: `{"dbPassword": "Zk29fjQm", "tokenUrl": "x"}`, Want: []string{"password_assignment Zk29fjQm"}},
		{Path: "/srv/.env.sample", Data: "DB_PASSWORD=changeme\nPASSWORD=\nTOKEN=${TOKEN}\nPASSWORD=<password>\nSECRET=xxxxxxxxxxxx\nPASSWORD_FILE=/run/secrets/pw\nPASSWORD=getenv('X')\nPASSWORD_MIN_LENGTH=123456\nSECRET=some-plain-words\n"},
		{Path: "/srv/words.json", Data: `{"password_hint": "At least 8 characters", "confirmPassword": "Confirm password", "secret": "密钥密钥密钥", "bceAccessKeyId": "ALTAKaRLGe4YRNjMtq68d4J3RV", "s3_access_key": "AKIAXQIR43J2LZFWUJRC"}`},
		{Path: "/srv/.env.refs", Data: "PASSWORD-POLICY=strong1\nGITHUB_TOKEN=ghp_k3Jd9fLq0ZxWv7TnYb2RmC8sHpAe5u000000\nARN=arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf\n"},
		{Path: "/etc/ssl/openssl.cnf", Data: "# input_password = secret1\nchallengePassword\t\t= A challenge password\n"},
		{Path: "/usr/lib/main.go", Data: "password = \"hunter2x\"", Unwanted: true},
	})
	detecttest.Noise(t, d, "/srv/.env", "/srv/a.json")
}

func TestCloudInit(t *testing.T) {
	t.Parallel()
	d := byName(t, "cloud_init")
	const path = "/var/lib/cloud/instances/i-1/user-data.txt"
	data := "#cloud-config\nchpasswd:\n  list: |\n    root:Qz81mKw2\n"
	detecttest.Accept(t, d, []detecttest.Example{
		{Path: path, Data: data, Want: []string{"account_password Qz81mKw2", "user_data " + data}},
		{Path: path, Data: "#cloud-config\npackages: [nginx]\n"},
		{Path: "/srv/user-data.txt", Data: data, Unwanted: true},
	})
	detecttest.Noise(t, d, path)
}

// TestNames holds that names tell detectors apart and each has its test here.
func TestNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, d := range detect.All() {
		if seen[d.Name()] {
			t.Errorf("two detectors named %q", d.Name())
		}
		seen[d.Name()] = true
	}
}

func FuzzDetect(f *testing.F) {
	f.Add("/srv/.env", []byte("PASSWORD=hunter2x"))
	f.Add("/etc/shadow", []byte("root:$6$abcdefgh$ijklmnopqrstuvwxyz:1::"))
	f.Add("/root/.pgpass", []byte("a:b:c:d:e\\:f"))
	f.Add("/root/.netrc", []byte("machine a login b password \"c d\""))
	f.Add("/x", []byte("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----"))
	f.Fuzz(func(t *testing.T, path string, data []byte) {
		file := detect.File{Path: path, Size: int64(len(data))}
		for _, d := range detect.All() {
			if n := d.Wants(file); n < 0 || n > file.Size {
				t.Errorf("%s wants %d of %d", d.Name(), n, file.Size)
			}
			for _, h := range d.Detect(file, data) {
				if h.Start < 0 || h.End < h.Start || h.End > len(data) {
					t.Errorf("%s: hit %d:%d of %d", d.Name(), h.Start, h.End, len(data))
				}
			}
		}
	})
}
