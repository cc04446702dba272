package personal

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// contexts are words of which one stands within 30 characters of a value that is
// of the kind, by their first two bytes. In this list, a word in capitals is one
// that must not be within another.
var contexts = func() map[uint16][]*contextWord {
	identity := []string{"身份证", "身分证", "证件号", "公民身份", "idcard", "id card", "id_card", "id-card", "identity", "national id", "sfz", "shenfenzheng", "certno", "cert_no", "idno", "id_no", "id no", "id number", "idnumber", "id_number", "citizen"}
	calls := []string{"手机", "电话", "联系方式", "联系人", "联系号码", "手機", "電話", "phone", "mobile", "TEL", "telephone", "CELL", "shouji", "msisdn", "whatsapp", "SMS", "短信", "FAX"}
	account := []string{"IBAN", "account", "bank", "ACCT", "konto", "账号", "账户"}
	words := map[Kind][]string{
		ResidentID: identity,
		Mobile:     calls,
		Phone:      calls,
		BankCard:   {"card", "visa", "mastercard", "amex", "unionpay", "PAN", "银联", "银行卡", "卡号", "信用卡", "借记卡", "储蓄卡", "银行账", "銀行", "yinhangka", "bankcard", "credit", "debit"},
		USCC:       {"信用代码", "统一社会", "纳税人", "税号", "uscc", "creditcode", "credit_code", "credit code", "xydm"},
		Passport:   {"passport", "护照", "護照", "huzhao"},
		Permit:     {"通行证", "回乡证", "台胞证", "通行證", "回鄉證", "travel permit", "permit no"},
		TaiwanID:   append([]string{"身分證", "身分證字號", "台湾身份", "ROC ID", "TWID"}, identity...),
		HongKongID: append([]string{"身份證", "hkid", "香港身份", "hong kong id"}, identity...),
		IBAN:       account,
		SSN:        {"SSN", "social security", "social_security", "socialsecurity", "TIN", "tax id", "taxpayer"},
		NINO:       {"NINO", "national insurance", "ni number", "ni no", "NIN"},
		MRZ:        {"passport", "MRZ", "护照"},
	}
	byWord := map[string]*contextWord{}
	enter := func(w string, k Kind, alone bool) {
		c := byWord[w]
		if c == nil {
			c = &contextWord{word: []byte(w)}
			byWord[w] = c
		}
		if alone {
			c.alone |= setOf(k)
		} else {
			c.kinds |= setOf(k)
		}
	}
	t := map[uint16][]*contextWord{}
	for k, list := range words {
		for _, w := range list {
			enter(string(lower(nil, []byte(w))), k, class[w[0]] == isUpper)
			if w[0] >= utf8.RuneSelf {
				if gbk, err := simplifiedchinese.GBK.NewEncoder().Bytes([]byte(w)); err == nil {
					enter(string(gbk), k, false)
				}
			}
		}
	}
	for _, c := range byWord {
		p := pair(c.word)
		t[p] = append(t[p], c)
	}
	return t
}()

// contextPairs has a bit for each two bytes that a word begins with.
var contextPairs = func() (t [1 << 10]uint64) {
	for p := range contexts {
		t[p/64] |= 1 << (p % 64)
	}
	return t
}()

func pair(b []byte) uint16 { return uint16(b[0])<<8 | uint16(b[1]) }

type contextWord struct {
	word  []byte
	kinds kindSet
	alone kindSet // kinds for which the word must not be within another
}

// How far around a value words count: characters, and the bytes that they have at
// most.
const (
	contextRunes = 30
	contextBytes = 90
)

// near tells whether a word of the kind stands around data[s:e].
func near(k Kind, data []byte, s, e int) bool {
	var buf [2 * contextBytes]byte
	before := data[max(0, s-contextBytes):s]
	for n, i := 0, len(before)-1; i >= 0; i-- {
		if before[i]&0xC0 != 0x80 {
			if n++; n > contextRunes {
				before = before[i+1:]
				break
			}
		}
	}
	after := data[e:min(len(data), e+contextBytes)]
	for n, i := 0, 0; i < len(after); i++ {
		if after[i]&0xC0 != 0x80 {
			if n++; n > contextRunes {
				after = after[:i]
				break
			}
		}
	}
	text := lower(buf[:0], before)
	mid := len(text)
	text = lower(text, after)
	return hasWord(k, text[:mid]) || hasWord(k, text[mid:])
}

func hasWord(k Kind, text []byte) bool {
	for s := 0; s+1 < len(text); s++ {
		p := pair(text[s:])
		if contextPairs[p/64]>>(p%64)&1 == 0 {
			continue
		}
		for _, w := range contexts[p] {
			if !(w.kinds | w.alone).has(k) || !bytes.HasPrefix(text[s:], w.word) {
				continue
			}
			e := s + len(w.word)
			if w.kinds.has(k) || (s == 0 || class[text[s-1]]&isLower == 0) && (e == len(text) || class[text[e]]&isLower == 0) {
				return true
			}
		}
	}
	return false
}
