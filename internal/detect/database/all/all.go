// Package all lists every database engine that is read, one line each.
package all

import "github.com/lenscap/lenscap/internal/detect/database"

// Engines gives them in the order in which they are asked: the ones with the
// surest mark first.
func Engines() []database.Engine {
	return []database.Engine{}
}
