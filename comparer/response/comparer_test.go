package response

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

func newComparer(t *testing.T, config Config) *Comparer {
	t.Helper()
	c, errs := New(config)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return c
}

func exchange(side shadow.Side, status int, media, body string) shadow.Exchange {
	return shadow.Exchange{
		Side: side, Method: "POST", URI: "/payments", Status: status,
		ResponseHeader: shadow.Header{"Content-Type": {media}},
		Response:       shadow.Body{Bytes: []byte(body), Size: int64(len(body))},
	}
}

func jsonPair(order, primary, shadowed string) shadow.Pair {
	return shadow.Pair{
		Order: order, Route: "pay",
		Primary: exchange(shadow.Primary, 200, "application/json", primary),
		Shadow:  exchange(shadow.Shadow, 200, "application/json; charset=utf-8", shadowed),
	}
}

// describe is a verdict in one line a mismatch: "amount value money 29>28".
func describe(v shadow.Verdict) []string {
	out := []string{}
	for _, m := range v.Mismatches {
		out = append(out, fmt.Sprintf("%s %s %s %s>%s", m.Field, m.Kind, m.Class, m.Expected, m.Actual))
	}
	return out
}

func expect(t *testing.T, v shadow.Verdict, want ...string) {
	t.Helper()
	outcome := shadow.Match
	if len(want) > 0 {
		outcome = shadow.Mismatched
	}
	if got := describe(v); v.Outcome != outcome || !slices.Equal(got, want) {
		t.Fatalf("%s(%s) %q\nwant %s %q", v.Outcome, v.Cause, got, outcome, want)
	}
}

