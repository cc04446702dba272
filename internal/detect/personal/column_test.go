package personal

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

func columnOf(name, typ string, n int, f func() string) []Holding {
	c := NewColumn(name, typ)
	for range n {
		c.Add([]byte(f()))
	}
	return c.Result()
}

func holdingsOf(hs []Holding) string {
	var all []string
	for _, h := range hs {
		all = append(all, fmt.Sprintf("%s %d/%d", h.Kind, h.Count, h.Looked))
	}
	return strings.Join(all, ", ")
}

// personalColumn is a column that holds something: with the names that people
// give it.
type personalColumn struct {
	kind  Kind
	names string // the kind must be told by few values under each
	value func(people) string
	// alone tells that many values under a name that says nothing are enough.
	alone bool
}

var personalColumns = []personalColumn{
	{ResidentID, "id_card idCardNo sfz sfzh SFZHM cert_no IDNO national_id 身份证号 证件号码 shenfenzheng identity_no ZJHM", people.residentID, true},
	{ResidentID, "id_card", func(p people) string { return p.pick("110105", "310115") + p.birth()[2:] + p.digits(3) }, false},
	{Mobile, "mobile phone shouji sjh user_phone PhoneNumber 手机号 联系电话 tel lxdh contact_phone cell_phone", people.mobile, true},
	{Mobile, "phone", func(p people) string { return "+86 " + p.mobile() }, true},
	{Phone, "phone mobile_number telephone", func(p people) string { return "+44 20 7" + p.digits(3) + " " + p.digits(3) + "1" }, true},
	{Phone, "phone", func(p people) string {
		return fmt.Sprintf("(%d) %d-%04d", 201+p.IntN(700), 201+p.IntN(700), p.IntN(10000))
	}, false},
	{Landline, "tel 联系电话 home_phone", func(p people) string { return "010-6" + p.digits(6) + "2" }, false},
	{BankCard, "bank_card card_no cardNumber yhkh 银行卡号 account_no creditCard cc_number", people.card, true},
	{USCC, "uscc credit_code 统一社会信用代码 social_credit_code tyshxydm", people.uscc, true},
	{Passport, "passport passport_no 护照号", func(p people) string { return "E" + p.digits(7) + p.pick("1", "5") }, false},
	{Permit, "港澳通行证 travel_permit 通行证号", func(p people) string { return p.pick("C", "W") + p.digits(7) + p.pick("1", "5") }, false},
	{TaiwanID, "id_card 身分證字號 national_id", people.taiwanID, true},
	{HongKongID, "hkid id_card 香港身份证", people.hongKongID, true},
	{Plate, "plate_no car_no 车牌号 cph license_plate", func(p people) string { return p.pick("京A", "粤B", "沪C") + p.digits(5) }, true},
	{Name, "xm 姓名 real_name customer_name 收件人 contactName", people.name, true},
	{Name, "full_name last_name customerName", func(p people) string {
		return p.pick("Anna Smith", "J. O'Neill", "María García", "Peter Müller", "Li Wei")
	}, false},
	{Address, "address addr dz 住址 home_address 收货地址 addressLine", people.address, true},
	{Address, "address street_address", func(p people) string { return fmt.Sprint(1+p.IntN(900)) + " Main Street, Springfield" }, false},
	{Email, "email mail e_mail 邮箱 user_email contactEmail", people.email, true},
	{IBAN, "iban account_iban bank_account", people.iban, true},
	{SSN, "ssn social_security_number", people.ssn, false},
	{SSN, "ssn", func(p people) string { return strings.ReplaceAll(p.ssn(), "-", "") }, false},
	{NINO, "nino national_insurance_no", func(p people) string { return p.pick("AB", "JG", "CE") + p.digits(5) + p.pick("1", "4") + "C" }, true},
	{BirthDate, "birthday dob birth_date 出生日期 csrq date_of_birth", people.birth, false},
	{BirthDate, "birthday", func(p people) string { s := p.birth(); return s[:4] + "-" + s[4:6] + "-" + s[6:] + " 00:00:00" }, false},
	{MRZ, "mrz x", people.mrz, true},
	{Health, "diagnosis disease 诊断结果 过敏史 blood_type", func(p people) string { return p.pick("2型糖尿病", "高血压病", "慢性胃炎") }, false},
	{Biometric, "face_feature fingerprint_template 人脸特征", func(p people) string { return base64.StdEncoding.EncodeToString([]byte(p.hex(200))) }, false},
	{Origin, "minzu religion 民族 政治面貌", func(p people) string { return p.pick("汉族", "回族", "满族") }, false},
	{Location, "latitude lng 经度", func(p people) string { return fmt.Sprintf("%.6f", p.Float64()*180) }, false},
	{Income, "salary 工资 monthly_income balance", func(p people) string { return fmt.Sprintf("%.2f", p.Float64()*90000) }, false},
	{PasswordHash, "password pwd hash x", func(p people) string { return "$2y$10$" + p.hex(53) }, true},
	{PasswordHash, "password", func(p people) string { return p.hex(32) }, false},
	{PasswordHash, "passwd", func(p people) string { return "pbkdf2_sha256$600000$" + p.hex(22) + "$" + p.hex(44) }, true},
	{PasswordHash, "user_pass", func(p people) string { return "$P$B" + p.hex(30) }, true},
	{PasswordHash, "pass", func(p people) string {
		return "$argon2id$v=19$m=65536,t=3,p=4$" + p.hex(22) + "$" + p.hex(43)
	}, true},
	{Password, "password 密码 user_password mima pwd", func(p people) string { return p.pick("Summer", "qwe!", "Li@") + p.digits(5) }, false},
	{Token, "api_key access_token client_secret refreshToken 令牌", func(p people) string { return "tk_" + p.hex(32) }, false},
	{PrivateKey, "x key", func(p people) string {
		return "-----BEGIN RSA PRIVATE KEY-----\n" + p.hex(600) + "\n-----END RSA PRIVATE KEY-----"
	}, true},
	{OTPSecret, "totp_secret mfa_secret otp_secret", func(p people) string {
		b := make([]byte, 32)
		for i := range b {
			b[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[p.IntN(32)]
		}
		return string(b)
	}, false},
}

// plainColumns hold nothing of anybody: name, type and values.
var plainColumns = []struct {
	name, typ string
	value     func(people) string
}{
	{"id", "bigint", func(p people) string { return p.digits(11) }},
	{"id", "bigint", func(p people) string { return "1" + p.digits(17) }},
	{"order_no", "varchar", func(p people) string { return "2024" + p.digits(14) }},
	{"order_no", "varchar", func(p people) string { return p.digits(16) }},
	{"trade_no", "varchar", func(p people) string { return "62" + p.digits(14) }},
	{"seq", "bigint", func(p people) string { return "13912" + p.digits(6) }},
	{"created_at", "datetime", func(p people) string {
		return fmt.Sprintf("2023-%02d-%02d 10:11:12", 1+p.IntN(12), 1+p.IntN(28))
	}},
	{"ts", "bigint", func(p people) string { return fmt.Sprint(1_700_000_000_000 + p.Int64N(1e10)) }},
	{"uuid", "char(36)", func(p people) string {
		return p.hex(8) + "-" + p.hex(4) + "-4" + p.hex(3) + "-" + p.hex(4) + "-" + p.hex(12)
	}},
	{"sku", "varchar", func(p people) string { return "E" + p.digits(7) }},
	{"price", "decimal(10,2)", func(p people) string { return fmt.Sprintf("%.2f", p.Float64()*100) }},
	{"status", "varchar", func(p people) string { return p.pick("成功", "失败", "处理中") }},
	{"city", "varchar", func(p people) string { return p.pick("北京市", "上海市", "江苏省") }},
	{"name", "varchar", func(p people) string {
		return p.pick("苹果手机壳", "黄金项链", "白色衬衫", "平板电脑")
	}},
	{"name", "varchar", func(p people) string { return p.pick("libssl", "Widget", "Blue Chair") }},
	{"title", "varchar", func(p people) string {
		return p.pick("关于开展2024年第1号工程的通知", "区域市场报告")
	}},
	{"url", "text", func(p people) string { return "https://example.cn/p/" + p.digits(11) }},
	{"ip_address", "varchar", func(p people) string { return fmt.Sprintf("10.%d.%d.%d", p.IntN(256), p.IntN(256), p.IntN(256)) }},
	{"sha1", "char(40)", func(p people) string { return p.hex(40) }},
	{"md5", "char(32)", func(p people) string { return p.hex(32) }},
	{"ean", "char(13)", func(p people) string { return withLuhn("400" + p.digits(9)) }},
	{"tracking", "varchar", func(p people) string { return "SF" + p.digits(13) }},
	{"phone_type", "varchar", func(p people) string { return p.pick("home", "mobile") }},
	{"phone_verified", "tinyint", func(p people) string { return p.pick("0", "1") }},
	{"email_verified_at", "datetime", func(people) string { return "2024-01-02 10:00:00" }},
	{"password_reset_at", "datetime", func(people) string { return "2024-01-02 10:00:00" }},
	{"password_changed", "date", func(people) string { return "2024-01-02" }},
	{"token_type", "varchar", func(p people) string { return p.pick("bearer", "basic") }},
	{"card_type", "varchar", func(p people) string { return p.pick("visa", "mastercard") }},
	{"address_type", "varchar", func(p people) string { return p.pick("billing", "shipping") }},
	{"mac_address", "varchar", func(p people) string { return p.hex(2) + ":" + p.hex(2) + ":" + p.hex(2) }},
	{"version", "varchar", func(p people) string { return fmt.Sprintf("%d.%d.%d", p.IntN(9), p.IntN(99), p.IntN(999)) }},
	{"password", "varchar", func(people) string { return "********" }},
	{"description", "text", func(p people) string {
		return p.pick("Blue cotton shirt, size 42, machine wash", "order 12345678 of 2024-01-02 was shipped")
	}},
	{"file_name", "varchar", func(p people) string { return "IMG_" + p.digits(8) + ".jpg" }},
	{"meta_key", "varchar", func(p people) string { return p.pick("_edit_lock", "_wp_page", "rich_editing") }},
	{"option_value", "text", func(p people) string { return p.pick("a:2:{i:1;s:3:\"abc\";}", "1", "yes") }},
	{"part_no", "varchar", func(p people) string { return p.digits(3) + "-" + p.digits(2) + "-" + p.digits(4) }},
	{"serial", "varchar", func(p people) string { return strings.ToUpper(p.hex(18)) }},
	{"amount", "bigint", func(p people) string { return p.digits(9) }},
}

func TestColumns(t *testing.T) {
	p := newPeople(10)
	for _, c := range personalColumns {
		for name := range strings.FieldsSeq(c.names) {
			for _, n := range []int{3, 200} {
				got := columnOf(name, "varchar(255)", n, func() string { return c.value(p) })
				if len(got) != 1 || got[0].Kind != c.kind || got[0].Count < int64(n*2/3) || got[0].Looked != int64(n) {
					t.Errorf("%s: %d of %s are %q", name, n, c.kind, holdingsOf(got))
				}
			}
		}
		got := columnOf("c7", "varchar(255)", 200, func() string { return c.value(p) })
		if told := len(got) == 1 && got[0].Kind == c.kind; told != c.alone {
			t.Errorf("200 of %s without a name are %q", c.kind, holdingsOf(got))
		}
	}
}

func TestPlainColumns(t *testing.T) {
	for seed := range uint64(5) {
		p := newPeople(11 + seed)
		for _, c := range plainColumns {
			for _, n := range []int{1, 3, 30, 2000} {
				if got := columnOf(c.name, c.typ, n, func() string { return c.value(p) }); len(got) > 0 {
					t.Errorf("seed %d: %d values of %s %s are %s", seed, n, c.name, c.typ, holdingsOf(got))
				}
			}
		}
	}
}

func TestColumnMixed(t *testing.T) {
	p := newPeople(40)
	c := NewColumn("证件号码", "varchar(30)")
	for i := range 100 {
		switch {
		case i < 70:
			c.Add([]byte(p.residentID()))
		case i < 90:
			c.Add([]byte("E" + p.digits(7) + "5"))
		default:
			c.Add([]byte("NULL"))
		}
	}
	if got := holdingsOf(c.Result()); got != "resident_id 70/90" {
		t.Errorf("mostly resident numbers: %s", got)
	}
	c = NewColumn("remark", "text")
	for range 10 {
		c.Add([]byte("客户提供的身份证号码为 " + p.residentID() + "，已经核对无误"))
	}
	got := c.Result()
	if len(got) != 1 || got[0].Kind != ResidentID || got[0].Count != 10 || !got[0].Within {
		t.Errorf("within text: %s", holdingsOf(got))
	}
	if c = NewColumn("x", ""); len(c.Result()) != 0 {
		t.Error("an empty column holds something")
	}
}

func TestColumnLogins(t *testing.T) {
	p := newPeople(41)
	got := columnOf("login", "varchar(64)", 100, func() string {
		if p.IntN(2) == 0 {
			return p.mobile()
		}
		return p.email()
	})
	if len(got) != 2 || got[0].Count+got[1].Count != 100 {
		t.Errorf("numbers and addresses: %s", holdingsOf(got))
	}
	if got := holdingsOf(columnOf("name", "varchar(64)", 3, p.name)); got != "person_name 3/3" {
		t.Errorf("three names: %s", got)
	}
	if got := holdingsOf(columnOf("name", "varchar(64)", 30, func() string { return p.pick("江西", "安徽", "武汉") })); got != "" {
		t.Errorf("places: %s", got)
	}
}

func TestHints(t *testing.T) {
	for name, want := range map[string]string{
		"user_phone_no": "mobile landline phone", "filename": "", "hostname": "", "column_name": "", "name": "", "IDCardNo": "resident_id bank_card passport travel_permit taiwan_id hong_kong_id iban",
		"ip_addr": "", "EmailAddress": "email", "pwd": "password_hash password", "passwordHint": "", "author": "", "addrtype": "", "telegram": "", "cell": "mobile landline phone", "cancelled": "",
	} {
		got := ""
		for _, k := range Kinds() {
			if hints(name).has(k) {
				got += " " + k.String()
			}
		}
		if strings.TrimSpace(got) != want {
			t.Errorf("%s hints at%s, want %s", name, got, want)
		}
	}
}

func TestMask(t *testing.T) {
	for _, c := range []struct {
		kind        Kind
		value, want string
	}{
		{Mobile, "13912345670", "139******70"},
		{Mobile, "+86 139-1234-5670", "+86 1**-****-**70"},
		{ResidentID, "11010519491231002X", "1****************X"},
		{BankCard, "6222 0212 3456 7890", "6*** **** **** ***0"},
		{Email, "li.wei@corp.cn", "l***@***.cn"},
		{Email, "ab@corp.cn", "***@***.cn"},
		{Name, "王小明", "王**"},
		{Name, "王", "*"},
		{Address, "广东省深圳市科技路1号", "广东*********"},
		{BirthDate, "1990-01-31", "****-**-**"},
		{Password, "hunter2", "********"},
		{Token, "", ""},
		{None, "6222021234567890", "6**************0"},
		{None, "male", "****"},
		{None, "a\x00b\xff", "****"},
	} {
		if got := Mask(c.kind, c.value); got != c.want {
			t.Errorf("%s %q is masked as %q, want %q", c.kind, c.value, got, c.want)
		}
	}
	if got := MaskAny(strings.Repeat("long text ", 50)); len(got) > 60 {
		t.Errorf("%d bytes", len(got))
	}
}

// TestKinds has a name, titles, and a rule for each.
func TestKinds(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range Kinds() {
		en, zh := k.Title()
		if k.String() == "" || en == "" || zh == "" || k.Category() == "" || seen[k.String()] {
			t.Errorf("%d %s: %q %q", k, k, en, zh)
		}
		seen[k.String()] = true
		if columnRules[k].hinted == 0 {
			t.Errorf("%s: no rule for columns", k)
		}
		n := 0
		for _, o := range order {
			if o == k {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s is %d times in the order", k, n)
		}
		for _, c := range []int64{1, 20, 1e6} {
			if k.Severity(c) == "" {
				t.Errorf("%s: no severity of %d", k, c)
			}
		}
	}
	if Kind(200).String() != "none" || Kind(200).Severity(1) == "high" {
		t.Error("a kind of none")
	}
}
