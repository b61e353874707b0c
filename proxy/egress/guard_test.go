package egress

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// channel is a payment channel that remembers all it ever saw.
type channel struct {
	*httptest.Server
	mu    sync.Mutex
	seen  []string
	heads []http.Header
	block chan struct{} // calls of /slow wait for it
}

func newChannel(t *testing.T) *channel {
	c := &channel{block: make(chan struct{})}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *channel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	c.seen = append(c.seen, r.Method+" "+r.URL.RequestURI()+" "+string(body))
	c.heads = append(c.heads, r.Header.Clone())
	n := len(c.seen)
	c.mu.Unlock()
	switch r.URL.Path {
	case "/slow":
		select {
		case <-c.block:
		case <-r.Context().Done():
		}
	case "/reset":
		panic(http.ErrAbortHandler)
	case "/half":
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "half of it")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("X-Channel", "yes")
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"channel_no":%d}`, n)
}

func (c *channel) calls() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.seen)
}

type rig struct {
	t               *testing.T
	channel         *channel
	guard           *Guard
	registry        *prometheus.Registry
	signer          *shadow.Signer
	primary, shadow *httptest.Server
	mu              sync.Mutex
	clock           time.Duration
}

func operations() []Operation {
	return []Operation{
		{Name: "refund", Method: "POST", Path: "/v3/refunds", Class: shadow.CallMoney,
			IgnoreHeaders: []string{"authorization"}, IgnoreFields: []string{"nonce_str", "query.timestamp", "meta"},
			Fields: map[string]shadow.FieldClass{"amount.refund": shadow.ClassMoney, "items.*.sku": shadow.ClassOrder}},
		{Name: "query", Method: "GET", Path: "/v3/pay/{id}", Class: shadow.CallQuery},
	}
}

func newRig(t *testing.T, limits Limits) *rig {
	t.Helper()
	signer, err := shadow.NewSigner([]byte("0123456789abcdef"), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, channel: newChannel(t), registry: prometheus.NewRegistry(), signer: signer}
	target, _ := url.Parse(r.channel.URL)
	config := Config{Channel: target, Operations: operations(), Limits: limits}
	if errs := config.Validate(); len(errs) > 0 {
		t.Fatal(errs)
	}
	r.guard = New(config, Deps{Signer: signer, Registry: r.registry, Now: r.now})
	r.primary, r.shadow = httptest.NewServer(r.guard.Primary()), httptest.NewServer(r.guard.Shadow())
	t.Cleanup(r.primary.Close)
	t.Cleanup(r.shadow.Close)
	return r
}

func (r *rig) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Now().Add(r.clock)
}

func (r *rig) later(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock += d
}

func (r *rig) tag(side shadow.Side, sample string, epoch uint64) string {
	return r.signer.Sign(shadow.Tag{Release: "v2", Sample: sample, Side: side, Time: r.now(), Epoch: epoch})
}

// request is one call of a service: "POST /v3/refunds {...}".
type request struct {
	method, uri, body string
	header            map[string]string
}

func (r *rig) do(base, tag string, q request) (int, string) {
	r.t.Helper()
	req, err := http.NewRequest(q.method, base+q.uri, strings.NewReader(q.body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for name, value := range q.header {
		req.Header.Set(name, value)
	}
	if tag != "" {
		req.Header.Set(shadow.HeaderTag, tag)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return res.StatusCode, string(body) + "!" + err.Error()
	}
	return res.StatusCode, string(body)
}

func (r *rig) stable(sample string, q request) (int, string) {
	return r.do(r.primary.URL, r.tag(shadow.Primary, sample, 1), q)
}

func (r *rig) candidate(sample string, q request) (int, string) {
	return r.do(r.shadow.URL, r.tag(shadow.Shadow, sample, 1), q)
}

func refund(amount string) request {
	return request{method: "POST", uri: "/v3/refunds", body: `{"out_trade_no":"P1","amount":{"refund":` + amount + `}}`}
}

func (r *rig) refused(reason string) float64 {
	var m dto.Metric
	if err := r.guard.shadow.metrics.refused.WithLabelValues(reason).Write(&m); err != nil {
		r.t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

func TestEqualCallIsReplayedAndNeverSentAgain(t *testing.T) {
	r := newRig(t, Limits{})
	q := refund("29")
	q.header = map[string]string{"Authorization": "one", "Baggage": "gray=v2", "Tracestate": "gray=v2", "Uberctx-Gray": "v2", "X-Account": "m1"}
	status, body := r.stable("s1", q)
	if status != 201 || body != `{"channel_no":1}` {
		t.Fatalf("stable got %d %s", status, body)
	}
	q.header["Authorization"] = "two"
	status, body = r.candidate("s1", q)
	if status != 201 || body != `{"channel_no":1}` {
		t.Fatalf("candidate got %d %s", status, body)
	}
	if n := r.channel.calls(); n != 1 {
		t.Fatalf("the channel saw %d calls", n)
	}
	head := r.channel.heads[0]
	if head.Get(shadow.HeaderTag) != "" || head.Get("Baggage")+head.Get("Tracestate")+head.Get("Uberctx-Gray") != "" || head.Get("Authorization") != "one" {
		t.Fatalf("the channel saw the headers %v", head)
	}
	primary, shadowed := r.guard.Take("s1")
	if len(primary) != 1 || len(shadowed) != 1 || shadowed[0].Fate != shadow.CallReplayed || primary[0].Exchange.Status != 201 ||
		string(primary[0].Exchange.Request.Bytes) != q.body || len(shadowed[0].Mismatches) != 0 {
		t.Fatalf("primary %+v\nshadow %+v", primary, shadowed)
	}
	if p, s := r.guard.Take("s1"); p != nil || s != nil {
		t.Fatal("taken twice")
	}
	if used := r.guard.calls.(*book).budget.Used(); used != 0 {
		t.Fatalf("%d bytes are still held", used)
	}
}

func TestCallThatDiffersIsRefused(t *testing.T) {
	stable := request{method: "POST", uri: "/v3/refunds?page=1&a=1&a=2&timestamp=1",
		body:   `{"out_trade_no":"P1","nonce_str":"x","amount":{"refund":29.0},"items":[{"sku":"1"}],"meta":{"host":"a","amount":1}}`,
		header: map[string]string{"X-Account": "m1"}}
	for name, c := range map[string]struct {
		old, replacement string
		want             string // "" = replayed
	}{
		"equal":             {"", "", ""},
		"amount":            {`29.0`, `28.0`, "amount.refund value money 29.0>28.0"},
		"amount's notation": {`29.0`, `29.00`, "amount.refund value money 29.0>29.00"},
		"amount as text":    {`29.0`, `"29.0"`, `amount.refund value money 29.0>"29.0"`},
		"amount missing":    {`,"amount":{"refund":29.0}`, ``, "amount.refund missing money 29.0>"},
		"amount twice":      {`{"refund":29.0}`, `{"refund":29.0,"refund":29.0}`, "body value plain"},
		"order":             {`"P1"`, `"P2"`, "out_trade_no value plain P1>P2"},
		"nonce":             {`"x"`, `"y"`, ""},
		"ignored below":     {`"host":"a"`, `"host":"b"`, ""},
		"money in ignored":  {`"amount":1}`, `"amount":2}`, "meta.amount value plain 1>2"},
		"item":              {`"sku":"1"`, `"sku":"2"`, "items.0.sku value order 1>2"},
		"array to object":   {`[{"sku":"1"}]`, `{"0":{"sku":"1"}}`, `items.0.sku value order "1" in {[{>"1" in {{{`},
		"query":             {`page=1`, `page=2`, "query.page value plain 1>2"},
		"query extra":       {`page=1`, `page=1&x=1`, "query.x extra plain >1"},
		"query repeated":    {`a=1&a=2`, `a=2&a=1`, "query.a value plain 1, 2>2, 1"},
		"query reordered":   {`page=1&a=1`, `a=1&page=1`, ""},
		"query timestamp":   {`timestamp=1`, `timestamp=2`, ""},
		"header missing":    {`X-Account`, `X-None`, "header.X-Account missing plain m1>"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Limits{})
			r.stable("s1", stable)
			replace := func(text string) string { return strings.Replace(text, c.old, c.replacement, 1) }
			q := request{method: "POST", uri: replace(stable.uri), body: replace(stable.body), header: map[string]string{replace("X-Account"): "m1"}}
			status, _ := r.candidate("s1", q)
			_, shadowed := r.guard.Take("s1")
			got := ""
			if len(shadowed[0].Mismatches) > 0 {
				m := shadowed[0].Mismatches[0]
				got = fmt.Sprintf("%s %s %s %s>%s", m.Field, m.Kind, m.Class, m.Expected, m.Actual)
			}
			if !strings.HasPrefix(got, c.want) || (got != "") != (c.want != "") || (status == 409) != (c.want != "") {
				t.Fatalf("status %d, got %q, want %q", status, got, c.want)
			}
			if r.channel.calls() != 1 {
				t.Fatal("the channel saw the candidate")
			}
		})
	}
}

func TestFormCallsAreComparedByField(t *testing.T) {
	r := newRig(t, Limits{})
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	r.stable("s1", request{"POST", "/v3/refunds", "refund_amount=29&nonce_str=a", form})
	r.candidate("s1", request{"POST", "/v3/refunds", "nonce_str=b&refund_amount=28", form})
	_, shadowed := r.guard.Take("s1")
	if len(shadowed) != 1 || len(shadowed[0].Mismatches) != 1 || shadowed[0].Mismatches[0].Field != "refund_amount" {
		t.Fatalf("got %+v", shadowed)
	}
}

func TestOrdinalsTellTwoRefundsApart(t *testing.T) {
	r := newRig(t, Limits{})
	r.stable("s1", refund("10"))
	r.stable("s1", refund("20"))
	for i, q := range []request{refund("10"), refund("20")} {
		if status, body := r.candidate("s1", q); status != 201 || body != fmt.Sprintf(`{"channel_no":%d}`, i+1) {
			t.Fatalf("refund %d: %d %s", i+1, status, body)
		}
	}
	if status, _ := r.candidate("s1", refund("20")); status != 409 {
		t.Fatalf("a third refund got %d", status)
	}
	primary, shadowed := r.guard.Take("s1")
	last := shadowed[2]
	if len(primary) != 2 || last.Ordinal != 3 || last.Fate != shadow.CallRefused || last.Mismatches[0].Kind != shadow.KindExtra || last.Mismatches[0].Call != shadow.CallMoney {
		t.Fatalf("got %+v", last)
	}
	if r.channel.calls() != 2 {
		t.Fatal("the channel saw the candidate")
	}
}

func TestUnknownOperationIsRecordedAsMoney(t *testing.T) {
	r := newRig(t, Limits{})
	r.stable("s1", request{"PUT", "/odd", "x", nil})
	r.candidate("s1", request{"PUT", "/odd", "x", nil})
	r.candidate("s1", request{"PUT", "/other", "x", nil})
	primary, shadowed := r.guard.Take("s1")
	if primary[0].Operation != Unknown || primary[0].Class != shadow.CallMoney || shadowed[0].Fate != shadow.CallReplayed || shadowed[1].Fate != shadow.CallRefused {
		t.Fatalf("primary %+v\nshadow %+v", primary, shadowed)
	}
}

func TestTagsDecideWhoMayCall(t *testing.T) {
	r := newRig(t, Limits{})
	foreign, _ := shadow.NewSigner([]byte("fedcba9876543210"), time.Hour)
	forged := foreign.Sign(shadow.Tag{Release: "v2", Sample: "s1", Side: shadow.Shadow, Time: r.now(), Epoch: 1})
	old := r.signer.Sign(shadow.Tag{Release: "v2", Sample: "s1", Side: shadow.Shadow, Time: r.now().Add(-2 * time.Hour), Epoch: 1})
	for name, c := range map[string]struct {
		base, tag string
		status    int
		channel   int
	}{
		"no tag on primary":          {r.primary.URL, "", 201, 1},
		"foreign primary on primary": {r.primary.URL, "v2;id=x;side=primary;t=1;ep=1;sig=no", 201, 1},
		"shadow on primary":          {r.primary.URL, r.tag(shadow.Shadow, "s1", 1), 403, 0},
		"expired shadow on primary":  {r.primary.URL, old, 403, 0},
		"forged shadow on primary":   {r.primary.URL, forged, 403, 0},
		"no tag on shadow":           {r.shadow.URL, "", 403, 0},
		"forged on shadow":           {r.shadow.URL, forged, 403, 0},
		"expired on shadow":          {r.shadow.URL, old, 403, 0},
		"primary on shadow":          {r.shadow.URL, r.tag(shadow.Primary, "s1", 1), 403, 0},
		"genuine, but no recording":  {r.shadow.URL, r.tag(shadow.Shadow, "s9", 1), 409, 0},
	} {
		t.Run(name, func(t *testing.T) {
			before := r.channel.calls()
			if status, body := r.do(c.base, c.tag, refund("1")); status != c.status {
				t.Fatalf("got %d %s, want %d", status, body, c.status)
			}
			if n := r.channel.calls() - before; n != c.channel {
				t.Fatalf("the channel saw %d calls, want %d", n, c.channel)
			}
		})
	}
	if p, s := r.guard.Take("s1"); len(p)+len(s) != 0 {
		t.Fatalf("something was recorded: %v %v", p, s)
	}
	if r.refused(reasonShadowOnPrimary) != 3 {
		t.Fatal("not counted")
	}
}

func TestTwoTagsOnOneCall(t *testing.T) {
	r := newRig(t, Limits{})
	req, _ := http.NewRequest("POST", r.primary.URL+"/v3/refunds", nil)
	req.Header.Add(shadow.HeaderTag, r.tag(shadow.Primary, "s1", 1))
	req.Header.Add(shadow.HeaderTag, r.tag(shadow.Shadow, "s1", 1))
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != 403 || r.channel.calls() != 0 {
		t.Fatalf("got %v %v, channel saw %d", res, err, r.channel.calls())
	}
	res.Body.Close()
}

func TestLastCheckBeforeTheChannel(t *testing.T) {
	r := newRig(t, Limits{})
	transport := r.guard.primary.(*primarySide).proxy.Transport
	tagged, _ := http.NewRequest("GET", r.channel.URL, nil)
	tagged.Header.Set(shadow.HeaderTag, "x")
	fromShadow := &outgoing{exchange: shadow.Exchange{Side: shadow.Shadow}}
	for name, req := range map[string]*http.Request{
		"from nowhere": httptest.NewRequest("GET", r.channel.URL, nil),
		"of a shadow":  httptest.NewRequest("GET", r.channel.URL, nil).WithContext(context.WithValue(t.Context(), outgoingKey{}, fromShadow)),
		"tagged":       tagged.WithContext(context.WithValue(t.Context(), outgoingKey{}, &outgoing{exchange: shadow.Exchange{Side: shadow.Primary}})),
	} {
		if _, err := transport.RoundTrip(req); err == nil {
			t.Errorf("%s: sent", name)
		}
	}
	if r.channel.calls() != 0 || r.refused(reasonUnsafe) != 3 {
		t.Fatalf("channel saw %d, counted %v", r.channel.calls(), r.refused(reasonUnsafe))
	}
}

func TestFenceRefusesOlderEpochs(t *testing.T) {
	r := newRig(t, Limits{})
	r.stable("s1", refund("1"))
	r.guard.Fence(3)
	r.guard.Fence(2)
	status, _ := r.do(r.shadow.URL, r.tag(shadow.Shadow, "s1", 2), refund("1"))
	if status != 409 || r.refused(reasonFenced) != 1 {
		t.Fatalf("an older epoch got %d", status)
	}
	r.stable("s2", refund("1"))
	if status, _ = r.do(r.shadow.URL, r.tag(shadow.Shadow, "s2", 3), refund("1")); status != 201 {
		t.Fatalf("the current epoch got %d", status)
	}
	if _, shadowed := r.guard.Take("s1"); len(shadowed[0].Mismatches) != 0 {
		t.Fatal("a fenced call was held against the candidate")
	}
}

func TestFailuresAreReplayed(t *testing.T) {
	r := newRig(t, Limits{Timeout: 200 * time.Millisecond})
	for i, path := range []string{"/slow", "/reset", "/half"} {
		sample := fmt.Sprint("s", i)
		q := request{"GET", path, "", nil}
		wantStatus, wantBody := r.stable(sample, q)
		status, body := r.candidate(sample, q)
		if status != wantStatus || (strings.Contains(wantBody, "unexpected EOF") && body != wantBody) {
			t.Errorf("%s: stable %d %q, candidate %d %q", path, wantStatus, wantBody, status, body)
		}
		primary, shadowed := r.guard.Take(sample)
		if primary[0].Exchange.Failure == shadow.FailNone || shadowed[0].Fate != shadow.CallReplayed || shadowed[0].Exchange.Failure != primary[0].Exchange.Failure {
			t.Errorf("%s: primary %+v\nshadow %+v", path, primary, shadowed)
		}
	}
	if status, _ := r.stable("s9", request{"GET", "/slow", "", nil}); status != 504 {
		t.Errorf("a slow channel gave %d", status)
	}
}

func TestUnreachableChannel(t *testing.T) {
	r := newRig(t, Limits{})
	r.channel.Close()
	status, _ := r.stable("s1", refund("1"))
	again, _ := r.candidate("s1", refund("1"))
	if primary, _ := r.guard.Take("s1"); status != 502 || again != 502 || primary[0].Exchange.Failure != shadow.FailUnreachable {
		t.Fatalf("stable %d, candidate %d, recorded %+v", status, again, primary)
	}
}

func TestShadowCallWaitsForTheStableOne(t *testing.T) {
	r := newRig(t, Limits{})
	go r.stable("s1", request{"GET", "/slow", "", nil})
	for r.channel.calls() == 0 {
		time.Sleep(time.Millisecond)
	}
	answer := make(chan int)
	go func() { status, _ := r.candidate("s1", request{"GET", "/slow", "", nil}); answer <- status }()
	select {
	case status := <-answer:
		t.Fatalf("answered %d before the stable call had ended", status)
	case <-time.After(50 * time.Millisecond):
	}
	close(r.channel.block)
	if status := <-answer; status != 201 {
		t.Fatalf("got %d", status)
	}
}

func TestBoundsRefuseAndNeverAccuse(t *testing.T) {
	long := strings.Repeat("x", 2000)
	for name, c := range map[string]struct {
		limits Limits
		reason string
		run    func(r *rig)
	}{
		"too many samples": {Limits{MaxSamples: 1}, reasonGone, func(r *rig) { r.stable("s1", refund("1")); r.stable("s2", refund("1")) }},
		"too old":          {Limits{MaxAge: time.Minute}, reasonGone, func(r *rig) { r.stable("s1", refund("1")); r.later(2 * time.Minute) }},
		"taken":            {Limits{}, reasonGone, func(r *rig) { r.stable("s1", refund("1")); r.guard.Take("s1") }},
		"long request":     {Limits{MaxBody: 1000}, reasonTruncated, func(r *rig) { r.stable("s1", refund(`"`+long+`"`)) }},
		"no budget":        {Limits{MaxCaptured: 10}, reasonTruncated, func(r *rig) { r.stable("s1", refund("1")) }},
		"too many calls": {Limits{MaxCalls: 1}, reasonGone, func(r *rig) {
			r.stable("s1", refund("1"))
			r.stable("s1", refund("2"))
			r.candidate("s1", refund("1"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.limits)
			c.run(r)
			if status, body := r.candidate("s1", refund("1")); status != 409 || r.refused(c.reason) != 1 {
				t.Fatalf("got %d %s, counted %v", status, body, r.refused(c.reason))
			}
			_, shadowed := r.guard.Take("s1")
			for _, call := range shadowed {
				if len(call.Mismatches) > 0 {
					t.Fatalf("held against the candidate: %+v", call.Mismatches)
				}
			}
		})
	}
}

func TestCandidateThatHangsUpInTheMiddleOfItsRequest(t *testing.T) {
	r := newRig(t, Limits{})
	r.stable("s1", refund("1"))
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.shadow.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw := conn.(*net.TCPConn)
	fmt.Fprintf(raw, "POST /v3/refunds HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n%s: %s\r\n\r\n{\"out", shadow.HeaderTag, r.tag(shadow.Shadow, "s1", 1))
	raw.CloseWrite()
	deadline := time.Now().Add(2 * time.Second)
	for r.refused(reasonBrokenBody) != 1 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	if r.refused(reasonBrokenBody) != 1 || r.channel.calls() != 1 {
		t.Fatal("a broken request was not refused as one")
	}
}

func TestValidate(t *testing.T) {
	base, _ := url.Parse("https://channel.example")
	for name, c := range map[string]struct {
		op  Operation
		bad bool
	}{
		"good":                {Operation{Name: "x", Path: "/", Class: shadow.CallMoney, IgnoreFields: []string{"sign", "nonce"}, IgnoreHeaders: []string{"Authorization"}}, false},
		"ignores amount":      {Operation{Name: "x", Path: "/", Class: shadow.CallMoney, IgnoreFields: []string{"amount.total"}}, true},
		"ignores declared":    {Operation{Name: "x", Path: "/", Class: shadow.CallMoney, IgnoreFields: []string{"a.b"}, Fields: map[string]shadow.FieldClass{"a.b": shadow.ClassAccount}}, true},
		"ignores above":       {Operation{Name: "x", Path: "/", Class: shadow.CallMoney, IgnoreFields: []string{"a"}, Fields: map[string]shadow.FieldClass{"a.b": shadow.ClassMoney}}, true},
		"ignores by wildcard": {Operation{Name: "x", Path: "/", Class: shadow.CallMoney, IgnoreFields: []string{"a.*"}, Fields: map[string]shadow.FieldClass{"a.b": shadow.ClassMoney}}, true},
		"ignores everything":  {Operation{Name: "x", Path: "/", Class: shadow.CallMoney, IgnoreFields: []string{""}}, true},
		"ignores account":     {Operation{Name: "x", Path: "/", Class: shadow.CallMoney, IgnoreHeaders: []string{"x-merchant-account"}}, true},
		"no class":            {Operation{Name: "x", Path: "/"}, true},
		"bad path":            {Operation{Name: "x", Path: "v3", Class: shadow.CallMoney}, true},
		"reserved name":       {Operation{Name: Unknown, Path: "/", Class: shadow.CallMoney}, true},
	} {
		t.Run(name, func(t *testing.T) {
			errs := Config{Channel: base, Operations: []Operation{c.op}}.Validate()
			if (len(errs) > 0) != c.bad {
				t.Fatalf("got %v, want some: %v", errs, c.bad)
			}
		})
	}
	if errs := (Config{}).Validate(); len(errs) != 1 {
		t.Fatalf("no channel: %v", errs)
	}
}
