package inventory

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/lenscap/lenscap"
)

// A recording is a run's inventory in a file: one JSON object a line, gzipped
// when the name ends in ".gz". The first line is the header, then come the
// contexts of the scopes, then the assets, then the end with their number: a
// copy that was cut between two lines is known by its absence.
// docs/recording.md has the format.
const (
	recordingFormat  = "lenscap-inventory"
	recordingVersion = 1
	// maxLine bounds one line, in bytes.
	maxLine = 64 << 20
)

// line is one line of a recording; exactly one of the fields after Format is set.
type line struct {
	Format  string         `json:"format,omitempty"`
	Version int            `json:"version,omitempty"`
	Run     *lenscap.Run   `json:"run,omitempty"`
	Scope   string         `json:"scope,omitempty"`
	Context *Context       `json:"context,omitempty"`
	Asset   *lenscap.Asset `json:"asset,omitempty"`
	End     *int           `json:"end,omitempty"` // how many assets there are
}

// assetPrefix begins every line of an asset, so that a pass over the rest need
// not parse them. Carriers are recognised by what only they have.
var (
	assetPrefix = []byte(`{"asset":`)
	partsField  = []byte(`"parts":[`)
	vaultField  = []byte(`"kind":"` + string(lenscap.KindBackupVault) + `"`)
)

// Record writes a run's inventory to a file, whole or not at all. each calls
// its argument for every asset.
func Record(ctx context.Context, file string, run lenscap.Run, contexts map[string]Context, each func(fn func(lenscap.Asset) error) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(file), ".lenscap-*")
	if err != nil {
		return fmt.Errorf("record to %s: %w", file, err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone after the rename
	if err := write(ctx, f, strings.HasSuffix(file, ".gz"), run, contexts, each); err != nil {
		return errors.Join(fmt.Errorf("record to %s: %w", file, err), f.Close())
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("record to %s: %w", file, err)
	}
	if err := os.Rename(f.Name(), file); err != nil {
		return fmt.Errorf("record to %s: %w", file, err)
	}
	return nil
}

func write(ctx context.Context, f io.Writer, zip bool, run lenscap.Run, contexts map[string]Context, each func(fn func(lenscap.Asset) error) error) error {
	buf := bufio.NewWriterSize(f, 1<<20)
	var w io.Writer = buf
	var z *gzip.Writer
	if zip {
		z = gzip.NewWriter(buf)
		w = z
	}
	enc := stdjson.NewEncoder(w)
	if err := enc.Encode(line{Format: recordingFormat, Version: recordingVersion, Run: &run}); err != nil {
		return err
	}
	for _, scope := range slices.Sorted(maps.Keys(contexts)) {
		c := contexts[scope]
		if err := enc.Encode(line{Scope: scope, Context: &c}); err != nil {
			return err
		}
	}
	assets := 0
	err := each(func(a lenscap.Asset) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		assets++
		return enc.Encode(line{Asset: &a})
	})
	if err == nil {
		err = enc.Encode(line{End: &assets})
	}
	if err != nil {
		return err
	}
	if z != nil {
		if err := z.Close(); err != nil {
			return err
		}
	}
	return buf.Flush()
}

// Recording is a recorded run. It is read anew by each pass, so that it never
// has to fit into memory.
type Recording struct {
	file string
	run  lenscap.Run
	view *View
}

var _ Assets = (*Recording)(nil)

// ErrCut says that a recording ends before its end.
var ErrCut = errors.New("recording is cut short")

// OpenRecording reads the header, the contexts and the carriers of a recording.
// One that lacks lines is [ErrCut]: what is missing must not pass for absent.
func OpenRecording(file string) (*Recording, error) {
	r := &Recording{file: file, view: NewView()}
	first, assets, end := true, 0, -1
	err := r.lines(func(b []byte) error {
		if bytes.HasPrefix(b, assetPrefix) {
			assets++
			if first {
				return fmt.Errorf("expected the header of a %s, found an asset", recordingFormat)
			}
			if !bytes.Contains(b, partsField) && !bytes.Contains(b, vaultField) {
				return nil
			}
		}
		l, err := parse(b)
		if err != nil {
			return err
		}
		if first {
			first = false
			return r.header(l)
		}
		if l.Context != nil {
			r.view.Add(*l.Context)
			r.run.Coverage = append(r.run.Coverage, l.Context.Coverage...)
			r.run.Gaps = append(r.run.Gaps, l.Context.Gaps...)
		}
		if l.Asset != nil {
			r.view.Note(*l.Asset)
		}
		if l.End != nil {
			end = *l.End
		}
		return nil
	})
	switch {
	case err != nil:
	case first:
		err = fmt.Errorf("%s: is empty", file)
	case end < 0:
		err = fmt.Errorf("%s: %w: expected a last line {\"end\":%d}, found none", file, ErrCut, assets)
	case end != assets:
		err = fmt.Errorf("%s: %w: its end tells of %d assets, found %d", file, ErrCut, end, assets)
	}
	if err != nil {
		return nil, fmt.Errorf("open recording: %w", err)
	}
	return r, nil
}

