package ntfs

import "context"

// slack stands in until the slack of index blocks is read.
func (u *undelete) slack(context.Context) {}
