package personal

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// people makes values of every kind from a seed. None is anybody's but by chance.
type people struct{ *rand.Rand }

func newPeople(seed uint64) people { return people{rand.New(rand.NewPCG(seed, 35273))} }

func (p people) digits(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = '0' + byte(p.IntN(10))
	}
	return string(b)
}

func (p people) pick(of ...string) string { return of[p.IntN(len(of))] }

func (p people) birth() string {
	return fmt.Sprintf("%04d%02d%02d", 1940+p.IntN(66), 1+p.IntN(12), 1+p.IntN(28))
}

func (p people) residentID() string {
	s := p.pick("110105", "310115", "440306", "510107", "330106", "420111", "810000", "650102") + p.birth() + p.digits(3)
	sum := 0
	for i, w := range []int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += w * int(s[i]-'0')
	}
	return s + "10X98765432"[sum%11:sum%11+1]
}

func (p people) mobile() string {
	return p.pick("133", "135", "136", "138", "139", "150", "151", "158", "159", "166", "177", "180", "186", "188", "189", "191", "199") + p.digits(7) + p.pick("1", "4", "7") // the end keeps it from being dull
}

func (p people) card() string {
	s := p.pick("622202", "621700", "625912", "622588", "4392", "5187", "3568") + p.digits(15)
	n := 16
	if s[0] == '6' && p.IntN(2) == 0 {
		n = 19
	}
	return withLuhn(s[:n-1])
}

func withLuhn(s string) string {
	for c := byte('0'); c <= '9'; c++ {
		if v := s + string(c); luhn([]byte(v)) {
			return v
		}
	}
	panic("no digit fits")
}

func (p people) uscc() string {
	const alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
	body := "91" + p.pick("110108", "310115", "440300") + "MA" + p.digits(6)
	sum := 0
	for i, w := range []int{3, 7, 9, 10, 5, 8, 4, 2} {
		v := strings.IndexByte("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", body[8+i])
		sum += v * w
	}
	body += "0X987654321"[sum%11 : sum%11+1]
	sum, w := 0, 1
	for i := range body {
		sum += strings.IndexByte(alphabet, body[i]) * w
		w = w * 3 % 31
	}
	c := (31 - sum%31) % 31
	return body + alphabet[c:c+1]
}

func (p people) iban() string {
	body := p.pick("DE", "ES", "FR")
	n := map[string]int{"DE": 18, "ES": 20, "FR": 23}[body]
	rest := p.digits(n)
	for check := 2; check < 99; check++ {
		if s := fmt.Sprintf("%s%02d%s", body, check, rest); iban([]byte(s)) {
			return s
		}
	}
	panic("no check digits fit")
}

func (p people) hongKongID() string {
	s := p.pick("A", "C", "K", "P", "Y", "Z") + p.digits(6)
	for _, c := range "0123456789A" {
		if v := s + "(" + string(c) + ")"; hongKongID([]byte(v)) {
			return v
		}
	}
	return p.hongKongID() // dull digits
}

func (p people) taiwanID() string {
	s := p.pick("A", "B", "F", "H", "T") + p.pick("1", "2") + p.digits(7)
	for _, c := range "0123456789" {
		if v := s + string(c); taiwanID([]byte(v)) {
			return v
		}
	}
	return p.taiwanID()
}

func (p people) ssn() string {
	for {
		s := p.digits(9)
		if ssn([]byte(s)) {
			return s[:3] + "-" + s[3:5] + "-" + s[5:]
		}
	}
}

func (p people) mrz() string {
	doc := p.pick("E", "G") + p.digits(8)
	dob, exp := p.birth()[2:], "3"+p.digits(1)+"0"+fmt.Sprint(1+p.IntN(9))+"1"+fmt.Sprint(p.IntN(9))
	opt := strings.Repeat("<", 14)
	d := func(s ...string) string {
		var all [][]byte
		for _, x := range s {
			all = append(all, []byte(x))
		}
		return string(mrzDigit(all...))
	}
	a, b, c, o := d(doc), d(dob), d(exp), d(opt)
	return doc + a + "CHN" + dob + b + p.pick("M", "F") + exp + c + opt + o + d(doc, a, dob, b, exp, c, opt, o)
}

func (p people) name() string {
	given := []rune("伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰建国志文")
	r := []rune(surnames)
	s := string(r[p.IntN(100)]) + string(given[p.IntN(len(given))])
	if p.IntN(3) > 0 {
		s += string(given[p.IntN(len(given))])
	}
	return s
}

func (p people) address() string {
	return p.pick("广东省深圳市南山区", "北京市朝阳区", "上海市浦东新区", "浙江省杭州市西湖区", "四川省成都市武侯区") +
		p.pick("科技路", "建国路", "张江路", "文三路", "人民南路", "解放大道") + fmt.Sprint(1+p.IntN(900)) + "号" +
		fmt.Sprint(1+p.IntN(30)) + "栋" + fmt.Sprint(100+p.IntN(2000)) + "室"
}

func (p people) email() string {
	return p.pick("li.wei", "zhang", "wang_fang", "anna", "j.smith", "maria") + p.digits(4) + "@" + p.pick("qq.com", "163.com", "gmail.com", "web.de", "corp.cn")
}

func (p people) hex(n int) string {
	const h = "0123456789abcdef"
	b := make([]byte, n)
	for i := range b {
		b[i] = h[p.IntN(16)]
	}
	return string(b)
}

// lookAlike makes one of what resembles personal data and is none.
func (p people) lookAlike() string {
	switch p.IntN(16) {
	case 0:
		return "order " + "2024" + p.digits(14)
	case 1:
		return fmt.Sprintf("ts=%d", 1_700_000_000_000+p.Int64N(1e10))
	case 2:
		return p.hex(40) + "  commit"
	case 3:
		return p.hex(8) + "-" + p.hex(4) + "-" + p.hex(4) + "-" + p.hex(4) + "-" + p.hex(12)
	case 4:
		return "0." + p.digits(17)
	case 5:
		return "serial: " + strings.ToUpper(p.hex(32))
	case 6:
		return fmt.Sprintf("%d,%d,%d", p.IntN(1e9), p.IntN(1e9), p.IntN(1e9))
	case 7:
		return "id=1" + p.digits(10)
	case 8:
		return fmt.Sprintf("%d.%d.%d-%d", p.IntN(20), p.IntN(100), p.IntN(1000), p.IntN(1e6))
	case 9:
		return "/data/" + p.digits(18) + "/" + p.digits(11) + ".log"
	case 10:
		return fmt.Sprintf("2024-%02d-%02dT%02d:%02d:%02d.%sZ", 1+p.IntN(12), 1+p.IntN(28), p.IntN(24), p.IntN(60), p.IntN(60), p.digits(6))
	case 11:
		return "snowflake " + p.digits(18)
	case 12:
		return "run " + withLuhn("4"+p.digits(14)) + " " + p.digits(16) + " " + p.digits(16)
	case 13:
		return "key " + strings.ToUpper(p.hex(18)) + " E" + p.digits(8) + " sha " + p.hex(64)
	case 14:
		return "lodash@4.17." + p.digits(2) + " git@github.com:a/b.git user@host pkg-" + p.digits(3) + "-" + p.digits(2) + "-" + p.digits(4) + ".tar"
	}
	return "seq " + p.digits(4) + " " + p.digits(4) + " " + p.digits(4) + " " + p.digits(4) + " " + p.digits(4)
}
