package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/comparer/response"
	"github.com/seed-3356bd69/touchstone/proxy/pattern"
	"github.com/seed-3356bd69/touchstone/proxy/upstream"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// NoiseRun says what the stable release is asked twice.
type NoiseRun struct {
	File     string // of the requests, for complaints
	Requests io.Reader
	Header   http.Header // of each request
	Owner    string      // who answers for the rules
	Pause    time.Duration
	Now      time.Time
}

// maxNoiseRequests bounds one run.
const maxNoiseRequests = 10_000

// noiseRequest is one read-only request of a route.
type noiseRequest struct{ method, uri, route string }

// ProposeNoise asks the stable release the same read-only questions twice, and prints rules for the fields in which it
// differs from itself, with the evidence. Nothing is proposed for what decides about money.
func ProposeNoise(ctx context.Context, cfg *config.Sidecar, run NoiseRun, w io.Writer) error {
	requests, err := readNoiseRequests(cfg.HTTP.Routes, run)
	if err != nil {
		return err
	}
	bare := cfg.Compare
	bare.Responses = nil
	for _, r := range cfg.Compare.Responses {
		r.Noise = nil // rules that are there are seen again, or not
		bare.Responses = append(bare.Responses, r)
	}
	policy, err := comparing(bare, cfg.HTTP.Routes)
	if err != nil {
		return fmt.Errorf("compare: %w", err)
	}
	compared, errs := response.New(policy)
	if len(errs) > 0 {
		return fmt.Errorf("compare: %w", errors.Join(errs...))
	}
	asker, err := newAsker(cfg, run.Header)
	if err != nil {
		return err
	}
	seen, failed := response.NewVariations(), 0
	for i, q := range requests {
		a, errA := asker.ask(ctx, q, shadow.Primary)
		b, errB := asker.ask(ctx, q, shadow.Shadow)
		if ctx.Err() != nil {
			return fmt.Errorf("ask the stable release: %w", ctx.Err())
		}
		if errA != nil || errB != nil || a.Status >= http.StatusInternalServerError || b.Status >= http.StatusInternalServerError {
			failed++
			continue
		}
		v, _ := compared.Compare(shadow.Pair{Order: fmt.Sprint(i), Route: q.route, Primary: a, Shadow: b})
		seen.Add(q.route, v.Mismatches)
		time.Sleep(run.Pause)
	}
	if failed == len(requests) {
		return fmt.Errorf("none of %d requests was answered by %s", failed, cfg.HTTP.Stable)
	}
	return printNoise(w, cfg, run, seen, len(requests), failed)
}

// readNoiseRequests reads "GET /payments/P1" or "/payments/P1" a line. What could change anything is refused.
func readNoiseRequests(routes []config.Route, run NoiseRun) ([]noiseRequest, error) {
	var out []noiseRequest
	var errs []error
	lines := bufio.NewScanner(run.Requests)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		q := noiseRequest{method: http.MethodGet, uri: text}
		if method, uri, ok := strings.Cut(text, " "); ok {
			q.method, q.uri = method, strings.TrimSpace(uri)
		}
		err := q.find(routes)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s:%d:1: %w", run.File, n, err))
		case len(out) >= maxNoiseRequests:
			return nil, fmt.Errorf("%s:%d:1: more than %d requests; try: a part of them", run.File, n, maxNoiseRequests)
		default:
			out = append(out, q)
		}
	}
	if err := lines.Err(); err != nil {
		errs = append(errs, fmt.Errorf("read %s: %w", run.File, err))
	}
	if len(out) == 0 && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("%s:1:1: holds no request; try: lines such as GET /payments/P1", run.File))
	}
	return out, errors.Join(errs...)
}

func (q *noiseRequest) find(routes []config.Route) error {
	if q.method != http.MethodGet && q.method != http.MethodHead {
		return fmt.Errorf("method: is not read-only (got %q); try: GET or HEAD", q.method)
	}
	target, err := url.ParseRequestURI(q.uri)
	if err != nil || target.Host != "" {
		return fmt.Errorf("target: is not a path with a query (got %q); try: /payments/P1", q.uri)
	}
	for _, r := range routes {
		if r.Method == q.method && pattern.Match(r.Path, target.Path) {
			q.route = r.Name
			return nil
		}
	}
	return fmt.Errorf("target: is of no route with method %s (got %q); try: a path of http.routes", q.method, q.uri)
}

