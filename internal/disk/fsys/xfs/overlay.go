package xfs

type overlay struct{}

func (*overlay) touches(int64, int64) bool { return false }
