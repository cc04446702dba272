// Package exposure answers "who can read it": it resolves an asset's grants
// against guards, keys and trust, and then asks the rules what to make of it.
//
// Each grant becomes a [lenscap.Reach] with its own verdict, whether the bytes
// can really be read, what holds it back, and the steps of the judgement. The
// asset's verdict is that of the worst reach. Two principles decide doubt:
//
//   - A gap that may hide a grant turns private, trusted and org-share into
//     unknown; a worse verdict that was proved stands, with the gap beside it.
//   - What may hold a proved grant back but could not be read (a guard, a key)
//     never makes it quieter: the verdict stays, Readable becomes unknown.
//
// docs/adr/0003-verdicts.md has the reasons.
package exposure