// asker asks the stable release, untagged, as any client could.
type asker struct {
	client *http.Client
	base   string
	header http.Header
	limit  int64
}

func newAsker(cfg *config.Sidecar, header http.Header) (*asker, error) {
	target, err := upstream.Parse(cfg.HTTP.Stable, nil)
	if err != nil {
		return nil, fmt.Errorf("http.stable: %w", err)
	}
	pool := upstream.NewPool(upstream.Config{Target: target, Dial: 2 * time.Second, Idle: time.Minute})
	return &asker{
		base: target.Scheme() + "://" + target.Host, header: header, limit: int64(cfg.HTTP.MaxBody),
		client: &http.Client{
			Timeout:       cfg.HTTP.Timeout,
			Transport:     &http.Transport{DialContext: pool.DialContext, DialTLSContext: pool.DialContext, DisableCompression: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func (a *asker) ask(ctx context.Context, q noiseRequest, side shadow.Side) (shadow.Exchange, error) {
	x := shadow.Exchange{Side: side, Method: q.method, URI: q.uri}
	req, err := http.NewRequestWithContext(ctx, q.method, a.base+q.uri, nil)
	if err != nil {
		return x, fmt.Errorf("ask the stable release: %w", err)
	}
	for name, values := range a.header {
		req.Header[name] = values
	}
	res, err := a.client.Do(req)
	if err != nil {
		return x, fmt.Errorf("ask the stable release: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, a.limit+1))
	if err != nil {
		return x, fmt.Errorf("read the stable answer: %w", err)
	}
	x.Status, x.ResponseHeader = res.StatusCode, shadow.Header(res.Header)
	x.Response = shadow.Body{Bytes: body, Size: int64(len(body)), Truncated: int64(len(body)) > a.limit}
	return x, nil
}

// noiseRule is a rule as it is printed; JSON is YAML.
type noiseRule struct {
	Path     string `json:"path"`
	Reason   string `json:"reason"`
	Owner    string `json:"owner"`
	Evidence string `json:"evidence"`
}

func printNoise(w io.Writer, cfg *config.Sidecar, run NoiseRun, seen *response.Variations, asked, failed int) error {
	day := run.Now.UTC().Format(time.DateOnly)
	var remarks, rules strings.Builder
	fmt.Fprintf(&remarks, "# %d read-only requests, each asked twice, %d not answered; %s\n", asked, failed, day)
	route := ""
	for _, v := range seen.List() {
		if !v.MayBeNoise() {
			fmt.Fprintf(&remarks, "# never noise: %s of route %s, class %s, differed in %d of %d pairs: the stable release is not steady there\n", v.Path, v.Route, v.Class, v.Differ, v.Pairs)
			continue
		}
		if v.Route != route {
			fmt.Fprintf(&rules, "    - route: %s\n      noise:\n", v.Route)
		}
		route = v.Route
		rule, err := json.Marshal(noiseRule{
			Path: v.Path, Reason: "the stable release differs from itself", Owner: run.Owner,
			Evidence: fmt.Sprintf("%d of %d pairs of stable answers, touchstone noise, %s", v.Differ, v.Pairs, day),
		})
		if err != nil {
			return fmt.Errorf("write rule: %w", err)
		}
		fmt.Fprintf(&rules, "        - %s\n", rule)
	}
	unseen(&remarks, cfg, seen)
	text := remarks.String() + "compare:\n  responses:\n" + rules.String()
	if rules.Len() == 0 {
		text = remarks.String() + "# nothing differs that could be noise\n"
	}
	_, err := io.WriteString(w, text)
	return err
}

// unseen remarks rules that are declared and hid nothing.
func unseen(w io.Writer, cfg *config.Sidecar, seen *response.Variations) {
	for _, r := range cfg.Compare.Responses {
		for _, n := range r.Noise {
			if pairs := seen.Pairs(r.Route); pairs > 0 && !varied(seen, r.Route, n.Path) {
				fmt.Fprintf(w, "# declared and not seen to differ in %d pairs: %s of route %s\n", pairs, n.Path, r.Route)
			}
		}
	}
}

func varied(seen *response.Variations, route, path string) bool {
	for _, v := range seen.List() {
		if v.Route == route && (v.Path == path || strings.HasPrefix(v.Path, path+".")) {
			return true
		}
	}
	return false
}