func TestJSONBodies(t *testing.T) {
	config := Config{
		Fields: []Field{
			{Path: "amount", Class: shadow.ClassMoney, Unit: recon.UnitMajor},
			{Path: "trace", Class: shadow.ClassNoise},
			{Path: "meta", Class: shadow.ClassNoise},
			{Path: "any.*", Class: shadow.ClassNoise},
		},
		Lists: []List{{Path: "items", Key: "sku"}},
	}
	for name, c := range map[string]struct {
		primary, shadowed string
		want              []string
	}{
		"same":                    {`{"a":1,"b":[1,2]}`, `{"b":[1,2],"a":1}`, nil},
		"white space":             {`{"a":1}`, "{ \"a\" : 1 }\n", nil},
		"one cent":                {`{"amount":"29.00"}`, `{"amount":"28.99"}`, []string{"amount value money 29.00>28.99"}},
		"money in other notation": {`{"amount":"1.0"}`, `{"amount":"1.00"}`, nil},
		"money without unit":      {`{"fee":1.0}`, `{"fee":1.00}`, []string{"fee value money 1.0>1.00"}},
		"money as another kind":   {`{"amount":"29"}`, `{"amount":29}`, []string{`amount value money "29">29`}},
		"beyond a float":          {`{"n":9007199254740993}`, `{"n":9007199254740992}`, []string{"n value plain 9007199254740993>9007199254740992"}},
		"long money":              {`{"amount":"90071992547409.93"}`, `{"amount":"90071992547409.92"}`, []string{"amount value money 90071992547409.93>90071992547409.92"}},
		"undeclared total":        {`{"x":{"grandTotal":3}}`, `{"x":{"grandTotal":4}}`, []string{"x.grandTotal value money 3>4"}},
		"undeclared currency":     {`{"fee_type":"CNY"}`, `{"fee_type":"USD"}`, []string{"fee_type value currency CNY>USD"}},
		"undeclared account":      {`{"payeeAccount":"1"}`, `{"payeeAccount":"2"}`, []string{"payeeAccount value account 1>2"}},
		"undeclared order":        {`{"out_trade_no":"1"}`, `{"out_trade_no":"2"}`, []string{"out_trade_no value order 1>2"}},
		"amount object":           {`{"amounts":[{"value":1}]}`, `{"amounts":[{"value":2}]}`, []string{"amounts.0.value value money 1>2"}},
		"noise":                   {`{"trace":"a"}`, `{"trace":"b"}`, nil},
		"noise missing":           {`{"trace":"a"}`, `{}`, nil},
		"below noise":             {`{"meta":{"x":1,"y":{"z":1}}}`, `{"meta":{"x":2,"y":{"z":2}}}`, nil},
		"money below noise":       {`{"meta":{"x":1,"amount":1}}`, `{"meta":{"x":2,"amount":2}}`, []string{"meta.amount value money 1>2"}},
		"money missing in noise":  {`{"meta":{"amount":1}}`, `{}`, []string{"meta missing money object of 1>"}},
		"money under a wildcard":  {`{"any":{"fee":1,"x":1}}`, `{"any":{"fee":2,"x":2}}`, []string{"any.fee value money 1>2"}},
		"noise object to null":    {`{"meta":{"amount":1}}`, `{"meta":null}`, []string{"meta value money object of 1>null"}},
		"missing":                 {`{"a":1,"order_id":"x"}`, `{"a":1}`, []string{`order_id missing order "x">`}},
		"extra":                   {`{}`, `{"a":[]}`, []string{"a extra plain >array of 0"}},
		"null is not missing":     {`{"a":null}`, `{}`, []string{"a missing plain null>"}},
		"object is not array":     {`{"a":{"0":1}}`, `{"a":[1]}`, []string{"a value plain object of 1>array of 1"}},
		"a dot in a name":         {`{"a.b":1}`, `{"a":{"b":1}}`, []string{"a extra plain >object of 1", `a\u002eb missing plain 1>`}},
		"by index":                {`{"l":[1,2]}`, `{"l":[2,1]}`, []string{"l.0 value plain 1>2", "l.1 value plain 2>1"}},
		"by key, reordered":       {`{"items":[{"sku":"a","n":1},{"sku":"b","n":2}]}`, `{"items":[{"sku":"b","n":2},{"sku":"a","n":1}]}`, nil},
		"by key, changed":         {`{"items":[{"sku":"a","price":1},{"sku":"b","price":2}]}`, `{"items":[{"sku":"b","price":3},{"sku":"a","price":1}]}`, []string{"items.1.price value money 2>3"}},
		"by key, one more":        {`{"items":[{"sku":"a"}]}`, `{"items":[{"sku":"c"},{"sku":"a"}]}`, []string{"items.0 extra plain >object of 1"}},
		"by key, twice":           {`{"items":[{"sku":"a"},{"sku":"a"}]}`, `{"items":[{"sku":"a"}]}`, []string{"items.1 missing plain object of 1>"}},
		"member twice":            {`{"amount":1}`, `{"amount":1,"amount":2}`, []string{`body value plain {"amount":1}>{"amount":1,"amount":2}`}},
		"not JSON":                {`{"a":1}`, `oops`, []string{`body value plain {"a":1}>oops`}},
		"more after JSON":         {`{"a":1}`, `{"a":1}{"a":2}`, []string{`body value plain {"a":1}>{"a":1}{"a":2}`}},
		"query in a value":        {`{"next":"/p?page=1"}`, `{"next":"/p?page=2"}`, []string{"next value plain /p?page=1>/p?page=2"}},
	} {
		t.Run(name, func(t *testing.T) {
			v, _ := newComparer(t, config).Compare(jsonPair("P1", c.primary, c.shadowed))
			expect(t, v, c.want...)
		})
	}
}

func TestStatusHeadersAndOtherBodies(t *testing.T) {
	compare := func(a, b shadow.Exchange) shadow.Verdict {
		v, _ := newComparer(t, Config{Headers: []string{"location"}}).Compare(shadow.Pair{Route: "pay", Primary: a, Shadow: b})
		return v
	}
	text := func(status int, body string) shadow.Exchange {
		return exchange(shadow.Primary, status, "text/plain", body)
	}
	expect(t, compare(text(200, "a"), text(201, "a")), ":status value plain 200>201")
	expect(t, compare(text(200, "a"), text(503, "a")), ":status error plain 200>503")
	expect(t, compare(text(500, "a"), text(502, "a")), ":status value plain 500>502")
	page := exchange("", 502, "application/json", `{"error":"channel"}`)
	expect(t, compare(exchange("", 201, "application/json", `{"amount":"1.00"}`), page), ":status error plain 201>502")
	expect(t, compare(text(200, "a\x00b"), text(200, "a\x00c")), "body value plain a\x00b>a\x00c")
	expect(t, compare(exchange("", 200, "text/plain", "a"), exchange("", 200, "text/html", "a")),
		"header.Content-Type value plain text/plain>text/html")
	a, b := text(302, ""), text(302, "")
	a.ResponseHeader["Location"], b.ResponseHeader["Location"] = []string{"/p/1"}, []string{"/p/2"}
	a.ResponseHeader["X-Other"] = []string{"not listed"}
	expect(t, compare(a, b), "header.Location value plain /p/1>/p/2")
	expect(t, compare(exchange("", 200, mediaForm, "total_fee=1&b=2"), exchange("", 200, mediaForm, "b=2&total_fee=3")),
		"total_fee value money 1>3")
	expect(t, compare(exchange("", 200, mediaForm, "a=1&a=2"), exchange("", 200, mediaForm, "a=2&a=1")),
		"a.0 value plain 1>2", "a.1 value plain 2>1")
}

