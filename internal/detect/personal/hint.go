package personal

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// A column's name hints at kinds. It is cut into words at capitals, digits and
// signs: userPhone_no is user, phone, no. A kind is hinted at when the joined
// words contain one of part, when one word, or two or three in a row joined, is
// of word, or when the name contains one of han.
type hintWords struct {
	part, word, han string
}

var hintTable = map[Kind]hintWords{
	ResidentID: {
		"idcard identitycard nationalid shenfenzheng certno certnum certid identityno identitynumber citizenid citizenno idnumber",
		"sfz sfzh sfzhm sfzhao sfzid idno idnum idcode zjh zjhm zjhao certcode shenfen gmsfhm sfzjh sfzjhm identity",
		"身份证 身分证 證號 证件号 证件编号 公民身份",
	},
	Mobile: {
		"phone mobile shouji telephone",
		"tel cell msisdn sjh sjhm sj sjhao lxdh lxfs lxrdh dh dhhm yddh contactno contactnumber contacttel",
		"手机 电话 联系方式 联系号码 手機 電話",
	},
	Name: {
		"fullname realname truename firstname lastname givenname familyname customername custname contactname patientname " +
			"studentname membername employeename empname ownername holdername payeename consigneename receivername legalperson",
		"surname xm xingming cardholder consignee payee recipient lxr khxm kehuxingming zsxm hzxm xsxm shr jsr",
		"姓名 客户名 患者 联系人 收件人 收货人 户主 持卡人 真实姓名 法人 法定代表人 员工名",
	},
	Address: {
		"homeaddress street residence dizhi zhuzhi postaladdress",
		"address addr addr1 addr2 addressline dz jtzz jtdz txdz zz zzdz lxdz hjdz xxdz postcode zipcode",
		"地址 住址 住所",
	},
	Email: {
		"email youxiang",
		"mail mailbox yx dzyx dzyj emailaddr",
		"邮箱 电子邮件 郵箱",
	},
	BankCard: {
		"cardno cardnum bankcard creditcard debitcard bankaccount bankacct acctno accountno accountnum yinhangka ccnum",
		"yhk yhkh yhzh kahao kh pan cc card cardid zhanghao zh",
		"银行卡 卡号 银行账 银行帐 账号 帐号 信用卡 银行賬",
	},
	USCC: {
		"uscc creditcode socialcredit tyshxydm",
		"xydm shxydm nsrsbh taxno tyxydm tyshxy",
		"信用代码 纳税人识别 税号",
	},
	Passport:   {"passport huzhao", "hz hzh hzhm", "护照 護照"},
	Permit:     {"travelpermit tongxingzheng gangaotongxing taibaozheng huixiangzheng", "txz txzh gatxz hxz tbz permitno", "通行证 回乡证 台胞证"},
	TaiwanID:   {"taiwanid", "twid", "身分證 台湾身份"},
	HongKongID: {"hongkongid hkidcard", "hkid", "香港身份 身份證"},
	Plate:      {"licenseplate platenumber plateno numberplate chepai carplate vehicleplate", "plate cph cphm carno hphm", "车牌 号牌"},
	IBAN:       {"iban", "konto bban", "银行账号"},
	SSN:        {"socialsecurity", "ssn ssnum tin taxid", ""},
	NINO:       {"nationalinsurance", "nino ni ninumber", ""},
	BirthDate:  {"birth chusheng shengri", "dob bday csrq csny csnyr sr", "出生 生日"},
	Health: {
		"diagnos disease medicalrecord medicalhistory bloodtype allerg prescription symptom zhenduan bingli bingshi pathology",
		"icd10 icd9 xx zd zdjg cbzd gms jwbs xuexing",
		"诊断 病历 病史 疾病 过敏 血型 症状 处方 病情 检验结果 既往史",
	},
	Biometric: {
		"fingerprinttemplate fingertemplate facefeature facetoken facetemplate facevector faceembedding voiceprint biometric faceencoding irisc facialfeature zhiwen renlian",
		"iris faceid facedata facedesc",
		"指纹 人脸 虹膜 声纹 掌纹",
	},
	Origin:   {"religio ethnic minzu politicalparty zhengzhimianmao", "race mz zzmm zjxy", "民族 宗教 政治面貌"},
	Location: {"latitude longitude jingdu weidu geolocation", "lat lng lon gps jd wd", "经度 纬度 坐标 定位"},
	Income:   {"salary income wage payroll gongzi xinzi accountbalance", "balance gz xz yue nsr", "工资 薪资 薪酬 收入 余额 存款"},
	Password: {
		"password passwd userpass mima loginpass",
		"pwd pass pswd mm kl passphrase kouling yhmm dlmm",
		"密码 口令",
	},
	Token: {
		"accesstoken refreshtoken authtoken apitoken apikey secretkey accesskey appsecret clientsecret sessiontoken usertoken apisecret bearertoken appkey",
		"token secret aksk sk",
		"令牌 密钥",
	},
	OTPSecret: {"totp otpsecret otpseed mfasecret mfaseed twofactorsecret googleauth tfasecret 2fasecret authenticatorkey", "otp hotp", "动态口令"},
}

