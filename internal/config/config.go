// Package config is what a user can set: one struct, its defaults, a strict
// reader and a validator. Flags go over the environment, the environment over
// the file, the file over the defaults; cmd/lenscap binds the flags.
package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/lenscap/lenscap"
)

// FileName is the configuration file looked for in the working directory and
// below the user's configuration directory.
const FileName = "lenscap.yaml"

// Config is everything that can be set. Cloud credentials are not in it: they
// come from each SDK's own default chain.
type Config struct {
	// Lang is the language for people: en, zh, or empty for the locale's.
	Lang string `yaml:"lang"`
	// Data is the folder of the store and the installation's key.
	Data string `yaml:"data"`
	// Rules are folders of further rules.
	Rules []string `yaml:"rules"`
	Trust Trust    `yaml:"trust"`
	Scan  Scan     `yaml:"scan"`
	AWS   AWS      `yaml:"aws"`
}

// Trust lists who may be let in: a share with them is trusted.
type Trust struct {
	Accounts      []string `yaml:"accounts"`
	Organizations []string `yaml:"organizations"`
	OUs           []string `yaml:"ous"`
	Principals    []string `yaml:"principals"` // ARNs or full names of identities
}

// Scan holds the defaults of lenscap scan.
type Scan struct {
	Content string `yaml:"content"` // none, exposed, all
	FailOn  string `yaml:"fail_on"` // a severity, or never
	// Shares says which lists of named shares are read: auto, all, skip.
	Shares string `yaml:"shares"`
	// SharesMaxAge is how old such a list may be before it is read again.
	SharesMaxAge time.Duration `yaml:"shares_max_age"`
	// Rate caps calls that read one asset each, per second, account and region.
	Rate float64 `yaml:"rate"`
	// MaxBytes caps what is read of one disk.
	MaxBytes int64 `yaml:"max_bytes"`
	// MaxTime caps how long one disk is read, MaxCost what that may cost at its
	// cloud, in USD; 0 sets no bound.
	MaxTime time.Duration `yaml:"max_time"`
	MaxCost float64       `yaml:"max_cost"`
}

// AWS says how accounts of Amazon Web Services are reached.
type AWS struct {
	AssumeRole   string   `yaml:"assume_role"` // role name, or ARN with {account}
	Organization bool     `yaml:"organization"`
	Accounts     []string `yaml:"accounts"`
	Regions      []string `yaml:"regions"`
}

// Default gives the values that hold when nothing is set.
func Default() Config {
	return Config{
		Data: dataDir(),
		Scan: Scan{
			Content: "exposed", FailOn: lenscap.SeverityHigh.String(), Shares: "auto",
			SharesMaxAge: 24 * time.Hour, Rate: 5, MaxBytes: 4 << 30,
		},
	}
}

// dataDir follows the XDG base directory specification, version 0.8.
func dataDir() string {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "lenscap")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ".lenscap"
	}
	return filepath.Join(home, ".local", "share", "lenscap")
}

// Find gives the configuration file to read when none is named: in the working
// directory, else in the user's configuration directory; empty when there is none.
func Find() string {
	places := []string{FileName}
	if dir, err := os.UserConfigDir(); err == nil {
		places = append(places, filepath.Join(dir, "lenscap", FileName))
	}
	for _, p := range places {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	return ""
}

// Validate tells every value that is out of its range.
func (c Config) Validate() error {
	var errs []error
	oneOf := func(key, value string, allowed ...string) {
		if slices.Contains(allowed, value) {
			return
		}
		errs = append(errs, fmt.Errorf("%s: %q is not one of %v", key, value, allowed))
	}
	oneOf("lang", c.Lang, "", "en", "zh")
	oneOf("scan.content", c.Scan.Content, "none", "exposed", "all")
	oneOf("scan.fail_on", c.Scan.FailOn, "critical", "high", "medium", "low", "info", "never")
	oneOf("scan.shares", c.Scan.Shares, "auto", "all", "skip")
	if c.Scan.Rate <= 0 || c.Scan.Rate > 100_000 {
		errs = append(errs, fmt.Errorf("scan.rate: %v is not between 0 and 100000 calls a second", c.Scan.Rate))
	}
	if c.Scan.SharesMaxAge < 0 {
		errs = append(errs, fmt.Errorf("scan.shares_max_age: %v is negative", c.Scan.SharesMaxAge))
	}
	if c.Scan.MaxBytes <= 0 {
		errs = append(errs, fmt.Errorf("scan.max_bytes: %d is not positive", c.Scan.MaxBytes))
	}
	if c.Scan.MaxTime < 0 {
		errs = append(errs, fmt.Errorf("scan.max_time: %v is negative", c.Scan.MaxTime))
	}
	if c.Scan.MaxCost < 0 {
		errs = append(errs, fmt.Errorf("scan.max_cost: %v is negative", c.Scan.MaxCost))
	}
	if c.Data == "" {
		errs = append(errs, errors.New("data: is empty; name the folder of the store"))
	}
	return errors.Join(errs...)
}
