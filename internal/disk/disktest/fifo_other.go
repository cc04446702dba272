//go:build !unix

package disktest

// fifo does nothing: this system has no named pipes in its file systems.
func fifo(string) error { return nil }
