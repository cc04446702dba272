package cloud

import "errors"

// ErrNotReadable says that the cloud does not give the bytes of an asset; the
// wrapping error says why and what to do instead.
var ErrNotReadable = errors.New("content is not readable through this cloud's API")

// ErrNoSuchKey says that a key is none of a cloud's.
var ErrNoSuchKey = errors.New("not a key of this cloud")