// noHints are names that look like a hint and are none, by kind.
var noHints = map[Kind]string{
	Mobile:   "phonetype phonemodel phonebrand phoneos phonemodel mobiletype istel phoneverified mobileverified telcode areacode phonecode ismobile phonecountry",
	Address:  "ipaddr ipaddress macaddr macaddress emailaddress addresstype addresscount baseaddress memaddr email netaddr hwaddr bindaddr listenaddr remoteaddr serveraddr peeraddr mailaddress",
	Name:     "",
	Email:    "emailverified emailtype emailcount emailstatus emailsent mailsubject emailtemplate emailsubject emailbody",
	BankCard: "cardnoun discard wildcard cardinal cardtype",
	Password: "passwordreset passwordchange passwordexpir passwordhint passwordupdated passwordlast lastpassword pwdchange pwdexpir passwordpolicy passwordage passwordlifetime passworderror pwderror passwordquestion passwordmin passwordmax passwordlength passwordcount passwordreuse passwordat passwordtime",
	Token:    "tokentype tokenexpir tokenname tokencount secretname secretversion tokens tokenizer tokenid apikeyname keytype",
	Income:   "loadbalance balancer outcome",
	Health:   "diagnosticport diagnosticlevel diagnosticcode diagnosticmessage diagnostics",
	Location: "translat platform",
}

type hintEntry struct {
	kind  Kind
	part  []string
	words map[string]bool
	han   []string
	not   []string
}

var hintEntries = func() []hintEntry {
	list := make([]hintEntry, 0, len(hintTable))
	for k := None + 1; k < kinds; k++ {
		w, ok := hintTable[k]
		if !ok {
			continue
		}
		e := hintEntry{kind: k, part: strings.Fields(w.part), han: strings.Fields(w.han), not: strings.Fields(noHints[k]), words: map[string]bool{}}
		for x := range strings.FieldsSeq(w.word) {
			e.words[x] = true
		}
		list = append(list, e)
	}
	return list
}()

// hints gives the kinds that a column's name hints at.
func hints(name string) kindSet {
	if len(name) > 128 {
		name = name[len(name)-128:]
	}
	name = toUTF8([]byte(name))
	words := nameWords(name)
	joined := strings.Join(words, "")
	var s kindSet
	for _, e := range hintEntries {
		if e.hinted(name, joined, words) {
			s |= setOf(e.kind)
		}
	}
	// Some names are of families, where the values tell.
	if s.has(ResidentID) {
		s |= setOf(Passport, Permit, TaiwanID, HongKongID)
	}
	if s.has(Mobile) {
		s |= setOf(Phone, Landline)
	}
	if s.has(BankCard) {
		s |= setOf(IBAN)
	}
	if s.has(Password) {
		s |= setOf(PasswordHash)
	}
	if strings.HasSuffix(name, "名称") {
		s &^= setOf(Name)
	}
	return s
}

func (e *hintEntry) hinted(name, joined string, words []string) bool {
	for _, n := range e.not {
		if strings.Contains(joined, n) {
			return false
		}
	}
	for _, p := range e.part {
		if strings.Contains(joined, p) {
			return true
		}
	}
	for i, start := 0, 0; i < len(words); i++ {
		end := start
		for _, w := range words[i:min(len(words), i+3)] {
			if end += len(w); e.words[joined[start:end]] {
				return true
			}
		}
		start += len(words[i])
	}
	for _, h := range e.han {
		if strings.Contains(name, h) {
			return true
		}
	}
	return false
}

// nameWords cuts a name into its words of ASCII letters and digits, lower case.
func nameWords(name string) []string {
	var words []string
	start := -1
	flush := func(i int) {
		if start >= 0 && i > start {
			words = append(words, strings.ToLower(name[start:i]))
		}
		start = -1
	}
	for i := range len(name) {
		c := name[i]
		if class[c] == 0 {
			flush(i)
			continue
		}
		// A capital begins a word after a small letter, or before one when more
		// capitals come before it: IDCardNo is ID, Card, No.
		if start >= 0 && class[c] == isUpper &&
			(class[name[i-1]] == isLower || class[name[i-1]] == isUpper && i+1 < len(name) && class[name[i+1]] == isLower) {
			flush(i)
		}
		if start < 0 {
			start = i
		}
	}
	flush(len(name))
	return words
}

// toUTF8 gives text that is UTF-8 as it is, other text as GBK when it is that.
func toUTF8(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	if out, err := simplifiedchinese.GBK.NewDecoder().Bytes(b); err == nil && !strings.ContainsRune(string(out), utf8.RuneError) {
		return string(out)
	}
	return string(b)
}

// printable tells text without control characters.
func printable(s string) bool {
	for _, r := range s {
		if r == utf8.RuneError || unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
	}
	return true
}
