package lenscap

import "time"

// Verdict is the one answer to "who can read it".
type Verdict string

// The verdicts, worst first.
const (
	VerdictLivePublic     Verdict = "live-public"
	VerdictLinkExposed    Verdict = "link-exposed"
	VerdictUntrustedShare Verdict = "untrusted-share"
	VerdictLatentPublic   Verdict = "latent-public" // granted, held back only by a guard
	VerdictUnknown        Verdict = "unknown"
	VerdictOrgShare       Verdict = "org-share"
	VerdictTrusted        Verdict = "trusted"
	VerdictPrivate        Verdict = "private"
)

// Verdicts lists every verdict, worst first.
func Verdicts() []Verdict {
	return []Verdict{
		VerdictLivePublic, VerdictLinkExposed, VerdictUntrustedShare, VerdictLatentPublic,
		VerdictUnknown, VerdictOrgShare, VerdictTrusted, VerdictPrivate,
	}
}

// Exposed tells whether somebody outside is, or was about to be, let in.
func (v Verdict) Exposed() bool {
	switch v {
	case VerdictLivePublic, VerdictLinkExposed, VerdictUntrustedShare, VerdictLatentPublic:
		return true
	}
	return false
}

// Class is the mission's 3.1: how it leaks.
type Class string

// The classes of leak.
const (
	ClassDirect    Class = "direct"    // open to the public
	ClassIndirect  Class = "indirect"  // through a link, key or token
	ClassPrivilege Class = "privilege" // through a right that somebody holds
)

// RootCause is the mission's 2.2: why it leaks.
type RootCause string

// The causes of exposure.
const (
	RootPublicAccess RootCause = "public_access"
	RootShareLink    RootCause = "share_link"
	RootCrossAccount RootCause = "cross_account"
	RootResidual     RootCause = "residual"
	RootPrivilege    RootCause = "privilege"
)

// Exposure is an asset's grants, guards and keys, resolved.
type Exposure struct {
	Asset   Ref       `json:"asset"`
	Verdict Verdict   `json:"verdict"`
	Class   Class     `json:"class,omitempty"`
	Cause   RootCause `json:"cause,omitempty"`
	// Readable tells whether the worst reach can really read the bytes: No when
	// a guard or a missing key holds it back, Unknown when that can't be told.
	Readable Tri       `json:"readable,omitempty"`
	Reaches  []Reach   `json:"reaches,omitempty"`  // every grant, judged, worst first
	Residues []Residue `json:"residues,omitempty"` // why it looks left behind
	Gaps     []Gap     `json:"gaps,omitempty"`     // what keeps the answer from being certain
	Since    time.Time `json:"since,omitzero"`     // earliest run or proof that saw this verdict
}

// Reach is one grant, judged.
type Reach struct {
	Grant    Grant    `json:"grant"`
	Verdict  Verdict  `json:"verdict"`
	Readable Tri      `json:"readable,omitempty"`
	HeldBy   []string `json:"held_by,omitempty"` // guard names, "key", "default_key"
	Why      []Text   `json:"why,omitempty"`     // the steps of the judgement
}

// ResidueKind says what an asset outlived.
type ResidueKind string

// The kinds of residue.
const (
	ResidueVolumeGone   ResidueKind = "volume_gone"
	ResidueInstanceGone ResidueKind = "instance_gone"
	ResidueImageGone    ResidueKind = "image_gone"
	ResidueNeverUsed    ResidueKind = "never_used"
	ResidueCopyLeft     ResidueKind = "copy_left" // a copy whose original is gone
)

// Residue is one reason to call an asset residual data, with its proof.
type Residue struct {
	Kind  ResidueKind `json:"kind"`
	Of    Ref         `json:"of,omitzero"`
	Proof *Proof      `json:"proof,omitempty"`
}
