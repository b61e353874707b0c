package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/proxy/pattern"
	"github.com/seed-3356bd69/touchstone/proxy/upstream"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// Config is what a sidecar does. A zero limit means the default that its comment names.
type Config struct {
	Instance  string   // this run of the sidecar: new at each start
	Upstream  *url.URL // the stable release
	Candidate *url.URL // nil in a database cutover: nothing is mirrored
	Serving   *url.URL // instances of the candidate with the primary's database and channel; nil = it can serve nobody
	Copies    bool     // requests are the copies of another proxy: there is no stable release here, and nobody reads the answer
	Slice     Slice
	Rules     []Rule // of shares other than the slice's; the first that fits counts
	Salt      []byte // of the policy; decides with the key who is born gray
	Routes    []Route
	Trusted   []netip.Prefix // gateways that may force a request gray with a plain release name in X-Gray-Version
	Limits    Limits
	TLS       *tls.Config // of the clients' port; nil = plain text
	ByLibrary bool        // let net/http serve plain requests too; the same, for more processor time

	BodySample uint32 // samples without anything to see whose bodies travel too, per million
}

// Slice is the part of the policy that changes while the sidecar runs.
type Slice struct {
	Release    string // the candidate release under proof, for example "v2"
	Epoch      uint64 // a rollback raises it: what was tagged under an older one is dropped
	Policy     uint64 // epoch of new tags, where it is more than that of the last rollback
	PerMillion uint32 // orders born gray
	Serve      uint32 // orders per million whose requests the candidate answers
	Halted     bool   // after a rollback: nothing is sampled any more, forced or not

	gray string // the release as a member of W3C lists
}

// Route names one kind of request. The first route that matches counts.
type Route struct {
	Name     string   // label in metrics, evidence and traces
	Method   string   // "" = any
	Path     string   // "/payments/{id}", or a prefix that ends in "/"
	Creates  bool     // the request creates the order: it is born gray here or never
	Callback bool     // the channel's notice: the candidate gets it once its own run has created the order
	CopyTo   *url.URL // of each callback; nil = nobody
	Key      KeyRule
	Mirror   bool // false: a sampled request is excluded(route) in a service cutover
	Amount   AmountRule

	mirrored string // name of the spans of its shadow runs
	counted  *routeMetrics
	lengths  *lengths
}

// AmountRule says where a JSON request carries its amount, for the evidence line. Field "" = nowhere.
type AmountRule struct {
	Field    string         // path, for example "amount.total"
	Unit     recon.Unit     //
	Currency recon.Currency // "" = CNY
}

// Limits bounds what the sidecar holds and how long it waits.
type Limits struct {
	MaxBody        int64         // bytes captured of one body; 1 MiB
	MaxCaptured    int64         // bytes captured of all bodies together; 256 MiB
	EvidenceBody   int64         // bytes of one body in an evidence line; 64 KiB
	MaxHeader      int           // bytes of a message head; 64 KiB
	QueueLength    int           // requests that wait for their shadow run; 1024
	Workers        int           // shadow runs at the same time; 8
	Members        int           // born-gray orders remembered; 1,000,000
	MemberWait     time.Duration // for another sidecar's word on whether an order was born gray; 0 = there is no other
	Taints         int           // tainted orders remembered; 100,000
	DialTimeout    time.Duration // to stable or candidate; 2 s
	HeaderTimeout  time.Duration // stable: from the request's end to the answer's head; 30 s
	TotalTimeout   time.Duration // stable: the whole exchange, except event streams and upgrades; 60 s
	ShadowTimeout  time.Duration // candidate: the whole run; 10 s
	OrderWait      time.Duration // a request behind another one of its order; 5 s
	DrainTimeout   time.Duration // for the queue at shutdown; 10 s
	Connections    int           // of clients at a time; 10,000
	Streams        int           // of one HTTP/2 connection at a time; 250
	PlainBody      int           // bytes of a body that goes on as it is; longer ones go through net/http; 64 KiB
	ClientIdle     time.Duration // a client's idle connection; 120 s
	UpstreamIdle   time.Duration // an idle connection to stable; 30 s
	ReadHeaderTime time.Duration // for the head of a client's request, and a body that goes on as it is; 10 s
}

func (l Limits) withDefaults() Limits {
	l.MaxBody = orDefault(l.MaxBody, 1<<20)
	l.MaxCaptured = orDefault(l.MaxCaptured, 256<<20)
	l.EvidenceBody = orDefault(l.EvidenceBody, 64<<10)
	l.MaxHeader = orDefault(l.MaxHeader, 64<<10)
	l.QueueLength = orDefault(l.QueueLength, 1024)
	l.Workers = orDefault(l.Workers, 8)
	l.Members = orDefault(l.Members, 1_000_000)
	l.Taints = orDefault(l.Taints, 100_000)
	l.DialTimeout = orDefault(l.DialTimeout, 2*time.Second)
	l.HeaderTimeout = orDefault(l.HeaderTimeout, 30*time.Second)
	l.TotalTimeout = orDefault(l.TotalTimeout, 60*time.Second)
	l.ShadowTimeout = orDefault(l.ShadowTimeout, 10*time.Second)
	l.OrderWait = orDefault(l.OrderWait, 5*time.Second)
	l.DrainTimeout = orDefault(l.DrainTimeout, 10*time.Second)
	l.Connections = orDefault(l.Connections, 10_000)
	l.Streams = orDefault(l.Streams, 250)
	l.PlainBody = orDefault(l.PlainBody, 64<<10)
	l.ClientIdle = orDefault(l.ClientIdle, 120*time.Second)
	l.UpstreamIdle = orDefault(l.UpstreamIdle, 30*time.Second)
	l.ReadHeaderTime = orDefault(l.ReadHeaderTime, 10*time.Second)
	return l
}

