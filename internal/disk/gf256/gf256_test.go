package gf256_test

import (
	"bytes"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/gf256"
)

// times multiplies bit by bit.
func times(a, b byte) (sum byte) {
	for x := int(a); b != 0; b >>= 1 {
		if b&1 != 0 {
			sum ^= byte(x)
		}
		if x <<= 1; x > 255 {
			x ^= 0x11d
		}
	}
	return sum
}

func TestField(t *testing.T) {
	t.Parallel()
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	power := byte(1)
	for n := range 600 {
		if got := gf256.Pow(n); got != power {
			t.Fatalf("2^%d is %#x, want %#x", n, got, power)
		}
		power = times(power, 2)
	}
	for a := range all {
		want := bytes.Repeat([]byte{0x5a}, 256)
		got := bytes.Clone(want)
		for b := range all {
			product := times(byte(a), byte(b))
			want[b] ^= product
			if m := gf256.Mul(byte(a), byte(b)); m != product {
				t.Fatalf("%#x * %#x is %#x, want %#x", a, b, m, product)
			}
		}
		if gf256.AddMul(got, all, byte(a)); !bytes.Equal(got, want) {
			t.Errorf("AddMul with %#x: other bytes", a)
		}
		if a != 0 && gf256.Mul(byte(a), gf256.Inv(byte(a))) != 1 {
			t.Errorf("1 / %#x is %#x", a, gf256.Inv(byte(a)))
		}
	}
}