func (r *Recording) header(l line) error {
	switch {
	case l.Format != recordingFormat:
		return fmt.Errorf("format: expected %q, found %q", recordingFormat, l.Format)
	case l.Version != recordingVersion:
		return fmt.Errorf("version: expected %d, found %d", recordingVersion, l.Version)
	case l.Run == nil:
		return errors.New("run: is missing")
	}
	r.run = *l.Run
	r.run.Coverage, r.run.Gaps = nil, nil // the contexts have them
	return nil
}

// Run is the recorded run.
func (r *Recording) Run() lenscap.Run { return r.run }

// View is what the recorded assets are judged by.
func (r *Recording) View() *View { return r.view }

// Each implements [Assets].
func (r *Recording) Each(ctx context.Context, fn func(lenscap.Asset) error) error {
	err := r.lines(func(b []byte) error {
		if !bytes.HasPrefix(b, assetPrefix) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		// The asset alone, without its line around it: this is the hot path.
		var a lenscap.Asset
		if err := json.Unmarshal(bytes.TrimSuffix(b[len(assetPrefix):], []byte{'}'}), &a); err != nil {
			return fmt.Errorf("asset: %w", err)
		}
		if a.Ref.IsZero() {
			return errors.New("asset: has no ref")
		}
		return fn(a)
	})
	if err != nil {
		return fmt.Errorf("read recording: %w", err)
	}
	return nil
}

func parse(b []byte) (line, error) {
	var l line
	err := json.Unmarshal(b, &l)
	return l, err
}

// lines calls fn for each line; an error names file and line.
func (r *Recording) lines(fn func([]byte) error) error {
	f, err := os.Open(r.file)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // read only
	var in io.Reader = bufio.NewReaderSize(f, 1<<20)
	if strings.HasSuffix(r.file, ".gz") {
		if in, err = gzip.NewReader(in); err != nil {
			return fmt.Errorf("%s: %w", r.file, err)
		}
	}
	sc := bufio.NewScanner(in)
	sc.Buffer(make([]byte, 1<<16), maxLine)
	n := 0
	for sc.Scan() {
		n++
		if len(sc.Bytes()) == 0 {
			continue
		}
		if err := fn(sc.Bytes()); err != nil {
			return fmt.Errorf("%s:%d: %w", r.file, n, err)
		}
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("%s:%d: %w", r.file, n+1, err)
	}
	return nil
}

// Settings gives one asset of kind account for each account and region whose
// guards were read, with each guard's effect as an attribute, so that rules can
// ask about what protects an account. A guard that could not be read is a gap.
func (v *View) Settings() []lenscap.Asset {
	at := make(map[place]*lenscap.Asset)
	for p, guards := range v.guards {
		for _, g := range guards {
			a := at[p]
			if a == nil {
				id := p.account + "/" + p.region
				a = &lenscap.Asset{
					Ref:   lenscap.Ref{Provider: p.provider, Account: p.account, Region: p.region, Kind: lenscap.KindAccount, ID: strings.Trim(id, "/")},
					Attrs: make(map[string]string),
				}
				at[p] = a
			}
			a.Attrs[g.Name] = string(g.Effect)
			if g.Effect == lenscap.GuardUnknown && g.Gap != nil {
				a.Gaps = append(a.Gaps, *g.Gap)
			}
		}
	}
	out := make([]lenscap.Asset, 0, len(at))
	for _, a := range at {
		out = append(out, *a)
	}
	slices.SortFunc(out, func(a, b lenscap.Asset) int { return strings.Compare(a.Ref.String(), b.Ref.String()) })
	return out
}