func TestGzipIsReadThrough(t *testing.T) {
	zipped := func(text string, level int) shadow.Exchange {
		var buffer bytes.Buffer
		z, _ := gzip.NewWriterLevel(&buffer, level)
		fmt.Fprint(z, text)
		z.Close()
		x := exchange("", 200, "application/json", buffer.String())
		x.ResponseHeader["Content-Encoding"] = []string{"gzip"}
		return x
	}
	c := newComparer(t, Config{MaxBody: 1000})
	v, _ := c.Compare(shadow.Pair{Primary: zipped(`{"a":1}`, 1), Shadow: zipped(`{ "a":1}`, 9)})
	expect(t, v)
	v, _ = c.Compare(shadow.Pair{Primary: zipped(`{"amount":1}`, 1), Shadow: zipped(`{"amount":2}`, 1)})
	expect(t, v, "amount value money 1>2")
	bomb := strings.Repeat("0", 1001)
	v, _ = c.Compare(shadow.Pair{Primary: zipped(bomb, 9), Shadow: zipped(bomb+"1", 9)})
	if v.Outcome != shadow.Inconclusive || v.Cause != shadow.CauseTruncated {
		t.Fatalf("a body over the bound gave %+v", v)
	}
}

func TestAliasesAreOneToOnePerOrder(t *testing.T) {
	c := newComparer(t, Config{Fields: []Field{{Path: "payment_no", Class: shadow.ClassAlias, Alias: "no"}, {Path: "last", Class: shadow.ClassAlias, Alias: "no"}}})
	compare := func(order, primary, shadowed string) (shadow.Verdict, []shadow.Binding) {
		return c.Compare(jsonPair(order, primary, shadowed))
	}
	v, bindings := compare("P1", `{"payment_no":"A"}`, `{"payment_no":"X"}`)
	expect(t, v)
	if want := []shadow.Binding{{Column: "no", Primary: "A", Shadow: "X"}}; !slices.Equal(bindings, want) {
		t.Fatalf("learned %v", bindings)
	}
	v, bindings = compare("P1", `{"last":"A"}`, `{"last":"X"}`)
	expect(t, v)
	if len(bindings) != 0 {
		t.Fatalf("learned again: %v", bindings)
	}
	v, _ = compare("P1", `{"payment_no":"A"}`, `{"payment_no":"Y"}`)
	expect(t, v, "payment_no value alias X>Y")
	v, _ = compare("P1", `{"payment_no":"B"}`, `{"payment_no":"X"}`)
	expect(t, v, "payment_no value alias not X, which belongs to another no>X")
	v, _ = compare("P2", `{"payment_no":"A"}`, `{"payment_no":"Y"}`)
	expect(t, v)
}

func TestAliasesOfOldOrdersAreForgotten(t *testing.T) {
	c := newComparer(t, Config{MaxOrders: 2, MaxBindings: 1, Fields: []Field{{Path: "id", Class: shadow.ClassAlias}}})
	for _, order := range []string{"P1", "P2", "P3"} {
		c.Compare(jsonPair(order, `{"id":1}`, `{"id":2}`))
	}
	if len(c.aliases.orders) != 2 || c.aliases.orders["P1"] != nil {
		t.Fatalf("kept %v", c.aliases.queue)
	}
	v, _ := c.Compare(jsonPair("P3", `{"id":5}`, `{"id":6}`))
	if v.Outcome != shadow.Inconclusive {
		t.Fatalf("an id that cannot be kept gave %+v", v)
	}
}

