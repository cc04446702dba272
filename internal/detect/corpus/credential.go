package corpus

import "strings"

// credential is one kind of secret, with what stands beside it.
type credential struct {
	fields func(g *gen) []field
	bare   bool // known by its form alone: it may stand anywhere
}

// one is a credential of one field, named by one of names.
func one(label string, bare bool, value func(g *gen) string, names ...string) credential {
	return credential{func(g *gen) []field { return []field{{words: words(g.of(names...)), value: value(g), label: label}} }, bare}
}

// pair is an identifier that is no secret, then a secret.
func pair(label string, id func(g *gen) string, idLabel string, value func(g *gen) string, names ...string) credential {
	return credential{func(g *gen) []field {
		i := 2 * g.IntN(len(names)/2)
		return []field{{words: words(names[i]), value: id(g), label: idLabel}, {words: words(names[i+1]), value: value(g), label: label}}
	}, false}
}

// around is a secret in a longer value.
func around(label, before string, value func(g *gen) string, after string, names ...string) credential {
	return credential{func(g *gen) []field {
		return []field{{words: words(g.of(names...)), value: value(g), before: before, after: after, label: label}}
	}, false}
}

func alnum(n int) func(*gen) string   { return func(g *gen) string { return g.alnum(n) } }
func hexes(n int) func(*gen) string   { return func(g *gen) string { return g.hex(n) } }
func url64s(n int) func(*gen) string  { return func(g *gen) string { return g.url64(n) } }
func base64s(n int) func(*gen) string { return func(g *gen) string { return g.base64(n) } }
func uuids(g *gen) string             { return g.uuid() }
func passwords(g *gen) string         { return g.password() }

// joined makes values of texts and of what makes texts.
func joined(parts ...any) func(*gen) string {
	return func(g *gen) string {
		var b strings.Builder
		for _, p := range parts {
			switch p := p.(type) {
			case string:
				b.WriteString(p)
			case func(*gen) string:
				b.WriteString(p(g))
			}
		}
		return b.String()
	}
}

func upper(n int) func(*gen) string { return func(g *gen) string { return g.from(uppers+digits, n) } }

func lower(n int) func(*gen) string { return func(g *gen) string { return g.from(lowers+digits, n) } }
func digit(n int) func(*gen) string { return func(g *gen) string { return g.digits(n) } }

