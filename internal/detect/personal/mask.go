package personal

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maskMax is how many characters a masked value has at most.
const maskMax = 40

// Mask gives a value such that it can be shown: its structure, and at most the
// first and last character or two; of phone numbers the first three and last two
// digits. Nothing of a secret is kept, not even its length.
func Mask(k Kind, value string) string {
	value = strings.TrimSpace(value)
	if value == "" {
		return ""
	}
	switch k {
	case Mobile, Phone, Landline:
		if n := keepable(value); n >= 10 {
			return keep(value, 3, 2)
		}
		return keep(value, 1, 1)
	case ResidentID, BankCard, USCC, IBAN, MRZ, Passport, Permit, TaiwanID, HongKongID, SSN, NINO, Plate:
		return keep(value, 1, 1)
	case Email:
		at := strings.LastIndexByte(value, '@')
		if at < 1 {
			return keep(value, 0, 0)
		}
		first, _ := utf8.DecodeRuneInString(value)
		domain := value[at+1:]
		if dot := strings.LastIndexByte(domain, '.'); dot >= 0 {
			domain = "***" + domain[dot:]
		} else {
			domain = "***"
		}
		if at < 3 {
			return "***@" + domain
		}
		return string(first) + "***@" + domain
	case Name:
		if utf8.RuneCountInString(value) < 2 {
			return "*"
		}
		return keep(value, 1, 0)
	case Address:
		return keep(value, 2, 0)
	case BirthDate, Origin, Income, Location:
		return keep(value, 0, 0)
	case Health, Biometric, PasswordHash, Password, Token, PrivateKey, OTPSecret:
		return "********"
	}
	return MaskAny(value)
}

// MaskAny masks a value of which nothing is known.
func MaskAny(value string) string {
	value = strings.TrimSpace(value)
	switch n := keepable(value); {
	case n >= 12:
		return keep(value, 1, 1)
	case n >= 6:
		return keep(value, 1, 0)
	}
	return keep(value, 0, 0)
}

// keepable counts letters and digits.
func keepable(s string) int {
	n := 0
	for _, r := range s {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			n++
		}
	}
	return n
}

// keep puts a star for each letter and digit but the first and last ones; other
// characters stay where they show structure.
func keep(s string, first, last int) string {
	var b strings.Builder
	n, i, shown := keepable(s), 0, 0
	if n <= 2*(first+last) {
		first, last = 0, 0
	}
	for _, r := range s {
		if shown == maskMax {
			b.WriteString("…")
			break
		}
		shown++
		switch {
		case r == utf8.RuneError || unicode.IsControl(r):
			b.WriteByte('*')
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if i < first || i >= n-last {
				b.WriteRune(r)
			} else {
				b.WriteByte('*')
			}
			i++
		case strings.ContainsRune(" -./:,()+@_<", r):
			b.WriteRune(r)
		default:
			b.WriteByte('*')
		}
	}
	return b.String()
}