func TestNoiseNeverCoversMoney(t *testing.T) {
	for name, c := range map[string]struct {
		fields []Field
		bad    bool
	}{
		"noise":                {[]Field{{Path: "trace_id", Class: shadow.ClassNoise}}, false},
		"count of things":      {[]Field{{Path: "total_count", Class: shadow.ClassNoise}}, false},
		"amount":               {[]Field{{Path: "amount", Class: shadow.ClassNoise}}, true},
		"nested amount":        {[]Field{{Path: "x.payerTotal", Class: shadow.ClassNoise}}, true},
		"items of amounts":     {[]Field{{Path: "amounts.*", Class: shadow.ClassNoise}}, true},
		"value of amount":      {[]Field{{Path: "amount.value", Class: shadow.ClassNoise}}, true},
		"transaction id":       {[]Field{{Path: "transaction_id", Class: shadow.ClassNoise}}, true},
		"everything":           {[]Field{{Path: "*", Class: shadow.ClassNoise}}, true},
		"above declared money": {[]Field{{Path: "data", Class: shadow.ClassNoise}, {Path: "data.x", Class: shadow.ClassMoney}}, true},
		"same as declared":     {[]Field{{Path: "a.*", Class: shadow.ClassNoise}, {Path: "a.b", Class: shadow.ClassAccount}}, true},
		"of another route":     {[]Field{{Route: "q", Path: "data", Class: shadow.ClassNoise}, {Route: "p", Path: "data.x", Class: shadow.ClassMoney}}, false},
		"money as alias":       {[]Field{{Path: "amount", Class: shadow.ClassAlias}}, true},
		"order as alias":       {[]Field{{Path: "payment_no", Class: shadow.ClassAlias}}, false},
		"no path":              {[]Field{{Class: shadow.ClassPlain}}, true},
		"unit of plain":        {[]Field{{Path: "x", Class: shadow.ClassPlain, Unit: recon.UnitMajor}}, true},
		"unknown class":        {[]Field{{Path: "x", Class: "soft"}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if _, errs := New(Config{Fields: c.fields}); (len(errs) > 0) != c.bad {
				t.Fatalf("errors %v, want some: %v", errs, c.bad)
			}
		})
	}
}

func call(side shadow.Side, op string, ordinal int, class shadow.CallClass, found ...shadow.Mismatch) shadow.Call {
	fate := shadow.CallReplayed
	if len(found) > 0 {
		fate = shadow.CallRefused
	}
	return shadow.Call{Operation: op, Ordinal: ordinal, Class: class, Fate: fate, Mismatches: found,
		Exchange: shadow.Exchange{Side: side, Method: "POST", URI: "/refund"}}
}

func TestCalls(t *testing.T) {
	c := newComparer(t, Config{})
	pair := jsonPair("P1", `{}`, `{}`)
	pair.PrimaryCalls = []shadow.Call{call(shadow.Primary, "refund", 1, shadow.CallMoney), call(shadow.Primary, "refund", 2, shadow.CallMoney), call(shadow.Primary, "query", 1, shadow.CallQuery)}
	pair.ShadowCalls = []shadow.Call{call(shadow.Shadow, "refund", 1, shadow.CallMoney)}
	v, _ := c.Compare(pair)
	expect(t, v, " missing plain POST /refund>no call")
	if m := v.Mismatches[0]; m.Place != shadow.InCall || m.Call != shadow.CallMoney || m.Name != "refund" {
		t.Fatalf("got %+v", m)
	}

	found := shadow.Mismatch{Place: shadow.InCall, Name: "refund", Field: "amount.refund_fee", Kind: shadow.KindValue, Class: shadow.ClassPlain, Expected: "29", Actual: "28"}
	pair.PrimaryCalls = pair.PrimaryCalls[:1]
	pair.ShadowCalls = []shadow.Call{call(shadow.Shadow, "refund", 1, shadow.CallMoney, found)}
	v, _ = c.Compare(pair)
	expect(t, v, "amount.refund_fee value money 29>28")
}

