package egress

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/proxy/pattern"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// Unknown names the operation of calls that no declared operation matches. It counts as moving money.
const Unknown = "unknown"

// Config is what the guard knows of one channel. A zero limit means the default that its comment names.
type Config struct {
	Channel    *url.URL // base URL of the channel
	Operations []Operation
	Limits     Limits
}

// Operation names one kind of channel call; the first that matches counts. Field names are: "query.<key>" and
// "header.<Name>", and for a JSON or form body the path inside it ("amount.total", "items.*.price"; "*" is any index or key).
type Operation struct {
	Name          string
	Method        string // "" = any
	Path          string // "/v3/refunds/{id}", or a prefix that ends in "/"
	Class         shadow.CallClass
	IgnoreHeaders []string                     // not compared: signatures, nonces
	IgnoreFields  []string                     // not compared, with everything below: nonce, timestamp, signature
	Fields        map[string]shadow.FieldClass // classes of fields, for the mismatches
}

// Limits bounds what the guard holds and how long it waits.
type Limits struct {
	MaxBody     int64         // bytes captured of one body; 1 MiB
	MaxCaptured int64         // bytes captured of all bodies; 128 MiB
	MaxSamples  int           // samples with recordings; 10,000
	MaxCalls    int           // calls of one sample and side; 64
	MaxAge      time.Duration // of a sample's recordings; 5 min
	Timeout     time.Duration // of a whole channel call; 30 s
	Unshared    int           // recordings on their way to the shared store; 4096
	ShareWait   time.Duration // of one of them, and of a candidate's call for the store; 2 s
	Settle      time.Duration // that a candidate's call waits for its recording to come into the store; 1 s
}

func (l Limits) withDefaults() Limits {
	l.MaxBody = orDefault(l.MaxBody, 1<<20)
	l.MaxCaptured = orDefault(l.MaxCaptured, 128<<20)
	l.MaxSamples = orDefault(l.MaxSamples, 10_000)
	l.MaxCalls = orDefault(l.MaxCalls, 64)
	l.MaxAge = orDefault(l.MaxAge, 5*time.Minute)
	l.Timeout = orDefault(l.Timeout, 30*time.Second)
	l.Unshared = orDefault(l.Unshared, 4096)
	l.ShareWait = orDefault(l.ShareWait, 2*time.Second)
	l.Settle = orDefault(l.Settle, time.Second)
	return l
}

func orDefault[T int | int64 | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// ErrIgnoresMoney is a rule that would hide a difference about money, its currency, order, account or direction.
var ErrIgnoresMoney = errors.New("must not be ignored")

// Validate gives everything that is wrong; New must not be called with a configuration that has complaints.
func (c Config) Validate() []error {
	var errs []error
	if c.Channel == nil || (c.Channel.Scheme != "http" && c.Channel.Scheme != "https") || c.Channel.Host == "" {
		errs = append(errs, fmt.Errorf("channel: must be a base URL such as https://api.example.com (got %v)", c.Channel))
	}
	names := map[string]bool{}
	for _, op := range c.Operations {
		if names[op.Name] {
			errs = append(errs, fmt.Errorf("operation %s: name is used twice", op.Name))
		}
		names[op.Name] = true
		for _, err := range op.check() {
			errs = append(errs, fmt.Errorf("operation %s: %w", op.Name, err))
		}
	}
	return errs
}

func (o Operation) check() []error {
	var errs []error
	if o.Name == "" || o.Name == Unknown {
		errs = append(errs, fmt.Errorf("name must be set and not %q", Unknown))
	}
	if err := pattern.Check(o.Path); err != nil {
		errs = append(errs, fmt.Errorf("check path: %w", err))
	}
	if o.Class != shadow.CallMoney && o.Class != shadow.CallQuery {
		errs = append(errs, fmt.Errorf("class must be %s or %s (got %q)", shadow.CallMoney, shadow.CallQuery, o.Class))
	}
	for _, name := range o.IgnoreHeaders {
		if o.hard("header." + http.CanonicalHeaderKey(name)) {
			errs = append(errs, fmt.Errorf("header %s %w", name, ErrIgnoresMoney))
		}
	}
	for _, field := range o.IgnoreFields {
		if o.ignoresHard(field) {
			errs = append(errs, fmt.Errorf("field %s %w", field, ErrIgnoresMoney))
		}
	}
	return errs
}

// ignoresHard tells whether an ignored field is, holds or covers one of a hard class.
func (o Operation) ignoresHard(field string) bool {
	if field == "" || o.hard(field) {
		return true
	}
	for declared, class := range o.Fields {
		if class.Hard() && (covers(field, declared) || covers(declared, field)) {
			return true
		}
	}
	return false
}

// class gives the declared class of a field, or plain.
func (o Operation) class(field string) shadow.FieldClass {
	if c, ok := o.Fields[field]; ok {
		return c
	}
	for declared, c := range o.Fields {
		if covers(declared, field) && strings.Count(declared, ".") == strings.Count(field, ".") {
			return c
		}
	}
	return shadow.ClassPlain
}

func (o Operation) hard(field string) bool {
	return o.class(field).Hard() || shadow.ClassOfName(field).Hard()
}

// ignored tells whether a difference in the field does not count. A hard field always counts, also inside what is ignored.
func (o Operation) ignored(field string) bool {
	if o.hard(field) {
		return false
	}
	for _, rule := range o.IgnoreFields {
		if covers(rule, field) {
			return true
		}
	}
	name, isHeader := strings.CutPrefix(field, "header.")
	for _, rule := range o.IgnoreHeaders {
		if isHeader && strings.EqualFold(rule, name) {
			return true
		}
	}
	return false
}

// covers tells whether a path is the rule's, or below it; "*" in the rule is any one step.
func covers(rule, path string) bool {
	for rule != "" {
		r, restRule, _ := strings.Cut(rule, ".")
		p, restPath, more := strings.Cut(path, ".")
		if r != p && r != "*" && p != "*" {
			return false
		}
		if restRule != "" && !more {
			return false
		}
		rule, path = restRule, restPath
	}
	return true
}

func (c Config) operation(r *http.Request) Operation {
	for _, op := range c.Operations {
		if (op.Method == "" || op.Method == r.Method) && pattern.Match(op.Path, r.URL.Path) {
			return op
		}
	}
	return Operation{Name: Unknown, Class: shadow.CallMoney}
}
