package personal

import (
	"fmt"
	"strings"
	"testing"
)

func FuzzScanner(f *testing.F) {
	p := newPeople(7)
	header, rows := sheet(p, 4)
	sheet := strings.Join(header, ",")
	for _, r := range rows {
		sheet += "\n" + strings.Join(r, ",")
	}
	for _, s := range []string{
		sheet, "{\"phone\": [\"13912345670\", {\"id_card\": \"11010519491231002X\"}]}", "<a b=\"c\"><!-- x --><![CDATA[y]]></a>",
		"身份证 11010519491231002X IBAN DE89 3704 0044 0532 0130 00 +49 (30) 901820 a@b.de", p.mrz() + p.address(), "\xFF\xFE1\x001\x00",
	} {
		f.Add([]byte(s), uint16(10), "/srv/x.csv")
	}
	f.Fuzz(func(t *testing.T, data []byte, size uint16, name string) {
		whole := NewScanner(name)
		whole.Write(0, data)
		want := fmt.Sprint(whole.Close())
		s := NewScanner(name)
		n := int(size)%1024 + 1
		for off := 0; off < len(data); off += n {
			s.Write(int64(off), data[off:min(len(data), off+n)])
		}
		if got := fmt.Sprint(s.Close()); got != want {
			t.Fatalf("in pieces of %d: %s, at once: %s", n, got, want)
		}
	})
}

func FuzzColumn(f *testing.F) {
	p := newPeople(8)
	header, rows := sheet(p, 2)
	for i, h := range header {
		f.Add(h, "varchar", []byte(rows[0][i]+"\x00"+rows[1][i]))
	}
	f.Fuzz(func(t *testing.T, name, typ string, data []byte) {
		c := NewColumn(name, typ)
		looked := int64(0)
		for v := range strings.SplitSeq(string(data), "\x00") {
			c.Add([]byte(v))
			looked++
			for _, k := range Kinds() {
				if m := Mask(k, v); len(v) >= 6 && strings.Contains(m, v) && keepable(v) > 0 {
					t.Fatalf("%s: the mask tells all", k)
				}
			}
		}
		for _, h := range c.Result() {
			if h.Count <= 0 || h.Looked > looked || h.Share < 0 || h.Share > 1 || h.Kind.String() == "" || !h.Within && h.Count > h.Looked {
				t.Fatalf("%+v of %d values", h, looked)
			}
		}
	})
}

func FuzzSQL(f *testing.F) {
	for _, s := range []string{
		"CREATE TABLE `t` (`a` int, `b` varchar(2) COMMENT 'x'';', PRIMARY KEY (`a`));\nINSERT INTO `t` VALUES (1,'a\\'b'),(2,NULL);",
		"COPY public.t (a, b) FROM stdin;\n1\t\\N\n2\tx\\ty\n\\.\nSELECT $$;$$, $a$'$a$;",
		"INSERT [dbo].[t] ([a]) VALUES (N'x', CAST(N'2' AS date))\nGO\n-- x\n/* y */ # z\n",
	} {
		f.Add([]byte(s), uint16(3))
	}
	f.Fuzz(func(t *testing.T, data []byte, size uint16) {
		read := func(n int) string {
			s := &structure{name: "x.sql", tables: map[string]*table{}, decided: true}
			s.reader = newSQL(s, data)
			for off := 0; off < len(data); off += n {
				s.write(data[off:min(len(data), off+n)])
			}
			s.close()
			out := ""
			for _, tab := range s.order {
				out += fmt.Sprintf("%q %d:", tab.name, tab.rows)
				for _, c := range tab.order {
					out += fmt.Sprintf(" %q %d", c.name, c.looked)
				}
			}
			if s.columns > maxColumns || len(s.order) > maxTables {
				t.Fatalf("%d columns in %d tables", s.columns, len(s.order))
			}
			return out
		}
		if a, b := read(max(1, len(data))), read(int(size)%64+1); a != b {
			t.Fatalf("at once %s, in pieces %s", a, b)
		}
	})
}
