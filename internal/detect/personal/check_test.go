package personal

import (
	"strings"
	"testing"
)

// TestExamples uses the numbers that standards and registries give themselves.
func TestExamples(t *testing.T) {
	for _, c := range []struct {
		name  string
		check func([]byte) bool
		good  string
		bad   string
	}{
		{"resident id", residentID, "11010519491231002X 440524188001010014 11010519491231002x", "110105194912310021 11010519491331002X 990105194912310028 1101051949123100 00000000000000000X"},
		{"old resident id", oldResidentID, "110105491231002", "110105491331002 990105491231002"},
		{"uscc", uscc, "91350100M000100Y43", "91350100M000100Y44 91350100M000100Y4 91350100I000100Y43"},
		{"card", bankCard, "6222021234567890128", "6222021234567890123 4111111111111111 1234567812345670 0000000000000000"},
		{"mobile", mobile, "13912345670 19912345670 16612340987", "12912345670 13800138000 13888888888 10912345678 1391234567"},
		{"landline", landline, "010-62345679 0755-26001234 02161234567 (0571)87654310", "0755-16001234 010-11111111 110-62345679 00-12345678"},
		{"passport", passport, "E12345670 G98765430 EA1234570", "A12345670 EI1234567 E1234567 e12345670"},
		{"permit", permit, "C12345670 W98761234 H1234567001 H12340567 CA1234560", "X12345678 H1234"},
		{"taiwan", taiwanID, "A123456770 F131104093", "A123456788 A323456789 a123456789"},
		{"hong kong", hongKongID, "A123457(1) AB987651(9)", "A123457(2) A12345(1) ABC123456(1)"},
		{
			"iban", iban, "DE89370400440532013000 GB29NWBK60161331926819 FR1420041010050500013M02606 NL91ABNA0417164300 NO9386011117947 MT84MALT011000012345MTLCAST001S",
			"DE89370400440532013001 XX89370400440532013000 GB29NWBK6016133192681",
		},
		{"ssn", ssn, "536904399 772129875", "000121234 666121234 912121234 536004399 536900000 123456789 078051120"},
		{"nino", nino, "AB123457C JG103759A", "BG123457C DA123457C AB123457E AO123457A"},
		{"mrz", mrz, "L898902C36UTO7408122F1204159ZE184226B<<<<<10", "L898902C36UTO7408122F1204159ZE184226B<<<<<11 L898902C37UTO7408122F1204159ZE184226B<<<<<10"},
		{"phone", phone, "8613912345670 14155552671 442071838750 4930901820", "0123456789 11111111111 15552 999999999999999"},
		{"email", email, "li.wei@corp.cn a+b@mail.example.co.uk x_y@sub.domain-name.museum", "a@b a@b.c1 a..b@c.de @c.de git@github.com noreply@corp.cn x@example.com icon@2x.png a@-b.de a@b-.de"},
	} {
		for s := range strings.FieldsSeq(c.good) {
			if !c.check([]byte(s)) {
				t.Errorf("%s: %q is one", c.name, s)
			}
		}
		for s := range strings.FieldsSeq(c.bad) {
			if c.check([]byte(s)) {
				t.Errorf("%s: %q is none", c.name, s)
			}
		}
	}
}

func TestPlate(t *testing.T) {
	for _, s := range []string{"京A12345", "粤B·D12345", "沪AD12345", "苏E1234学"} {
		if !plate(s) {
			t.Errorf("%q is a plate", s)
		}
	}
	for _, s := range []string{"京a12345", "天A12345", "京AIO345", "京A1234", "京", ""} {
		if plate(s) {
			t.Errorf("%q is no plate", s)
		}
	}
}

func TestHan(t *testing.T) {
	for _, s := range []string{"广东省深圳市南山区科技园路12号", "北京市朝阳区建国路93号院1号楼1203室", "浙江省杭州市西湖区文三路90号", "河南省周口市商水县黄寨镇李村3组"} {
		if !hanAddress(s) {
			t.Errorf("%q is an address", s)
		}
	}
	for _, s := range []string{"本页的设置在路由器管理界面第1号", "中国银行股份有限公司", "请按照1号文件的要求办理", "第3号", "设置区域的路径"} {
		if hanAddress(s) {
			t.Errorf("%q is no address", s)
		}
	}
	for _, s := range []string{"王芳", "欧阳明华", "李建国"} {
		if !hanName(s) {
			t.Errorf("%q is a name", s)
		}
	}
	for _, s := range []string{"王", "成功完成了", "桌子", "王小明的书", "abc"} {
		if hanName(s) {
			t.Errorf("%q is no name", s)
		}
	}
}

// TestChance counts how many random values pass a check.
func TestChance(t *testing.T) {
	p := newPeople(1)
	n := 200_000
	ids, cards := 0, 0
	for range n {
		if residentID([]byte(p.digits(18))) {
			ids++
		}
		if bankCard([]byte(p.digits(16))) {
			cards++
		}
	}
	if float64(ids) > .0003*float64(n) || float64(cards) > .03*float64(n) {
		t.Errorf("of %d random values %d are resident ids and %d cards", n, ids, cards)
	}
}