func TestWhatTheGuardCouldNotAnswerProvesNothing(t *testing.T) {
	c := newComparer(t, Config{})
	pair := jsonPair("P1", `{"amount":1}`, `{"amount":2}`)
	evicted := call(shadow.Shadow, "refund", 1, shadow.CallMoney)
	evicted.Fate = shadow.CallRefused
	pair.ShadowCalls = []shadow.Call{evicted}
	if v, _ := c.Compare(pair); v.Outcome != shadow.Inconclusive {
		t.Fatalf("got %+v", v)
	}
	extra := call(shadow.Shadow, "pay", 1, shadow.CallMoney, shadow.Mismatch{Field: "amount", Kind: shadow.KindExtra})
	pair.ShadowCalls = []shadow.Call{evicted, extra} // the second may be a retry of the first
	if v, _ := c.Compare(pair); v.Outcome != shadow.Inconclusive || v.Cause != shadow.CauseGuard {
		t.Fatalf("got %+v", v)
	}
	pair.ShadowCalls = []shadow.Call{extra, evicted}
	v, _ := c.Compare(pair)
	expect(t, v, "amount extra money >")
}

func TestPrecedence(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*shadow.Pair)
		want   string
		taints bool
	}{
		"match":                    {func(p *shadow.Pair) {}, "match()", false},
		"reset":                    {func(p *shadow.Pair) { p.Shadow.Failure = shadow.FailReset }, "mismatch()", true},
		"timeout":                  {func(p *shadow.Pair) { p.Shadow.Failure = shadow.FailTimeout }, "inconclusive(timeout)", true},
		"unreachable":              {func(p *shadow.Pair) { p.Shadow.Failure = shadow.FailUnreachable }, "dropped(unreachable)", true},
		"client gone":              {func(p *shadow.Pair) { p.Primary.Failure = shadow.FailClientGone }, "inconclusive(client-gone)", true},
		"stable failed":            {func(p *shadow.Pair) { p.Primary.Failure = shadow.FailReset }, "inconclusive(stable-failed)", true},
		"truncated":                {func(p *shadow.Pair) { p.Primary.Response.Truncated = true }, "inconclusive(truncated)", true},
		"truncated and mismatched": {func(p *shadow.Pair) { p.Shadow.Response.Truncated, p.Shadow.Status = true, 404 }, "mismatch()", false},
		"500":                      {func(p *shadow.Pair) { p.Shadow.Status = 500 }, "mismatch()", true},
		"call and timeout": {func(p *shadow.Pair) {
			p.Shadow.Failure = shadow.FailTimeout
			p.ShadowCalls = []shadow.Call{call(shadow.Shadow, "pay", 1, shadow.CallMoney, shadow.Mismatch{Field: "amount"})}
		}, "mismatch()", true},
	} {
		t.Run(name, func(t *testing.T) {
			pair := jsonPair("P1", `{"a":1}`, `{"a":1}`)
			c.change(&pair)
			v, _ := newComparer(t, Config{}).Compare(pair)
			if got := fmt.Sprintf("%s(%s)", v.Outcome, v.Cause); got != c.want || v.Taints() != c.taints {
				t.Fatalf("got %s, taints %v; want %s, %v", got, v.Taints(), c.want, c.taints)
			}
		})
	}
}

func TestMismatchesAreBoundedAndKeepMoney(t *testing.T) {
	var a, b strings.Builder
	for i := range 50 {
		fmt.Fprintf(&a, `"a%d":1,`, i)
		fmt.Fprintf(&b, `"a%d":2,`, i)
	}
	v, _ := newComparer(t, Config{MaxMismatches: 5, MaxValue: 10}).Compare(
		jsonPair("P1", "{"+a.String()+`"fee":1,"z":"`+strings.Repeat("长", 20)+`"}`, "{"+b.String()+`"fee":2,"z":""}`))
	if len(v.Mismatches) != 5 || !slices.ContainsFunc(v.Mismatches, func(m shadow.Mismatch) bool { return m.Class == shadow.ClassMoney }) {
		t.Fatalf("got %q", describe(v))
	}
	v, _ = newComparer(t, Config{MaxValue: 10}).Compare(jsonPair("P1", `"`+strings.Repeat("长", 20)+`"`, `""`))
	expect(t, v, " value plain 长长长…>")
}

func TestDeepDocumentsAreComparedAsBytes(t *testing.T) {
	deep := strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)
	v, _ := newComparer(t, Config{MaxValue: 3}).Compare(jsonPair("P1", deep, deep+" "))
	expect(t, v, "body value plain [[[…>[[[…")
}
