package exposure

import (
	"slices"

	"github.com/lenscap/lenscap"
)

func text(en, zh string) lenscap.Text { return lenscap.Text{En: en, Zh: zh} }

// reach judges one grant and adds it, unless it lets in nobody but the owner.
func (c *judgement) reach(g lenscap.Grant) {
	if !g.Expires.IsZero() && !g.Expires.After(c.r.now) {
		return
	}
	reach := lenscap.Reach{Grant: g, Readable: lenscap.Yes}
	switch {
	case g.Principal.Type == lenscap.LinkHolder:
		reach.Verdict = lenscap.VerdictLinkExposed
		reach.Why = append(reach.Why, text("whoever holds the link can read it", "持有链接者即可读取"))
	case g.Principal.Public():
		reach.Verdict = lenscap.VerdictLivePublic
		reach.Why = append(reach.Why, public(g.Principal))
	default:
		if !c.named(&reach) {
			return
		}
	}
	if g.Via != nil {
		reach.Why = append(reach.Why, text("it comes through "+g.Via.ID, "经由 "+g.Via.ID))
	}
	if len(g.Conditions) > 0 && reach.Readable == lenscap.Yes {
		reach.Readable = lenscap.Unknown
		reach.Why = append(reach.Why, text("conditions of the policy may narrow it; they could not be resolved", "策略条件可能收窄范围，但无法解析"))
	}
	c.guard(&reach)
	c.key(&reach)
	c.out.Reaches = append(c.out.Reaches, reach)
}

func public(p lenscap.Principal) lenscap.Text {
	if p.Type == lenscap.Anyone {
		return text("granted to everyone on the Internet, without credentials", "授予互联网上的任何人，无需凭据")
	}
	return text("granted to every customer of the cloud", "授予该云的所有客户")
}

// named judges a grant to somebody in particular; false when it is the owner.
func (c *judgement) named(reach *lenscap.Reach) bool {
	p := reach.Grant.Principal
	switch c.r.trust.judge(c.r.view, c.asset.Ref, p) {
	case own:
		return false
	case trusted:
		reach.Verdict = lenscap.VerdictTrusted
		reach.Why = append(reach.Why, text(p.ID+" is on the trusted list", p.ID+" 在信任名单中"))
	case sister:
		reach.Verdict = lenscap.VerdictOrgShare
		reach.Why = append(reach.Why, text(p.ID+" belongs to the same organization", p.ID+" 属于同一组织"))
	case undecided:
		reach.Verdict = lenscap.VerdictUntrustedShare
		reach.Why = append(reach.Why, text(p.ID+" is not on the trusted list, and the organization's accounts could not be read",
			p.ID+" 不在信任名单中，且无法读取组织成员"))
		c.addGap(lenscap.Gap{
			Provider: c.asset.Ref.Provider, Account: c.asset.Ref.Account,
			Aspect: lenscap.AspectTrust, Cause: lenscap.CauseNotRead,
		})
	default:
		reach.Verdict = lenscap.VerdictUntrustedShare
		reach.Why = append(reach.Why, text(p.ID+" is neither trusted nor of the same organization", p.ID+" 既不在信任名单中，也不属于同一组织"))
	}
	return true
}

// guard lets the guards of the grant's own scope hold it back. A grant through
// an image or a vault is held back by that one's guards.
func (c *judgement) guard(reach *lenscap.Reach) {
	ref := c.asset.Ref
	if reach.Grant.Via != nil {
		ref = *reach.Grant.Via
	}
	p := reach.Grant.Principal.Type
	c.r.view.Guards(ref, func(g *lenscap.Guard) {
		if !slices.Contains(g.Kinds, ref.Kind) || !slices.Contains(g.Limits, p) ||
			len(g.Paths) > 0 && !slices.Contains(g.Paths, reach.Grant.Path) {
			return
		}
		switch g.Effect {
		case lenscap.GuardAll:
			reach.HeldBy = append(reach.HeldBy, g.Name)
			reach.Readable = lenscap.No
			if reach.Verdict == lenscap.VerdictLivePublic {
				reach.Verdict = lenscap.VerdictLatentPublic
			}
			reach.Why = append(reach.Why, text(g.Name+" ("+g.State+") holds it back; lifting that setting opens it again at once",
				g.Name+"（"+g.State+"）将其拦住；一旦解除该设置，立即重新公开"))
		case lenscap.GuardNewOnly:
			reach.Why = append(reach.Why, text(g.Name+" ("+g.State+") stops new shares only; this one stands",
				g.Name+"（"+g.State+"）只阻止新的共享，已有的仍然有效"))
		case lenscap.GuardUnknown:
			if reach.Readable == lenscap.Yes {
				reach.Readable = lenscap.Unknown
			}
			reach.Why = append(reach.Why, text(g.Name+" could not be read; it may hold this back, or not",
				g.Name+" 无法读取；是否拦住未知"))
			if g.Gap != nil {
				c.addGap(*g.Gap)
			}
		case lenscap.GuardOff:
		}
	})
}