// credentials are the kinds that are planted. Ids that name a key are labelled
// where the issuer's scanners report them, for they tell whose key it is.
var credentials = []credential{
	pair("aws_access_key", func(g *gen) string { return g.awsID("AKIA") }, "", func(g *gen) string { return g.from(base62+"+/", 38) + g.alnum(2) }, "aws access key id", "aws secret access key", "s3 access key", "s3 secret key", "access key", "secret key"),
	pair("azure_client_secret", uuids, "", func(g *gen) string { return g.alnum(3) + "8Q~" + g.from(base62+"._~-", 33) + g.alnum(1) }, "azure client id", "azure client secret", "client id", "client secret", "aad app id", "aad app key"),
	around("azure_storage_key", "DefaultEndpointsProtocol=https;AccountName=shopdata;AccountKey=", base64s(64), ";EndpointSuffix=core.windows.net", "azure storage connection string", "storage connection", "blob conn"),
	around("azure_sas_token", "https://shopdata.blob.core.windows.net/backup/db.tar?", func(g *gen) string { return g.sas("2099-12-31T23:59:59Z") }, "", "backup url", "blob url", "upload target"),
	around("azure_service_bus_key", "Endpoint=sb://orders.servicebus.windows.net/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=", base64s(32), "", "servicebus connection", "event hub connection"),
	one("google_api_key", true, joined("AIza", url64s(35)), "google api key", "maps key", "firebase api key"),
	pair("google_oauth_secret", joined(digit(12), "-", lower(32), ".apps.googleusercontent.com"), "", joined("GOCSPX-", url64s(28)), "google client id", "google client secret", "oauth client id", "oauth client secret"),
	pair("aliyun_access_key", joined("LTAI5t", alnum(18)), "aliyun_access_key_id", alnum(30), "aliyun access key id", "aliyun access key secret", "oss access key id", "oss access key secret", "access key id", "access key secret"),
	pair("tencent_secret_key", joined("AKID", alnum(32)), "tencent_secret_id", alnum(32), "tencentcloud secret id", "tencentcloud secret key", "cos secret id", "cos secret key", "secret id", "secret key"),
	pair("huawei_secret_key", upper(20), "", alnum(40), "hw access key", "hw secret key", "huaweicloud sdk ak", "huaweicloud sdk sk"),
	pair("baidu_secret_key", joined("ALTAK", alnum(21)), "", hexes(32), "bce access key id", "bce secret access key", "baidu ak", "baidu sk"),
	pair("qiniu_secret_key", url64s(40), "", url64s(40), "qiniu access key", "qiniu secret key", "qiniu ak", "qiniu sk"),
	one("digitalocean_token", true, joined("dop_v1_", hexes(64)), "digitalocean token", "do api token", "digitalocean access token"),
	one("linode_token", false, hexes(64), "linode token", "linode cli token"),
	one("hetzner_token", false, alnum(64), "hcloud token", "hetzner api token"),
	one("cloudflare_token", false, url64s(40), "cloudflare api token", "cf api token"),
	one("heroku_api_key", false, uuids, "heroku api key"),
	one("netlify_token", true, joined("nfp_", alnum(36)), "netlify auth token"),
	one("github_token", true, func(g *gen) string { return g.classic(g.of("ghp_", "gho_", "ghs_")) }, "github token", "gh token", "git token"),
	one("github_token", true, joined("github_pat_11", upper(20), "_", alnum(59)), "github token", "gh pat"),
	one("gitlab_token", true, func(g *gen) string { return g.gitlab("glpat-") }, "gitlab token", "gitlab access token"),
	one("gitlab_token", true, joined("glpat-", url64s(20)), "gitlab token", "ci job secret"),
	one("gitlab_other_token", true, joined("glrt-", url64s(20)), "runner token", "gitlab runner token"),
	one("gitee_token", false, hexes(32), "gitee access token", "gitee token"),
	one("npm_token", true, func(g *gen) string { return g.classic("npm_") }, "npm token", "npm auth"),
	one("pypi_token", true, func(g *gen) string { return g.pypi() }, "pypi token", "twine password"),
	one("docker_hub_token", true, joined("dckr_pat_", url64s(27)), "dockerhub token", "docker password"),
	one("rubygems_key", true, joined("rubygems_", hexes(48)), "gem host api key"),
	one("terraform_cloud_token", true, joined(alnum(14), ".atlasv1.", url64s(67)), "tf token", "tfe token"),
	one("vault_token", true, joined("hvs.", url64s(92)), "vault token"),
	one("doppler_token", true, joined("dp.st.prd.", alnum(43)), "doppler token"),
	one("pulumi_token", true, joined("pul-", hexes(40)), "pulumi access token"),
	one("slack_token", true, joined("xoxb-", digit(12), "-", digit(13), "-", alnum(24)), "slack bot token", "slack token"),
	around("slack_webhook", "https://hooks.slack.com/services/", joined("T", upper(10), "/B", upper(10), "/", alnum(24)), "", "slack webhook", "alert url"),
	around("discord_webhook", "https://discord.com/api/webhooks/1198765432101234567/", url64s(68), "", "discord webhook", "alert url"),
	one("telegram_bot_token", true, joined(digit(10), ":AA", url64s(33)), "telegram bot token", "tg token"),
	around("wecom_webhook", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=", uuids, "", "wecom webhook", "robot url"),
	around("dingtalk_webhook", "https://oapi.dingtalk.com/robot/send?access_token=", hexes(64), "", "dingtalk webhook", "robot url"),
	around("feishu_webhook", "https://open.feishu.cn/open-apis/bot/v2/hook/", uuids, "", "feishu webhook", "robot url"),
	pair("wechat_app_secret", joined("wx", hexes(16)), "", hexes(32), "wechat app id", "wechat app secret", "wx appid", "wx secret", "appid", "app secret"),
	pair("feishu_app_secret", joined("cli_a", hexes(15)), "", alnum(32), "feishu app id", "feishu app secret", "lark app id", "lark app secret"),
	pair("dingtalk_app_secret", joined("ding", lower(16)), "", url64s(64), "dingtalk app key", "dingtalk app secret"),
	one("stripe_key", true, joined("sk_live_51", alnum(97)), "stripe secret key", "stripe api key", "payment key"),
	one("stripe_webhook_secret", true, joined("whsec_", alnum(32)), "stripe webhook secret"),
	one("shopify_token", true, joined("shpat_", hexes(32)), "shopify access token", "shopify token"),
	pair("razorpay_secret", joined("rzp_live_", alnum(14)), "", alnum(24), "razorpay key id", "razorpay key secret"),
	pair("twilio_auth_token", joined("AC", hexes(32)), "", hexes(32), "twilio account sid", "twilio auth token"),
	one("sendgrid_key", true, joined("SG.", url64s(22), ".", url64s(43)), "sendgrid api key", "mail api key", "smtp pass"),
	one("mailgun_key", false, joined("key-", hexes(32)), "mailgun api key"),
	one("mailchimp_key", true, joined(hexes(32), "-us21"), "mailchimp api key", "newsletter key"),
	one("brevo_key", true, joined("xkeysib-", hexes(64), "-", alnum(16)), "brevo api key", "sendinblue key"),
	one("atlassian_token", true, func(g *gen) string { return g.atlassian("ATATT3xFfGF0", 171, "=") }, "jira api token", "atlassian token"),
	one("linear_key", true, joined("lin_api_", alnum(40)), "linear api key"),
	one("notion_token", true, joined("ntn_", digit(11), alnum(35)), "notion token", "notion api key"),
	one("airtable_token", false, joined("pat", alnum(14), ".", hexes(64)), "airtable token", "airtable api key"),
	one("hubspot_token", true, joined("pat-na1-", uuids), "hubspot token", "hubspot access token"),
	one("datadog_key", false, hexes(32), "datadog api key", "dd api key"),
	one("newrelic_key", true, joined("NRAK-", upper(27)), "new relic api key"),
	one("grafana_token", true, func(g *gen) string { return g.grafana() }, "grafana token", "grafana api key"),
	one("sentry_token", true, joined("sntryu_", hexes(64)), "sentry auth token"),
	one("openai_key", true, joined("sk-proj-", url64s(74), "T3BlbkFJ", url64s(74)), "openai api key", "llm key"),
	one("anthropic_key", true, joined("sk-ant-api03-", url64s(93), "AA"), "anthropic api key", "claude key"),
	one("huggingface_token", true, func(g *gen) string { return "hf_" + g.from(lowers+uppers, 34) }, "hf token", "huggingface token"),
	one("replicate_token", true, joined("r8_", alnum(37)), "replicate api token"),
	one("groq_key", true, joined("gsk_", alnum(52)), "groq api key"),
	one("llm_key", false, joined("sk-", hexes(32)), "dashscope api key", "deepseek api key"),
	one("databricks_token", true, joined("dapi", hexes(32), "-2"), "databricks token"),
	one("planetscale_token", true, joined("pscale_pw_", url64s(43)), "planetscale password", "db pass"),
	one("tailscale_key", true, joined("tskey-auth-k", alnum(10), "CNTRL-", alnum(32)), "ts authkey", "tailscale key"),
	one("ngrok_token", false, joined("2", alnum(26), "_", alnum(21)), "ngrok authtoken"),
	one("nats_nkey_seed", true, func(g *gen) string { return g.nkey() }, "nats seed", "nkey"),
	one("wireguard_private_key", false, func(g *gen) string { return g.wireguard() }, "wg private key", "wireguard private key"),
	one("json_web_token", true, func(g *gen) string { return g.jwt(`{"sub":"` + g.digits(5) + `","iss":"shop","exp":4092599349}`) }, "service token", "jwt", "access token"),
	one("password", false, passwords, "db password", "smtp password", "admin password", "redis password", "mysql root password", "ldap bind password", "password", "passwd"),
	one("password", false, passwords, "database password", "mail password", "db passwd", "ftp password", "rabbitmq default pass", "spring datasource password"),
	one("password", false, passwords, "db pass", "db pwd", "user password", "root password", "mysql password", "postgres password"),
	one("password", false, passwords, "smtp password", "imap password", "proxy password", "vpn password", "admin passwd"),
	one("password", false, passwords, "jdbc password", "spring redis password", "datasource password", "keystore password", "truststore password"),
	one("password", false, passwords, "db password", "redis password", "login password", "backup password"),
	around("database_url", "postgres://app:", alnum(16), "@db.internal:5432/shop", "database url", "db url", "sqlalchemy database uri"),
	around("database_url", "mongodb://root:", alnum(14), "@10.0.0.5:27017/admin?ssl=true", "mongo url", "mongodb uri"),
	around("database_url", "redis://:", alnum(20), "@cache.internal:6379/0", "redis url", "celery broker url"),
	one("secret", false, func(g *gen) string { return g.url64(43) }, "jwt secret", "session secret", "app secret key", "cookie secret", "webhook secret"),
	one("secret", false, func(g *gen) string { return g.alnum(32) }, "jwt secret", "signing secret", "client secret", "api secret", "auth token"),
	one("secret", false, func(g *gen) string { return g.hex(64) }, "secret key base", "encryption secret", "api token", "internal api key"),
}

// bearer gives a credential that stands without a name.
func (g *gen) bearer() field {
	for {
		if c := credentials[g.IntN(len(credentials))]; c.bare {
			return c.fields(g)[0]
		}
	}
}
