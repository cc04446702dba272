// Package all is the explicit list of stores.
package all

import (
	"context"

	"github.com/lenscap/lenscap/internal/finding"
	"github.com/lenscap/lenscap/internal/store/sqlite"
)

// Open opens the store that where names: the path of an SQLite file.
func Open(ctx context.Context, where string) (finding.Store, error) {
	return sqlite.Open(ctx, where)
}