// key asks whether whoever is let in can also make sense of encrypted bytes.
func (c *judgement) key(reach *lenscap.Reach) {
	enc := c.asset.Encryption
	if enc.Encrypted != lenscap.Yes || reach.Readable == lenscap.No || managed(c.asset.Ref.Kind) {
		return
	}
	if enc.Manager == "provider" {
		c.hold(reach, "default_key", text("it is encrypted under the provider's default key, which nobody else can use",
			"它用云厂商默认密钥加密，他人无法使用该密钥"))
		return
	}
	if enc.Manager == lenscap.KeyOfService {
		reach.Why = append(reach.Why, text("the service decrypts it for whoever it lets in", "服务会为所有获准访问者解密"))
		return
	}
	key := c.r.view.Key(enc.Key)
	if key == nil {
		c.doubt(reach, lenscap.Gap{
			Provider: c.asset.Ref.Provider, Account: c.asset.Ref.Account, Region: c.asset.Ref.Region,
			Asset: c.asset.Ref.ID, Aspect: lenscap.AspectKeys, Cause: lenscap.CauseNotRead,
		}, text("its key could not be read", "其密钥无法读取"))
		return
	}
	if key.Manager == "provider" {
		c.hold(reach, "default_key", text("it is encrypted under the provider's default key, which nobody else can use",
			"它用云厂商默认密钥加密，他人无法使用该密钥"))
		return
	}
	switch opens(key, reach.Grant.Principal, c.r) {
	case lenscap.Yes:
		reach.Why = append(reach.Why, text("its key "+key.Ref.ID+" lets them decrypt", "其密钥 "+key.Ref.ID+" 允许对方解密"))
	case lenscap.No:
		c.hold(reach, "key", text("its key "+key.Ref.ID+" does not let them decrypt; a change of the key's policy or a new grant would open it",
			"其密钥 "+key.Ref.ID+" 不允许对方解密；修改密钥策略或新增授权即会放开"))
	default:
		gap := lenscap.Gap{
			Provider: key.Ref.Provider, Account: key.Ref.Account, Region: key.Ref.Region,
			Asset: key.Ref.ID, Aspect: lenscap.AspectKeys, Cause: lenscap.CauseNotRead,
		}
		if len(key.Gaps) > 0 {
			gap = key.Gaps[0]
		}
		c.doubt(reach, gap, text("whether its key "+key.Ref.ID+" lets them decrypt could not be told",
			"无法确定其密钥 "+key.Ref.ID+" 是否允许对方解密"))
	}
}

// managed tells kinds whose service decrypts for whoever may fetch the asset.
func managed(k lenscap.Kind) bool {
	return k == lenscap.KindFPGAImage || k == lenscap.KindSharePolicy || k == lenscap.KindBackupVault
}

func (c *judgement) hold(reach *lenscap.Reach, by string, why lenscap.Text) {
	reach.HeldBy = append(reach.HeldBy, by)
	reach.Readable = lenscap.No
	reach.Why = append(reach.Why, why)
}

func (c *judgement) doubt(reach *lenscap.Reach, gap lenscap.Gap, why lenscap.Text) {
	reach.Readable = lenscap.Unknown
	reach.Why = append(reach.Why, why)
	c.addGap(gap)
}

// opens tells whether the key lets the principal decrypt.
func opens(k *lenscap.Key, p lenscap.Principal, r *Resolver) lenscap.Tri {
	answer := lenscap.No
	for i := range k.Grants {
		g := &k.Grants[i]
		if !slices.Contains(g.Allows, lenscap.AccessDecrypt) || !covers(g.Principal, p, k.Ref, r) {
			continue
		}
		if len(g.Conditions) == 0 {
			return lenscap.Yes
		}
		answer = lenscap.Unknown
	}
	if answer == lenscap.No && len(k.Gaps) > 0 {
		return lenscap.Unknown
	}
	return answer
}

// covers tells whether a key's grant to holder serves somebody of who's account.
func covers(holder, who lenscap.Principal, key lenscap.Ref, r *Resolver) bool {
	if holder.Public() {
		return true
	}
	account := func(p lenscap.Principal) string {
		if p.Type == lenscap.Account {
			return p.ID
		}
		return p.Account
	}
	switch holder.Type {
	case lenscap.Account, lenscap.Identity:
		a := account(holder)
		if a == "" {
			return holder.ID == who.ID
		}
		switch who.Type {
		case lenscap.Account, lenscap.Identity:
			return a == account(who)
		case lenscap.Organization, lenscap.OrgUnit:
			m, ok := r.view.Member(key.Provider, a)
			return ok && (m.Organization == who.ID || slices.Contains(m.OUs, who.ID))
		}
		// Of all customers, those of another account that holds the key.
		return who.Public() && a != key.Account
	case lenscap.Organization, lenscap.OrgUnit:
		if holder.ID == who.ID || who.Public() {
			return true
		}
		m, ok := r.view.Member(key.Provider, account(who))
		return ok && (m.Organization == holder.ID || slices.Contains(m.OUs, holder.ID))
	}
	return false
}
