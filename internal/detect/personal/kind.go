package personal

// Kind is what a value is.
type Kind uint8

// The kinds of personal data, then of secrets, that are told apart.
const (
	None       Kind = iota
	ResidentID      // GB 11643, also for residents of Hong Kong, Macau, Taiwan and foreign permanent residents
	Mobile          // of mainland China
	Landline        // of mainland China
	Phone           // E.164, of any country
	BankCard        // ISO/IEC 7812 with a known issuer
	USCC            // GB 32100, of legal entities and sole traders
	Passport        // of China; of any country in a column so named
	Permit          // to and from Hong Kong, Macau and Taiwan
	TaiwanID
	HongKongID
	Plate // of a vehicle in mainland China
	Name
	Address
	Email
	IBAN // ISO 13616
	SSN  // of the United States
	NINO // of the United Kingdom
	BirthDate
	MRZ // ICAO 9303, of a passport or card
	Health
	Biometric
	Origin // ethnicity, religion, politics: GDPR article 9
	Location
	Income
	PasswordHash
	Password
	Token
	PrivateKey
	OTPSecret

	kinds
)

// Category is the kind of personal information in the terms of GB/T 35273-2020,
// appendix A.
type Category string

// The categories; secrets are of the category [Identification].
const (
	Basic          Category = "basic_information"      // 个人基本资料
	Identity       Category = "identity_information"   // 个人身份信息
	BiometricData  Category = "biometric_information"  // 个人生物识别信息
	Identification Category = "network_identification" // 网络身份标识信息
	HealthData     Category = "health_information"     // 个人健康生理信息
	Property       Category = "property_information"   // 个人财产信息
	Position       Category = "location_information"   // 个人位置信息
	Organisation   Category = "organisation"           // no natural person's, 单位信息
)

type kindInfo struct {
	name     string
	en, zh   string
	category Category
	// sensitive is GB/T 35273-2020 appendix B and PIPL article 28.
	sensitive bool
	// special is a special category of GDPR article 9.
	special bool
	// weight is how soon a count is severe: 3 a few are, 2 hundreds, 1 thousands.
	weight int
}

var infos = [kinds]kindInfo{
	None:         {name: "none"},
	ResidentID:   {"resident_id", "Chinese resident identity numbers", "居民身份证号码", Identity, true, false, 3},
	Mobile:       {"mobile", "Chinese mobile numbers", "手机号码", Basic, false, false, 2},
	Landline:     {"landline", "Chinese landline numbers", "固定电话号码", Basic, false, false, 1},
	Phone:        {"phone", "international phone numbers", "国际电话号码", Basic, false, false, 2},
	BankCard:     {"bank_card", "bank card numbers", "银行卡号", Property, true, false, 3},
	USCC:         {"uscc", "unified social credit codes", "统一社会信用代码", Organisation, false, false, 1},
	Passport:     {"passport", "passport numbers", "护照号码", Identity, true, false, 3},
	Permit:       {"travel_permit", "travel permit numbers (Hong Kong, Macau, Taiwan)", "港澳台通行证号码", Identity, true, false, 3},
	TaiwanID:     {"taiwan_id", "Taiwan identity numbers", "台湾身份证号码", Identity, true, false, 3},
	HongKongID:   {"hong_kong_id", "Hong Kong identity card numbers", "香港身份证号码", Identity, true, false, 3},
	Plate:        {"vehicle_plate", "vehicle plates", "车牌号码", Property, false, false, 2},
	Name:         {"person_name", "names of people", "姓名", Basic, false, false, 1},
	Address:      {"postal_address", "postal addresses", "住址", Basic, false, false, 2},
	Email:        {"email", "e-mail addresses", "电子邮箱地址", Basic, false, false, 1},
	IBAN:         {"iban", "bank account numbers (IBAN)", "国际银行账号(IBAN)", Property, true, false, 3},
	SSN:          {"us_ssn", "US social security numbers", "美国社会安全号码", Identity, true, false, 3},
	NINO:         {"uk_nino", "UK national insurance numbers", "英国国民保险号码", Identity, true, false, 3},
	BirthDate:    {"birth_date", "dates of birth", "出生日期", Basic, false, false, 1},
	MRZ:          {"passport_mrz", "machine-readable lines of passports", "护照机读码", Identity, true, false, 3},
	Health:       {"health", "health records", "健康与诊疗信息", HealthData, true, true, 3},
	Biometric:    {"biometric", "biometric features", "生物识别特征", BiometricData, true, true, 3},
	Origin:       {"origin", "ethnicity, religion or political views", "民族、宗教或政治面貌", Basic, true, true, 2},
	Location:     {"location", "precise positions", "精准定位信息", Position, true, false, 2},
	Income:       {"income", "income or balances", "收入或余额", Property, true, false, 2},
	PasswordHash: {"password_hash", "password hashes", "口令散列值", Identification, true, false, 3},
	Password:     {"password", "passwords in clear", "明文口令", Identification, true, false, 3},
	Token:        {"token", "access tokens", "访问令牌", Identification, true, false, 3},
	PrivateKey:   {"private_key", "private keys", "私钥", Identification, true, false, 3},
	OTPSecret:    {"otp_secret", "one-time password secrets", "动态口令密钥", Identification, true, false, 3},
}

// String is the kind's identity: lower case with underscores.
func (k Kind) String() string { return k.info().name }

// Title says what values of this kind are, in English and Chinese.
func (k Kind) Title() (en, zh string) { return k.info().en, k.info().zh }

// Category is the kind's category of GB/T 35273.
func (k Kind) Category() Category { return k.info().category }

// Sensitive tells sensitive personal information in the sense of GB/T 35273
// appendix B and article 28 of the Personal Information Protection Law.
func (k Kind) Sensitive() bool { return k.info().sensitive }

// Special tells a special category of personal data of GDPR article 9.
func (k Kind) Special() bool { return k.info().special }

// Secret tells kinds that open something from those that tell about someone.
func (k Kind) Secret() bool { return k >= PasswordHash && k < kinds }

// Checked tells kinds whose values have a check that they passed, beyond form.
func (k Kind) Checked() bool {
	switch k {
	case ResidentID, BankCard, USCC, IBAN, MRZ, TaiwanID, HongKongID:
		return true
	}
	return false
}

// Severity is how bad count distinct values of this kind are: low, medium or
// high; empty for none.
func (k Kind) Severity(count int64) string {
	medium, high := int64(5), int64(20)
	switch k.info().weight {
	case 2:
		medium, high = 50, 1000
	case 1:
		medium, high = 1000, 100_000
	}
	switch {
	case k == None || count <= 0:
		return ""
	case count >= high:
		return "high"
	case count >= medium || k == PrivateKey:
		return "medium"
	}
	return "low"
}

func (k Kind) info() kindInfo {
	if k >= kinds {
		k = None
	}
	return infos[k]
}

// Kinds lists all kinds.
func Kinds() []Kind {
	all := make([]Kind, 0, kinds-1)
	for k := None + 1; k < kinds; k++ {
		all = append(all, k)
	}
	return all
}

// kindSet is a set of kinds.
type kindSet uint64

func setOf(ks ...Kind) kindSet {
	var s kindSet
	for _, k := range ks {
		s |= 1 << k
	}
	return s
}

func (s kindSet) has(k Kind) bool { return s>>k&1 != 0 }
