package personal

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// labelled is one file of the corpus and the kinds that are in it.
type labelled struct {
	name, text string
	want       []Kind
}

// corpus makes files with and without personal data, as servers have them.
func corpus(p people) []labelled {
	var all []labelled
	noise := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteString(p.lookAlike() + "\n")
		}
		return b.String()
	}
	// Texts with a few values beside their words, among look-alikes.
	for k, format := range map[Kind]string{
		ResidentID: "客户身份证号:%s 已登记", BankCard: "付款银行卡 %s 成功", Mobile: "发送短信至手机 %s", SSN: "employee SSN %s",
		IBAN: "transfer to IBAN %s", HongKongID: "HKID: %s", TaiwanID: "身分證字號 %s", USCC: "企业统一社会信用代码 %s",
	} {
		value := map[Kind]func() string{
			ResidentID: p.residentID, BankCard: p.card, Mobile: p.mobile, SSN: p.ssn,
			IBAN: p.iban, HongKongID: p.hongKongID, TaiwanID: p.taiwanID, USCC: p.uscc,
		}[k]
		text := noise(200)
		for range 4 {
			text += fmt.Sprintf(format+"\n", value()) + noise(50)
		}
		all = append(all, labelled{"/var/log/app.log", text, []Kind{k}})
	}
	// Lists of one kind.
	for k, value := range map[Kind]func() string{
		ResidentID: p.residentID, BankCard: p.card, Mobile: p.mobile, Email: p.email, IBAN: p.iban, Address: p.address, MRZ: p.mrz,
	} {
		var b strings.Builder
		for range 100 {
			b.WriteString(value() + "\n")
		}
		all = append(all, labelled{"/home/a/list.txt", b.String(), []Kind{k}})
	}
	// Tables of people under other names, and the same without people.
	for _, n := range []int{5, 500} {
		header, rows := sheet(p, n)
		for _, names := range [][]string{
			header,
			{"id", "姓名", "身份证号", "手机号", "住址", "邮箱", "银行卡号", "密码", "创建时间"},
			{"id", "customer_name", "id_card_no", "mobile", "address", "email", "card_no", "passwd", "created_at"},
		} {
			var b bytes.Buffer
			w := csv.NewWriter(&b)
			w.Write(names)
			w.WriteAll(rows)
			kinds := []Kind{ResidentID, Mobile, BankCard, Name, Address, Email, PasswordHash}
			all = append(all, labelled{"/srv/export.csv", b.String(), kinds})
			inserts := "INSERT INTO `t` (`" + strings.Join(names, "`,`") + "`) VALUES "
			for i, r := range rows {
				if i > 0 {
					inserts += ","
				}
				inserts += "('" + strings.Join(r, "','") + "')"
			}
			all = append(all, labelled{"/backup/db.sql", inserts + ";\n", kinds})
		}
	}
	for _, n := range []int{5, 500} {
		var header []string
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		for _, c := range plainColumns {
			header = append(header, c.name)
		}
		w.Write(header)
		for range n {
			var row []string
			for _, c := range plainColumns {
				row = append(row, c.value(p))
			}
			w.Write(row)
		}
		w.Flush()
		all = append(all, labelled{"/srv/plain.csv", b.String(), nil})
	}
	// One number of a kind is nothing, and look-alikes are none.
	all = append(all,
		labelled{"/var/log/a.log", noise(300) + "call mobile " + p.mobile() + "\n", nil},
		labelled{"/var/log/b.log", noise(3000), nil},
		labelled{"/etc/app.conf", "admin = " + p.email() + "\nsupport_phone = " + p.mobile() + "\n", nil},
		labelled{"/srv/package.json", `{"name": "x", "author": {"name": "Anna Smith", "email": "` + p.email() + `"}, "version": "1.2.3"}`, nil},
	)
	return all
}

// TestCorpus measures precision and recall on the labelled corpus.
func TestCorpus(t *testing.T) {
	good, missed, wrong, files := 0, 0, 0, 0
	for seed := range uint64(6) {
		for _, f := range corpus(newPeople(100 + seed)) {
			files++
			want := slices.Clone(f.want)
			for _, x := range scan(f.name, f.text) {
				if i := slices.Index(want, x.Kind); i >= 0 {
					good++
					want = slices.Delete(want, i, i+1)
					continue
				}
				wrong++
				t.Logf("seed %d: %s: %s %d is not there", seed, f.name, x.Kind, x.Distinct)
			}
			missed += len(want)
			for _, k := range want {
				t.Logf("seed %d: %s: %s is missed", seed, f.name, k)
			}
		}
	}
	precision, recall := float64(good)/float64(good+wrong), float64(good)/float64(good+missed)
	t.Logf("%d files: %d found, %d missed, %d wrong: precision %.3f, recall %.3f", files, good, missed, wrong, precision, recall)
	if precision < .99 || recall < .99 {
		t.Errorf("precision %.3f and recall %.3f are to be .99", precision, recall)
	}
}

// TestBounds reads files made to cost memory.
func TestBounds(t *testing.T) {
	p := newPeople(50)
	var ids, keys, tables strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&keys, "{\"k%d\": \"%s\", \"id_card%d\": \"%s\"}\n", i, p.mobile(), i%1000, p.residentID())
		fmt.Fprintf(&tables, "CREATE TABLE t%d (%s int);\nINSERT INTO t%d VALUES ('%s');\n", i, strings.Repeat("a int, ", 20)+"b", i, p.residentID())
		for range 40 {
			ids.WriteString(p.residentID() + ",")
		}
		ids.WriteString("\n")
	}
	for name, text := range map[string]string{
		"keys.jsonl": keys.String(), "tables.sql": tables.String(), "ids.csv": ids.String(),
		"deep.json": strings.Repeat("[{\"a\":", 1<<20), "open.xml": "<?xml ?><a b=\"" + strings.Repeat("x", 1<<22),
		"open.sql": "INSERT INTO t VALUES ('" + strings.Repeat("x", 1<<22), "open.csv": "a,b\n1,2\n\"" + strings.Repeat("x", 1<<22),
		"digits": strings.Repeat("1391234567 ", 1<<18), "at": strings.Repeat("a@", 1<<20), "wide": "\xFF\xFE" + strings.Repeat("\x00\xD8", 1<<20),
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		s := NewScanner("/srv/" + name)
		for off := 0; off < len(text); off += 64 << 10 {
			s.Write(int64(off), []byte(text[off:min(len(text), off+64<<10)]))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if used := int64(after.HeapAlloc) - int64(before.HeapAlloc); used > 48<<20 {
			t.Errorf("%s: %d MiB are kept", name, used>>20)
		}
		s.Close()
	}
}

// TestNoValues looks for a value in all that a scanner gives, and in what it keeps
// after Close.
func TestNoValues(t *testing.T) {
	p := newPeople(60)
	id, mail := p.residentID(), p.email()
	text := "name,sfzh,email\n" + strings.Repeat("x,"+id+","+mail+"\n", 5) + "身份证 " + id
	s := NewScanner("/srv/x.csv")
	s.Write(0, []byte(text))
	got := s.Close()
	if len(got) == 0 {
		t.Fatal("nothing was found")
	}
	if out := fmt.Sprintf("%+v", got); strings.Contains(out, id) || strings.Contains(out, mail) {
		t.Error("the findings hold a value")
	}
	for _, b := range [][]byte{s.tail[:cap(s.tail)], s.join[:], s.table.head[:cap(s.table.head)]} {
		if bytes.Contains(b, []byte(id)) {
			t.Error("a value is kept")
		}
	}
}
