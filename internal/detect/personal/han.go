package personal

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// surnames are family names of one character that most people in China bear.
const surnames = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔" +
	"钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤常温康施文牛樊葛邢安齐易乔伍" +
	"庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳欧管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜冷晏席卫米柏宗瞿桂全佟应臧闵苟邬边卞姬师和仇栾隋商刁沙荣巫寇桑郎甄丛仲虞敖巩明佘池查麻苑迟邝" +
	"陳張劉楊黃趙吳孫馬羅鄭謝許韓馮鄧葉蘇呂盧鍾陸賈韋鄒閻龍黎賀顧龔錢嚴湯龐顏倪莊聶魯"

var surname = func() map[rune]bool {
	t := map[rune]bool{}
	for _, r := range surnames {
		t[r] = true
	}
	return t
}()

var doubleSurnames = []string{"欧阳", "司马", "上官", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "司徒", "令狐", "夏侯", "歐陽", "諸葛"}

// noNames are places and words that begin as a name does.
var noNames = func() map[string]bool {
	t := map[string]bool{}
	for w := range strings.FieldsSeq("江西 江苏 安徽 宁夏 云南 武汉 成都 温州 常州 金华 石家庄 宁波 安庆 安阳 江门 江阴 黄石 黄山 马鞍山 连云港 " +
		"成功 成本 方式 方案 时间 时长 单位 单价 单据 平台 平均 平板 安全 安装 程序 项目 项链 金额 金属 金融 高级 高中 初中 黄金 白银 白色 黄色 蓝色 常规 常用 " +
		"元素 水果 石油 石材 米饭 汤类 鲁菜 粤菜 苏菜 关闭 关键 施工 管理 管理员 车间 车辆 党员 党政 和平 计划 计算机 商品 商务 商业 商家 农业 明细 任务 包装 宣传 严重 施工中 康复 何时") {
		t[w] = true
	}
	return t
}()

// hanName tells two to four characters that start with a family name.
func hanName(s string) bool {
	if len(s) < 6 || len(s) > 12 || noNames[s] {
		return false
	}
	n, first := 0, rune(0)
	for _, r := range s {
		if !unicode.Is(unicode.Han, r) {
			return false
		}
		if n == 0 {
			first = r
		}
		n++
	}
	for _, d := range doubleSurnames {
		if strings.HasPrefix(s, d) {
			return n >= 3
		}
	}
	return n <= 3 && surname[first]
}

// latinName tells words of letters that may be someone's name, for columns that
// are said to hold names.
func latinName(s string) bool {
	letters := 0
	for i, r := range s {
		switch {
		case unicode.IsLetter(r):
			if letters == 0 && !unicode.IsUpper(r) && r < 0x250 {
				return false
			}
			letters++
		case i > 0 && (r == ' ' || r == '-' || r == '\'' || r == '.' || r == ',' || r == '·' || r == '’'):
		default:
			return false
		}
	}
	return letters >= 2 && len(s) <= 80
}

// hanAddress tells an address in Chinese: a street or village, and two of
// province, city, district and a house's number.
func hanAddress(s string) bool {
	if len(s) < 18 || len(s) > 300 {
		return false
	}
	var region, district, street, house bool
	digit, han := false, 0
	for i, r := range s {
		if r < utf8.RuneSelf {
			digit = class[byte(r)] == isDigit || digit && class[byte(r)] != 0
			continue
		}
		han++
		switch r {
		case '省':
			region = true
		case '市', '州', '盟':
			district = district || region
			region = true
		case '区', '县', '旗', '區', '縣':
			district = true
		case '路', '街', '道', '巷', '镇', '乡', '村', '里', '苑', '鎮', '鄉':
			street = street || han > 3 && i > 0
		case '号', '栋', '幢', '室', '楼', '弄', '组', '座', '单', '號', '樓':
			house = house || digit
		}
		switch r {
		case '一', '二', '三', '四', '五', '六', '七', '八', '九', '十':
			digit = true
		default:
			digit = false
		}
	}
	n := 0
	for _, b := range []bool{region, district, house} {
		if b {
			n++
		}
	}
	return han >= 5 && (street && n >= 2 || region && district && house)
}

// latinAddress tells text that may be an address, for columns that are said to
// hold addresses: words and a number.
func latinAddress(s string) bool {
	letters, digits, spaces := 0, 0, 0
	for _, r := range s {
		switch {
		case unicode.IsLetter(r):
			letters++
		case r >= '0' && r <= '9':
			digits++
		case r == ' ':
			spaces++
		case strings.ContainsRune("/:@=<>{}\\", r):
			return false
		}
	}
	return letters >= 4 && digits >= 1 && spaces >= 1 && len(s) <= 300
}
