package personal

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/text/encoding/simplifiedchinese"
)

func scan(name, text string) []Finding {
	s := NewScanner(name)
	s.Write(0, []byte(text))
	return s.Close()
}

// kindsOf writes findings as kind distinct severity.
func kindsOf(fs []Finding) string {
	var all []string
	for _, f := range fs {
		all = append(all, fmt.Sprintf("%s %d %s", f.Kind, f.Distinct, f.Severity))
	}
	return strings.Join(all, ", ")
}

func TestScanText(t *testing.T) {
	p := newPeople(2)
	many := func(n int, f func() string, format string) string {
		var b strings.Builder
		for range n {
			fmt.Fprintf(&b, format+"\n", f())
		}
		return b.String()
	}
	sep := func(s string, groups ...int) string {
		var parts []string
		for _, g := range groups {
			parts = append(parts, s[:g])
			s = s[g:]
		}
		return strings.Join(append(parts, s), " ")
	}
	card := withLuhn("622202123456798")
	for _, c := range []struct{ name, text, want string }{
		{"one id beside its word", "用户身份证号：11010519491231002X，已核验", "resident_id 1 low"},
		{"one id alone", "result=11010519491231002X\n", ""},
		{"one wrong id beside its word", "身份证 110105194912310021", ""},
		{"word too far", "身份证" + strings.Repeat("某", 31) + "11010519491231002X", ""},
		{"word just near", "身份证" + strings.Repeat("某", 27) + "11010519491231002X", "resident_id 1 low"},
		{"word after", "11010519491231002X is the id card of", "resident_id 1 low"},
		{"lower x in an url", "/u/11010519491231002x/身份证", ""},
		{"ids in bulk", many(25, p.residentID, "row %s end"), "resident_id 25 high"},
		{"five ids", many(5, p.residentID, "row %s end"), "resident_id 5 medium"},
		{"the same id often", many(100, func() string { return "11010519491231002X" }, "row %s"), ""},
		{"one mobile beside its word", "手机号 13912345670", ""},
		{"mobiles beside words", many(3, p.mobile, "手机: %s"), "mobile 3 low"},
		{"mobiles in groups", "phone 139 1234 5671, phone 138-2234-5672, mobile +86 136 3234 5673", "mobile 3 low"},
		{"a list of mobiles", many(60, p.mobile, "%s"), "mobile 60 medium"},
		{"a counter of eleven digits", many(60, func() string { return "13912" + p.digits(6) }, "%s"), ""},
		{"card beside its word", "bank card: " + card, "bank_card 1 low"},
		{"card in groups", "card " + sep(card, 4, 4, 4), "bank_card 1 low"},
		{"card without a word", "value " + card, ""},
		{"cards in bulk", many(25, p.card, "%s|x"), "bank_card 25 high"},
		{"published sample", "credit card 4242424242424242 and 4111 1111 1111 1111", ""},
		{"one iban beside its word", "IBAN: DE89 3704 0044 0532 0130 00", ""},
		{"ibans beside their word", "IBAN GB29 NWBK 6016 1331 9268 19, account DE89370400440532013000.", "iban 2 low"},
		{"ibans in bulk", many(5, p.iban, "%s"), "iban 5 medium"},
		{"ssn", "SSN: 536-90-4399, social security number 772129875", "us_ssn 2 low"},
		{"nine digits with hyphens", "part 536-90-4399", ""},
		{"nino", "National Insurance: JG103759A, NINO AB123457C", "uk_nino 2 low"},
		{"mrz", "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10\n", "passport_mrz 1 low"},
		{"hong kong", "HKID: A123457(1)", "hong_kong_id 1 low"},
		{"taiwan", "身分證字號 A123456770", "taiwan_id 1 low"},
		{"passport", "护照号码 E12345670，护照 G98765430", "passport 2 low"},
		{"permit", "港澳通行证 C12345670；通行证 W98761234", "travel_permit 2 low"},
		{"uscc", many(3, p.uscc, "统一社会信用代码：%s"), "uscc 3 low"},
		{"phones", "tel +44 20 7183 8750; tel +1 (415) 555-2671; tel +49 30 90182000", "phone 3 low"},
		{"addresses", many(6, p.address, "寄往%s。"), "postal_address 6 low"},
		{"e-mails, few", many(20, p.email, "%s"), ""},
		{"e-mails in bulk", many(80, p.email, "%s"), "email 80 low"},
		{"e-mails of authors", many(80, p.email, "Someone <%s>"), ""},
		{"e-mails behind a colon", many(80, p.email, "mail:%s"), "email 80 low"},
		{"passwords of urls", many(80, p.email, "postgres://me:%s/db"), ""},
		{"passwords of urls that end", many(80, p.email, "https://me:%s"), ""},
		{"e-mails here and there", strings.Repeat(strings.Repeat("some words\n", 9)+p.email()+"\n", 80), ""},
	} {
		if got := kindsOf(scan("/srv/notes", c.text)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if got := kindsOf(scan("/usr/share/doc/x/AUTHORS", many(80, p.email, "%s"))); got != "" {
		t.Errorf("authors: %q", got)
	}
}

// TestScanChunks gives the same whatever the pieces are.
func TestScanChunks(t *testing.T) {
	p := newPeople(3)
	var b strings.Builder
	for range 40 {
		fmt.Fprintf(&b, "%s 身份证 %s phone %s, card %s <x> IBAN %s %s HKID %s %s\n", strings.Repeat("-", p.IntN(300)),
			p.residentID(), p.mobile(), p.card(), p.iban(), p.mrz(), p.hongKongID(), p.address())
	}
	text := b.String()
	want := scan("/srv/x", text)
	if len(want) != 7 {
		t.Fatalf("found %s", kindsOf(want))
	}
	for _, f := range want {
		if f.Distinct != 40 {
			t.Errorf("%s: %d of 40", f.Kind, f.Distinct)
		}
	}
	for _, size := range []int{1, 2, 3, 7, 64, 255, 256, 257, 511, 512, 513, 1000, 4096} {
		s := NewScanner("/srv/x")
		for off := 0; off < len(text); off += size {
			s.Write(int64(off), []byte(text[off:min(len(text), off+size)]))
		}
		if got := s.Close(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("pieces of %d: %v, want %v", size, got, want)
		}
	}
	for range 200 {
		s := NewScanner("/srv/x")
		for off := 0; off < len(text); {
			n := min(len(text)-off, 1+p.IntN(700))
			s.Write(int64(off), []byte(text[off:off+n]))
			off += n
		}
		if got := s.Close(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("random pieces: %v, want %v", got, want)
		}
	}
}

func TestEncodings(t *testing.T) {
	text := "序号,姓名,身份证号,手机\r\n"
	p := newPeople(4)
	for i := range 30 {
		text += fmt.Sprintf("%d,%s,%s,%s\r\n", i, p.name(), p.residentID(), p.mobile())
	}
	want := "resident_id 30 high, mobile 30 low, person_name"
	if got := kindsOf(scan("/srv/x.csv", text)); !strings.HasPrefix(got, want) {
		t.Errorf("UTF-8: %s", got)
	}
	gbk, err := simplifiedchinese.GBK.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	if got := kindsOf(scan("/srv/x.csv", gbk)); !strings.HasPrefix(got, want) {
		t.Errorf("GBK: %s", got)
	}
	wide := []byte{0xFF, 0xFE}
	for _, u := range utf16.Encode([]rune(text)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	for _, size := range []int{1, 3, 100, len(wide)} {
		s := NewScanner("/srv/x.csv")
		for off := 0; off < len(wide); off += size {
			s.Write(int64(off), wide[off:min(len(wide), off+size)])
		}
		if got := kindsOf(s.Close()); !strings.HasPrefix(got, want) {
			t.Errorf("UTF-16 in pieces of %d: %s", size, got)
		}
	}
}

// sheet is a table of people in one of the formats.
func sheet(p people, n int) (header []string, rows [][]string) {
	header = []string{"id", "xm", "sfzh", "shouji", "dz", "email", "yhkh", "password", "created"}
	for i := range n {
		rows = append(rows, []string{
			fmt.Sprint(1000 + i), p.name(), p.residentID(), p.mobile(), p.address(), p.email(), p.card(),
			"$2b$12$" + p.hex(53), "2024-01-02 03:04:05",
		})
	}
	return header, rows
}

const sheetKinds = "resident_id:sfzh mobile:shouji bank_card:yhkh person_name:xm postal_address:dz email:email password_hash:password"

func TestStructures(t *testing.T) {
	p := newPeople(5)
	header, rows := sheet(p, 30)
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	files := map[string]string{}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write(header)
	w.WriteAll(rows)
	files["people.csv"] = b.String()
	files["people.txt"] = strings.ReplaceAll(b.String(), ",", "\t")
	var lines, array, inserts, single, brackets, xml, attrs, copied []string
	for _, r := range rows {
		m, vals, fields, as := map[string]string{}, []string{}, "", ""
		for i, h := range header {
			m[h] = r[i]
			vals = append(vals, quote(r[i]))
			fields += "<" + h + ">" + r[i] + "</" + h + ">"
			as += " " + h + "=\"" + r[i] + "\""
		}
		j, _ := json.Marshal(m)
		lines = append(lines, string(j))
		array = append(array, "  "+string(j))
		inserts = append(inserts, "("+strings.Join(vals, ",")+")")
		single = append(single, "INSERT INTO \"people\" VALUES("+strings.Join(vals, ",")+");")
		brackets = append(brackets, "INSERT [dbo].[people] (["+strings.Join(header, "], [")+"]) VALUES (N"+strings.Join(vals, ", N")+")\nGO")
		xml = append(xml, "<row>"+fields+"</row>")
		attrs = append(attrs, "<row"+as+"/>")
		copied = append(copied, strings.Join(r, "\t"))
	}
	files["people.jsonl"] = strings.Join(lines, "\n")
	files["people.json"] = "[\n" + strings.Join(array, ",\n") + "\n]\n"
	files["people.xml"] = "<?xml version=\"1.0\"?>\n<rows>\n" + strings.Join(xml, "\n") + "</rows>"
	files["attributes.xml"] = "<?xml version=\"1.0\"?>\n<rows>\n" + strings.Join(attrs, "\n") + "</rows>"
	definition := "CREATE TABLE IF NOT EXISTS `people` (\n  `id` int(11) NOT NULL AUTO_INCREMENT,\n"
	for _, h := range header[1:] {
		definition += "  `" + h + "` varchar(200) DEFAULT NULL COMMENT 'it''s, (one)',\n"
	}
	definition += "  PRIMARY KEY (`id`),\n  KEY `k` (`xm`,`dz`)\n) ENGINE=InnoDB;\n"
	files["mysql.sql"] = "-- MySQL dump\n/*!40101 SET NAMES utf8 */;\n" + definition + "LOCK TABLES `people` WRITE;\nINSERT INTO `people` VALUES " + strings.Join(inserts, ",") + ";\nUNLOCK TABLES;\n"
	files["named"] = "/* x */\nINSERT INTO people (" + strings.Join(header, ", ") + ") VALUES\n" + strings.Join(inserts, ",\n") + "\nON DUPLICATE KEY UPDATE id=id;\n"
	files["sqlite.sql"] = "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n" + strings.ReplaceAll(definition, "`", "\"") + strings.Join(single, "\n") + "\nCOMMIT;\n"
	files["mssql.sql"] = "SET ANSI_NULLS ON\nGO\n" + strings.Join(brackets, "\n") + "\n"
	files["pg.sql"] = "--\n-- PostgreSQL database dump\n--\nCREATE FUNCTION f() RETURNS int AS $$ begin; insert into x values ('a'); $$ LANGUAGE plpgsql;\n" +
		"COPY public.people (" + strings.Join(header, ", ") + ") FROM stdin;\n" + strings.Join(copied, "\n") + "\n\\.\n\nCOPY public.empty (a) FROM stdin;\n\\.\nSELECT 1;\n"
	for name, text := range files {
		for _, size := range []int{len(text), 1, 777} {
			s := NewScanner("/srv/" + name)
			for off := 0; off < len(text); off += size {
				s.Write(int64(off), []byte(text[off:min(len(text), off+size)]))
			}
			var got []string
			for _, f := range s.Close() {
				if f.Distinct != 30 && f.Kind != Name {
					t.Errorf("%s: %d %s of 30", name, f.Distinct, f.Kind)
				}
				c := strings.Join(f.Columns, "+")
				if strings.HasSuffix(name, ".sql") || name == "named" {
					i := strings.LastIndexByte(c, '.')
					if i < 0 || !strings.HasSuffix(c[:i], "people") {
						t.Errorf("%s: %s in %q", name, f.Kind, c)
					}
					c = c[i+1:]
				}
				got = append(got, f.Kind.String()+":"+c)
			}
			if g := strings.Join(got, " "); g != sheetKinds {
				t.Errorf("%s in pieces of %d:\n got %s\nwant %s", name, size, g, sheetKinds)
			}
		}
	}
}

// TestLookAlikes finds nothing in what only looks like personal data.
func TestLookAlikes(t *testing.T) {
	p := newPeople(6)
	for file := range 100 {
		var b strings.Builder
		for range 2000 {
			b.WriteString(p.lookAlike() + "\n")
		}
		for _, f := range scan("/var/log/app.log", b.String()) {
			t.Errorf("file %d: %s %d", file, f.Kind, f.Distinct)
		}
	}
	// A log of one kind of number only, which is worse.
	for _, f := range []func() string{
		func() string { return p.digits(18) },
		func() string { return "110105" + p.digits(12) },
		func() string { return "62" + p.digits(14) },
		func() string { return "1700" + p.digits(9) },
		func() string { return strings.ToUpper(p.hex(18)) },
		func() string { return "9" + p.digits(17) },
		func() string { return "E" + p.digits(8) },
		func() string { return "A1" + p.digits(8) },
		func() string { return p.digits(3) + "-" + p.digits(2) + "-" + p.digits(4) + "0" },
	} {
		var b strings.Builder
		for range 5000 {
			b.WriteString(f() + " ok\n")
		}
		if got := kindsOf(scan("/var/log/x", b.String())); got != "" {
			t.Errorf("%q: %s", b.String()[:20], got)
		}
	}
}
