package aws

import "context"

// maxPages bounds every listing: no account has as many pages.
const maxPages = 100_000

// pages calls one with the token of each page, nil first, until one gives no
// further token. A token that was given before is [errTruncated]: the service
// would send the same pages for ever, and what comes after stays unread.
func pages(ctx context.Context, one func(token *string) (next *string, err error)) error {
	seen := make(map[string]struct{})
	var token *string
	for range maxPages {
		if err := ctx.Err(); err != nil {
			return err
		}
		next, err := one(token)
		if err != nil {
			return err
		}
		if next == nil || *next == "" {
			return nil
		}
		if _, again := seen[*next]; again {
			return errTruncated
		}
		seen[*next] = struct{}{}
		token = next
	}
	return errTruncated
}
