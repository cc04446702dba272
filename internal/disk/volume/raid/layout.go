package raid

// Layout is how parity turns from row to row; the numbers are those of md.
type Layout int

// The layouts of RAID 5 (up to ParityN) and RAID 6. Those from ZeroRestart to
// NContinue are DDF's; those named 6 are RAID 5's with the second parity on
// the last member.
const (
	LeftAsymmetric   Layout = 0
	RightAsymmetric  Layout = 1
	LeftSymmetric    Layout = 2
	RightSymmetric   Layout = 3
	Parity0          Layout = 4
	ParityN          Layout = 5
	ZeroRestart      Layout = 8
	NRestart         Layout = 9
	NContinue        Layout = 10
	LeftAsymmetric6  Layout = 16
	RightAsymmetric6 Layout = 17
	LeftSymmetric6   Layout = 18
	RightSymmetric6  Layout = 19
	Parity06         Layout = 20
)

// known tells whether a RAID with that many parities has the layout.
func (l Layout) known(parities int) bool {
	if l >= 0 && l <= ParityN {
		return true
	}
	return parities == 2 && (l >= ZeroRestart && l <= NContinue || l >= LeftAsymmetric6 && l <= Parity06)
}

// roles gives the members with the parities of a row and with its data chunk d.
// q is -1 when there is one parity only.
func (l Layout) roles(row int64, disks, parities, d int) (p, q, member int) {
	if l >= LeftAsymmetric6 { // the layout of RAID 5 on all members but the last
		p, _, member = (l - LeftAsymmetric6).roles(row, disks-1, 1, d)
		return p, disks - 1, member
	}
	if l == NRestart {
		row++
	}
	turn := int(row % int64(disks))
	switch l {
	case RightAsymmetric, RightSymmetric, ZeroRestart:
		p = turn
	case Parity0:
		p = 0
	case ParityN:
		p = disks - parities
	default:
		p = disks - 1 - turn
	}
	if parities == 1 {
		q = -1
	} else if q = (p + 1) % disks; l == NContinue {
		q = (p + disks - 1) % disks
	}
	switch l {
	case LeftSymmetric, RightSymmetric:
		return p, q, (p + parities + d) % disks
	case NContinue:
		return p, q, (p + 1 + d) % disks
	}
	return p, q, skip(d, p, q)
}

// skip gives the d-th member that is neither of the two.
func skip(d, p, q int) int {
	low, high := min(p, q), max(p, q)
	if low >= 0 && d >= low {
		d++
	}
	if d >= high {
		d++
	}
	return d
}

// power is the exponent of a data member in the second parity of its row.
func (l Layout) power(member, p, q, disks int) int {
	if l >= ZeroRestart && l <= NContinue {
		return member
	}
	// Counted from behind the second parity on, the first one left out.
	first := (q + 1) % disks
	at, ofP := (member-first+disks)%disks, (p-first+disks)%disks
	if ofP < at {
		at--
	}
	return at
}