func orDefault[T int | int64 | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// Errors of a configuration.
var (
	ErrRoute   = errors.New("route")
	ErrServing = errors.New("no instance of the candidate that serves is known here")
)

const minSalt = 16

// Validate gives everything that is wrong; New must not be called with a configuration that has complaints.
func (c Config) Validate() []error {
	var errs []error
	add := func(field string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", field, err))
		}
	}
	switch {
	case !c.Copies:
		_, err := upstream.Parse(c.Upstream, nil)
		add("upstream", err)
	case c.Upstream != nil || c.Candidate == nil:
		add("copies", errors.New("go to a candidate, and to no stable release"))
	}
	if c.Serving != nil {
		_, err := upstream.Parse(c.Serving, nil)
		add("serving", err)
	}
	if c.Candidate != nil {
		_, err := upstream.Parse(c.Candidate, nil)
		add("candidate", err)
	}
	if c.Instance == "" {
		add("instance", errors.New("must not be empty"))
	}
	if len(c.Salt) < minSalt {
		add("salt", fmt.Errorf("has %d bytes, at least %d are needed", len(c.Salt), minSalt))
	}
	add("slice", c.Slice.check())
	for i, r := range c.Rules {
		add(fmt.Sprintf("rule %d", i+1), r.check())
	}
	if c.BodySample > shadow.PerMillion {
		add("body sample", fmt.Errorf("must be at most %d (got %d)", shadow.PerMillion, c.BodySample))
	}
	names := map[string]bool{}
	for _, r := range c.Routes {
		add("route "+r.Name, r.check())
		if names[r.Name] {
			add("route "+r.Name, fmt.Errorf("%w name is used twice", ErrRoute))
		}
		names[r.Name] = true
	}
	return errs
}

func (s Slice) check() error {
	if !shadow.ValidRelease(s.Release) {
		return fmt.Errorf("release must be 1 to 32 letters, digits, '.', '_' or '-' (got %q)", s.Release)
	}
	if s.PerMillion > shadow.PerMillion {
		return fmt.Errorf("per million must be at most %d (got %d)", shadow.PerMillion, s.PerMillion)
	}
	if s.Serve > shadow.PerMillion {
		return fmt.Errorf("serve must be at most %d (got %d)", shadow.PerMillion, s.Serve)
	}
	return nil
}

// ready gives a slice in which what each request needs of it is made.
func (s Slice) ready() *Slice {
	s.gray = memberGray + "=" + s.Release
	return &s
}

// tagged is the epoch of new tags.
func (s *Slice) tagged() uint64 { return max(s.Epoch, s.Policy) }

// member is what an order is remembered by. A rollback raises the epoch, and with it every membership ends: the
// candidate did not see what happened to the orders in between.
func (s *Slice) member(key business) string {
	return s.Release + "@" + strconv.FormatUint(s.Epoch, 10) + "/" + key.name()
}

func (r Route) check() error {
	if r.Name == "" || r.Name == routeOther {
		return fmt.Errorf("%w name must be set and not %q", ErrRoute, routeOther)
	}
	if err := pattern.Check(r.Path); err != nil {
		return fmt.Errorf("check path: %w", err)
	}
	if r.Key.Source == (Source{}) {
		return fmt.Errorf("%w has no key rule", ErrRoute)
	}
	if r.Callback && r.Creates {
		return fmt.Errorf("%w is a callback and cannot create the order that it is about", ErrRoute)
	}
	for _, wildcard := range []string{r.Key.Path, r.Key.Merchant.Path} {
		if wildcard != "" && !strings.Contains(r.Path+"/", "/{"+wildcard+"}/") {
			return fmt.Errorf("%w path has no wildcard {%s}", ErrRoute, wildcard)
		}
	}
	return r.Amount.check()
}

func (a AmountRule) check() error {
	if a.Field == "" {
		return nil
	}
	if !a.Unit.Valid() {
		return fmt.Errorf("amount unit must be %s or %s (got %q)", recon.UnitMajor, recon.UnitMinor, a.Unit)
	}
	if a.Currency != "" {
		if _, err := a.Currency.Exponent(); err != nil {
			return fmt.Errorf("check amount currency: %w", err)
		}
	}
	return nil
}

// matches tells whether a request is of this route.
func (r *Route) matches(in *inbound) bool {
	return (r.Method == "" || r.Method == in.method) && pattern.Match(r.Path, in.path)
}
