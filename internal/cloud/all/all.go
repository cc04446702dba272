// Package all is the one explicit list of clouds.
package all

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lenscap/lenscap/internal/cloud"
	"github.com/lenscap/lenscap/internal/cloud/aws"
)

// maker makes a collector for one cloud.
type maker struct {
	name string
	make func(cloud.Options) (cloud.Collector, error)
}

func makers() []maker {
	return []maker{
		{aws.Provider, func(o cloud.Options) (cloud.Collector, error) { return aws.New(o) }},
	}
}

// Providers lists the clouds' names in a fixed order.
func Providers() []string {
	var names []string
	for _, m := range makers() {
		names = append(names, m.name)
	}
	return names
}

// New gives the collector of the cloud with the given name.
func New(provider string, opts cloud.Options) (cloud.Collector, error) {
	list := makers()
	i := slices.IndexFunc(list, func(m maker) bool { return m.name == provider })
	if i < 0 {
		return nil, fmt.Errorf("provider %q: want one of %s", provider, strings.Join(Providers(), ", "))
	}
	c, err := list[i].make(opts)
	if err != nil {
		return nil, fmt.Errorf("set up %s: %w", provider, err)
	}
	return c, nil
}
