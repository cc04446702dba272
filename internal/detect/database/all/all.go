// Package all lists every database engine that is read, one line each.
package all

import (
	"slices"

	"github.com/lenscap/lenscap/internal/detect/database"
	"github.com/lenscap/lenscap/internal/detect/database/innodb"
	"github.com/lenscap/lenscap/internal/detect/database/named"
	"github.com/lenscap/lenscap/internal/detect/database/postgres"
	"github.com/lenscap/lenscap/internal/detect/database/redis"
	"github.com/lenscap/lenscap/internal/detect/database/sqlite"
)

// Engines gives them in the order in which they are asked: the ones with the
// surest mark first, those that are only recognised last.
func Engines() []database.Engine {
	return slices.Concat([]database.Engine{
		sqlite.Engine{},
		postgres.Engine{},
		innodb.Engine,
		redis.Engine{},
	}, named.Engines())
}
