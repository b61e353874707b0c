package response

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// Config is what the policy says about answers. A zero bound means the default that its comment names.
type Config struct {
	Headers []string // response headers that are compared besides Content-Type
	Fields  []Field
	Lists   []List

	Descriptors []byte // a protobuf file descriptor set with its imports; gRPC answers of its methods are compared by field

	Now func() time.Time // nil = time.Now

	MaxOrders     int // orders whose generated ids are remembered; 100,000
	MaxBindings   int // generated ids of one order; 1000
	MaxMismatches int // of one pair; 100
	MaxValue      int // bytes of a value in a mismatch; 200
	MaxBody       int // bytes of a decompressed body; 8 MiB
}

// Field classes one field. A field that no rule names has the class its name says (amount, currency, order_id,
// account, ...), and otherwise is plain.
type Field struct {
	Route    string // name of a route; "" = every one
	Path     string // "amount.total", "items.*.price", "header.Location"; "*" is any index or key
	Class    shadow.FieldClass
	Alias    string         // of ClassAlias: the name its mapping is kept under; "" = the path
	Unit     recon.Unit     // of ClassMoney, in which 1.0 and 1.00 are equal; "" = compared as text
	Currency recon.Currency // of ClassMoney with a unit; "" = CNY
	Until    time.Time      // of ClassNoise: the rule hides nothing from then on; zero = it has no end
}

// List says that the items of an array are found by a key and not by their place.
type List struct {
	Route string
	Path  string // of the array; "" = the whole body
	Key   string // name of a member of each item
}

// ErrNoise is a rule that would hide a difference in a field that must never be hidden.
var ErrNoise = errors.New("a field about money, currency, order, account or direction cannot be noise")

// ErrAlias is a rule that would compare money, currency, account or direction only modulo a mapping.
var ErrAlias = errors.New("a field about money, currency, account or direction cannot be an alias")

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	for bound, value := range map[*int]int{
		&c.MaxOrders: 100_000, &c.MaxBindings: 1000, &c.MaxMismatches: 100, &c.MaxValue: 200, &c.MaxBody: 8 << 20,
	} {
		if *bound <= 0 {
			*bound = value
		}
	}
	return c
}

func (c Config) check() []error {
	var errs []error
	for _, f := range c.Fields {
		if err := f.check(); err != nil {
			errs = append(errs, fmt.Errorf("field %s: %w", f.Path, err))
		}
		if f.Class == shadow.ClassNoise && c.declaresHardUnder(f) {
			errs = append(errs, fmt.Errorf("field %s: %w", f.Path, ErrNoise))
		}
	}
	for _, l := range c.Lists {
		if l.Key == "" {
			errs = append(errs, fmt.Errorf("list %s: has no key", l.Path))
		}
	}
	return errs
}

func (f Field) check() error {
	if f.Path == "" {
		return errors.New("has no path")
	}
	byName := shadow.ClassOfName(f.Path)
	switch f.Class {
	case shadow.ClassNoise:
		if byName.Hard() || strings.Trim(f.Path, "*.") == "" {
			return ErrNoise
		}
	case shadow.ClassAlias:
		if byName.Hard() && byName != shadow.ClassOrder {
			return ErrAlias
		}
	case shadow.ClassMoney, shadow.ClassCurrency, shadow.ClassOrder, shadow.ClassAccount, shadow.ClassDirection, shadow.ClassPlain:
	default:
		return fmt.Errorf("unknown class %q", f.Class)
	}
	return f.checkUnit()
}

func (f Field) checkUnit() error {
	if f.Unit == "" {
		return nil
	}
	if f.Class != shadow.ClassMoney || !f.Unit.Valid() {
		return fmt.Errorf("unit is %s or %s, and only of class money (got %q)", recon.UnitMajor, recon.UnitMinor, f.Unit)
	}
	if f.Currency != "" {
		if _, err := f.Currency.Exponent(); err != nil {
			return fmt.Errorf("check currency: %w", err)
		}
	}
	return nil
}

func (c Config) declaresHardUnder(noise Field) bool {
	return slices.ContainsFunc(c.Fields, func(f Field) bool {
		sameRoute := noise.Route == "" || f.Route == "" || f.Route == noise.Route
		return sameRoute && f.Class.Hard() && (below(noise.Path, f.Path) || below(f.Path, noise.Path))
	})
}

// rule gives what is known of one field of a route. A name that says money outweighs noise declared above it or by a
// wildcard: the second line behind check.
func (c Config) rule(route, path string) Field {
	byName := shadow.ClassOfName(path)
	for _, f := range c.Fields {
		if f.of(route) && same(f.Path, path) && !c.ended(f) {
			if f.Class == shadow.ClassNoise && byName.Hard() {
				break
			}
			return f
		}
	}
	if !byName.Hard() {
		for _, f := range c.Fields {
			if f.Class == shadow.ClassNoise && f.of(route) && below(f.Path, path) && !c.ended(f) {
				return f
			}
		}
	}
	return Field{Path: path, Class: byName}
}

// ended tells whether a rule hides nothing any more.
func (c Config) ended(f Field) bool { return !f.Until.IsZero() && !c.Now().Before(f.Until) }

func (c Config) list(route, path string) (key string) {
	for _, l := range c.Lists {
		if (l.Route == "" || l.Route == route) && same(l.Path, path) {
			return l.Key
		}
	}
	return ""
}

func (f Field) of(route string) bool { return f.Route == "" || f.Route == route }

// same tells whether a path is the pattern's.
func same(pattern, path string) bool {
	return (pattern == "") == (path == "") && strings.Count(pattern, ".") == strings.Count(path, ".") && below(pattern, path)
}

// below tells whether a path is the pattern's, or under it. "*" is any one step, on either side.
func below(pattern, path string) bool {
	for pattern != "" {
		want, restPattern, _ := strings.Cut(pattern, ".")
		step, restPath, more := strings.Cut(path, ".")
		if want != step && want != "*" && step != "*" {
			return false
		}
		if restPattern != "" && !more {
			return false
		}
		pattern, path = restPattern, restPath
	}
	return true
}
