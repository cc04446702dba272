package named

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/lenscap/lenscap/internal/detect"
)

// printable gives a name out of a header, up to its first zero; empty when it
// holds what no name does.
func printable(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return graphic(strings.ToValidUTF8(string(b), "\ufffd"))
}

func graphic(s string) string {
	s = strings.TrimSpace(s)
	for _, r := range s {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return ""
		}
	}
	return s
}

// wide is printable for UTF-16, little end first.
func wide(b []byte) string {
	var u []uint16
	for ; len(b) >= 2; b = b[2:] {
		c := binary.LittleEndian.Uint16(b)
		if c == 0 {
			break
		}
		u = append(u, c)
	}
	return graphic(string(utf16.Decode(u)))
}

const sqlPage = 8192

// The page header of SQL Server: a version that is always 1, a type, and at 32
// the page's number and its file's. Type 15 is a file's header, on page 0 of
// data and log files; type 13 the boot page, page 9 of the first file.
func sqlServerPage(b []byte, typ byte, n uint32) bool {
	return len(b) >= 96 && b[0] == 1 && b[1] == typ && binary.LittleEndian.Uint32(b[32:]) == n
}

// backupMark is what Microsoft Tape Format's first block starts with.
const backupMark = "TAPE"

func claimsSQLServer(f detect.File, head []byte) (string, bool) {
	if bytes.HasPrefix(head, []byte(backupMark)) {
		return f.Path, bytes.Contains(head, []byte("M\x00i\x00c\x00r\x00o\x00s\x00o\x00f\x00t\x00 \x00S\x00Q\x00L\x00"))
	}
	switch strings.ToLower(path.Ext(f.Path)) {
	case ".mdf", ".ndf", ".ldf":
		return f.Path, sqlServerPage(head, 15, 0)
	}
	return "", false
}

func openSQLServer(d *db) error {
	b, err := d.alone()
	if err != nil {
		return err
	}
	if bytes.HasPrefix(b, []byte(backupMark)) {
		d.note("A backup in Microsoft Tape Format.")
		return nil
	}
	if !sqlServerPage(b, 15, 0) {
		return d.damaged("page 0: expected a file's header page")
	}
	switch boot, err := d.read(d.root, 9*sqlPage, sqlPage); {
	case err != nil:
		return err
	case len(boot) == sqlPage && sqlServerPage(boot, 13, 9):
		d.info.Version = sqlServerVersion(binary.LittleEndian.Uint16(boot[100:]))
		if name := wide(boot[148 : 148+256]); name != "" {
			d.note("The database's name is %s.", name)
		}
	case strings.EqualFold(path.Ext(d.root), ".ldf"):
		d.note("A transaction log.")
	}
	return nil
}

// sqlServerVersion names the version that a database's internal one is of.
func sqlServerVersion(v uint16) string {
	for _, k := range []struct {
		from uint16
		name string
	}{
		{957, "2022"}, {895, "2019"}, {868, "2017"}, {852, "2016"}, {782, "2014"}, {706, "2012"}, {660, "2008 R2"}, {655, "2008"}, {611, "2005"}, {539, "2000"},
	} {
		if v >= k.from && v < 1100 {
			return k.name
		}
	}
	return ""
}

// Block 0 of an Oracle file: its kind at 1, the size of its blocks at 20, their
// number at 24 and a mark at 28.
func oracleKind(b []byte) string {
	if len(b) < 32 || b[0] != 0 || string(b[28:32]) != "}|{z" {
		return ""
	}
	return map[byte]string{0xa2: "data file", 0x22: "redo log", 0xc2: "control file", 0x82: "data file"}[b[1]]
}

func claimsOracle(f detect.File, head []byte) (string, bool) {
	return f.Path, oracleKind(head) != "" || len(head) > 16 && bytes.HasPrefix(head[3:], []byte("EXPORT:V")) ||
		strings.EqualFold(path.Ext(f.Path), ".dmp") && bytes.Contains(head, []byte(`"SYS_EXPORT_`))
}

func openOracle(d *db) error {
	b, err := d.alone()
	if err != nil {
		return err
	}
	if len(b) > 17 && bytes.HasPrefix(b[3:], []byte("EXPORT:V")) {
		v, _, _ := bytes.Cut(b[11:min(len(b), 27)], []byte("\n"))
		d.info.Version = printable(v)
		d.note("An export of Oracle's exp.")
		return nil
	}
	what := oracleKind(b)
	if what == "" {
		if bytes.Contains(b, []byte(`"SYS_EXPORT_`)) {
			d.note("An export of Oracle's Data Pump.")
			return nil
		}
		return d.damaged("block 0: expected the mark of an Oracle file")
	}
	d.note("An Oracle %s.", what)
	size := binary.LittleEndian.Uint32(b[20:])
	if size < 512 || size > 65536 || what != "data file" && what != "control file" {
		return nil
	}
	head, err := d.read(d.root, int64(size), 64)
	if err != nil || len(head) < 64 {
		return err
	}
	if v := binary.LittleEndian.Uint32(head[24:]); v != 0 {
		d.info.Version = fmt.Sprintf("%d.%d.%d", v>>24, v>>20&15, v>>12&255)
	}
	if name := printable(head[32:40]); name != "" {
		d.note("The database's name is %s.", name)
	}
	return nil
}

// The Extensible Storage Engine's header: a mark at 4, its version at 8, the
// kind of file at 12, and at 52 how it was left.
func claimsESE(f detect.File, head []byte) (string, bool) {
	return f.Path, len(head) >= 256 && binary.LittleEndian.Uint32(head[4:]) == 0x89abcdef && binary.LittleEndian.Uint32(head[12:]) == 0 &&
		binary.LittleEndian.Uint32(head[8:])&^0xff == 0x600
}

func openESE(d *db) error {
	b, err := d.alone()
	if err != nil {
		return err
	}
	if _, ok := claimsESE(detect.File{}, b); !ok {
		return d.damaged("header: expected the mark of the Extensible Storage Engine")
	}
	d.info.Version = fmt.Sprintf("%#x", binary.LittleEndian.Uint32(b[8:]))
	if binary.LittleEndian.Uint32(b[52:]) == 2 {
		d.note("It was left in use: its log was not replayed.")
	}
	if what := map[string]string{
		"ntds.dit":           "The Active Directory, with the hashes of its passwords.",
		"webcachev01.dat":    "Internet Explorer's and Windows's web cache.",
		"srudb.dat":          "Windows's records of how programs were used.",
		"windows.edb":        "Windows's search index.",
		"datastore.edb":      "Windows Update's records.",
		"certsrv.edb":        "A certification authority's records.",
		"dhcp.mdb":           "A DHCP server's leases.",
		"current.mdb":        "Windows's records of user access.",
		"systemidentity.mdb": "Windows's records of user access.",
	}[strings.ToLower(path.Base(d.root))]; what != "" {
		d.note("%s", what)
	}
	return nil
}

func claimsAccess(f detect.File, head []byte) (string, bool) {
	return f.Path, len(head) > 20 && (string(head[:20]) == "\x00\x01\x00\x00Standard Jet DB\x00" || string(head[:20]) == "\x00\x01\x00\x00Standard ACE DB\x00")
}

func openAccess(d *db) error {
	b, err := d.alone()
	if err != nil {
		return err
	}
	if _, ok := claimsAccess(detect.File{}, b); !ok {
		return d.damaged("header: expected the mark of Jet or ACE")
	}
	d.info.Version = map[byte]string{0: "97", 1: "2000", 2: "2007", 3: "2010", 4: "2013", 5: "2016", 6: "2019"}[b[20]]
	return nil
}
