package rules_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/rules"
)

// TestDetectFlood holds that with all rules no file takes much longer than
// others, and that text which is full of keywords, as ordinary files may be, is
// looked at in whole.
func TestDetectFlood(t *testing.T) {
	t.Parallel()
	rs, err := rules.Detect()
	if err != nil {
		t.Fatal(err)
	}
	e, err := detect.Everything(rs)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		piece  string
		size   int
		whole  bool
		budget time.Duration // far above what it takes, for machines that are busy
	}{
		// As a package's questions in many languages are.
		{"Template: acme/db_password\nType: password\nDescription: The password of the database\n Without a password, the user's token and secret are asked for.\n\n", 1 << 20, true, 20 * time.Second},
		{"password: \"" + strings.Repeat("aB3", 21) + "|\n", 2 << 20, false, 30 * time.Second},
		{" token='" + strings.Repeat("aB3", 60) + "|\n", 2 << 20, false, 30 * time.Second},
		{"api_key=secret=token=password=", 2 << 20, false, 30 * time.Second},
		{"authorization: basic ", 2 << 20, false, 30 * time.Second},
	} {
		data := []byte(strings.Repeat(x.piece, x.size/len(x.piece)))
		s := e.Scan(detect.File{Path: "/srv/flood", Size: int64(len(data)), Mode: 0o644}, func(detect.Found) {})
		begin := time.Now()
		_, _ = s.Write(data)
		_ = s.Close()
		t.Logf("%.20q: %v, %d left out", x.piece, time.Since(begin), s.Skipped())
		if d := time.Since(begin); d > x.budget {
			t.Errorf("%.20q: %v for %d bytes", x.piece, d, x.size)
		}
		if x.whole && s.Skipped() > 0 {
			t.Errorf("%.20q: %d keywords left out", x.piece, s.Skipped())
		}
	}
}
