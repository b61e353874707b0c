package proxy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// notifyRoutes are those of channels whose notice names the order in its path, a form, or an XML body.
func notifyRoutes() []Route {
	source := func(s Source) KeyRule { return KeyRule{Source: s} }
	return append(routes(),
		Route{Name: "notify", Method: "POST", Path: "/notify/{order}", Callback: true, Mirror: true, Key: source(Source{Path: "order"})},
		Route{Name: "notify-form", Method: "POST", Path: "/notify-form", Callback: true, Mirror: true, Key: source(Source{Form: "out_trade_no"})},
		Route{Name: "notify-xml", Method: "POST", Path: "/notify-xml", Callback: true, Mirror: true, Key: source(Source{XML: "out_trade_no"})},
	)
}

func newNotifyRig(t *testing.T, change func(*Config, *Deps)) *rig {
	return newRig(t, func(c *Config, d *Deps) {
		c.Routes = notifyRoutes()
		if change != nil {
			change(c, d)
		}
	})
}

func TestNoticeGoesToTheCandidateUnchangedOnceItHasTheOrder(t *testing.T) {
	r := newNotifyRig(t, nil)
	var created atomic.Bool
	r.candidate.answers(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/payments" {
			time.Sleep(100 * time.Millisecond)
			created.Store(true)
		} else if !created.Load() {
			w.WriteHeader(http.StatusNotFound) // a candidate knows only what its own run created
		}
		_, _ = io.Copy(io.Discard, q.Body)
		fmt.Fprint(w, `success`)
	})
	r.stable.answers(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `success`) })
	r.create("P1")
	for _, notice := range []struct{ uri, media, body string }{
		{"/notify/P1", "application/json", `{"resource":{"ciphertext":"3Uos5+LT...==","nonce":"fdasfwqewlkj"}}` + "\n"},
		{"/notify-form", "application/x-www-form-urlencoded", "out_trade_no=P1&sign=a%2Bb&sign_type=RSA2"},
		{"/notify-xml", "text/xml", "<xml><out_trade_no><![CDATA[P1]]></out_trade_no><sign>5K8264</sign></xml>"},
	} {
		status, body, _ := r.do("POST", notice.uri, notice.body, "Content-Type", notice.media, "Wechatpay-Signature", "CtcbzwtQjN8rnOXItEBJ5aQFSnIXESeV28Pr2YEmf9w==", "Wechatpay-Nonce", "5K8264")
		if status != 200 || body != "success" {
			t.Fatalf("the channel got %d %s", status, body)
		}
	}
	r.expect("match()", "match()", "match()", "match()")
	stable, candidate := r.stable.asked(), r.candidate.asked()
	for i := range stable {
		a, b := stable[i], candidate[i]
		if a.body != b.body || a.uri != b.uri || a.header.Get("Wechatpay-Signature") != b.header.Get("Wechatpay-Signature") || a.header.Get("Content-Type") != b.header.Get("Content-Type") {
			t.Errorf("the stable release got %+v\nthe candidate %+v", a, b)
		}
	}
}

func TestCandidateThatLosesANotice(t *testing.T) {
	confirm := shadow.Call{Operation: "confirm", Class: shadow.CallMoney, Ordinal: 1, Fate: shadow.CallForwarded}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		calls  []shadow.Call
		want   string
	}{
		"answers otherwise": {func(w http.ResponseWriter, q *http.Request) {
			if strings.HasPrefix(q.URL.Path, "/notify") {
				fmt.Fprint(w, "unknown order")
			}
		}, nil, "mismatch()"},
		"breaks off": {func(_ http.ResponseWriter, q *http.Request) {
			if strings.HasPrefix(q.URL.Path, "/notify") {
				panic(http.ErrAbortHandler)
			}
		}, nil, "mismatch()"},
		"says yes and does not confirm": {func(http.ResponseWriter, *http.Request) {}, []shadow.Call{confirm}, "mismatch()"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newNotifyRig(t, func(_ *Config, d *Deps) {
				d.Calls = primaryBook{calls: c.calls}
				d.Comparer = missingCalls{}
			})
			r.stable.answers(func(http.ResponseWriter, *http.Request) {})
			r.candidate.answers(c.answer)
			r.create("P1")
			r.expect("match()")
			r.do("POST", "/notify/P1", "{}")
			r.expect("match()", c.want)
			if e := r.auditor.closed()[1]; e.Order != "P1" || e.Route != "notify" {
				t.Errorf("found in %s of %s", e.Route, e.Order)
			}
		})
	}
}

// primaryBook has calls that only the stable release made, in the second request.
type primaryBook struct {
	noCalls
	calls []shadow.Call
}

func (b primaryBook) Fetch(context.Context, string) (primary, shadowed []shadow.Call, err error) {
	return b.calls, nil, nil
}

// missingCalls is a comparer for calls that only one side made.
type missingCalls struct{}

func (missingCalls) Compare(p shadow.Pair) (shadow.Verdict, []shadow.Binding) {
	if p.Route == "notify" && len(p.PrimaryCalls) > len(p.ShadowCalls) {
		return shadow.Verdict{Outcome: shadow.Mismatched, Mismatches: []shadow.Mismatch{{Place: shadow.InCall, Kind: shadow.KindMissing, Name: p.PrimaryCalls[0].Operation}}}, nil
	}
	return equalBodies{}.Compare(p)
}

func TestNoticeOfAnOrderThatTheCandidateDoesNotHave(t *testing.T) {
	for name, c := range map[string]struct {
		creation Creation
		want     string
	}{"its creation broke elsewhere": {CreationFailed, "inconclusive(tainted)"}, "nobody tells of its end": {CreationOpen, "inconclusive(order)"}, "created elsewhere": {CreationDone, "match()"}} {
		t.Run(name, func(t *testing.T) {
			members := NewMembers(10)
			r := newNotifyRig(t, func(cfg *Config, d *Deps) {
				cfg.Limits.OrderWait = 50 * time.Millisecond
				d.Members = members
			})
			members.Add(r.config.Slice.member(business{order: "P1"}), "P1")
			members.Created(r.config.Slice.member(business{order: "P1"}), c.creation)
			r.do("POST", "/notify/P1", "{}")
			r.expect(c.want)
			if asked := len(r.candidate.asked()); (asked == 1) != (c.want == "match()") {
				t.Errorf("the candidate was asked %d times", asked)
			}
		})
	}
	r := newNotifyRig(t, nil)
	r.do("POST", "/notify/P9", "{}")
	r.expect("excluded(not-born-gray)")
}

func TestElementOfXML(t *testing.T) {
	for text, want := range map[string]string{
		"<xml><a>1</a></xml>":                             "1",
		"<xml><b><a>1</a></b></xml>":                      "",
		"<xml><a><![CDATA[P&1]]></a></xml>":               "P&1",
		"<xml><a> 1 </a><c/></xml>":                       "1",
		"<xml><a>1</a><a>2</a></xml>":                     "", // which of them counts depends on the reader
		"<xml><a>1</a>":                                   "",
		"<xml><a>1</a></xml>rest<":                        "",
		"no xml":                                          "",
		"<xml><!ENTITY x 'y'><a>&x;</a></xml>":            "",
		strings.Repeat("<x>", 100) + "<a>1</a>":           "",
		"<xml xmlns='urn:x'><a xmlns='urn:y'>1</a></xml>": "1",
	} {
		if got := element([]byte(text), "a"); got != want {
			t.Errorf("%s: %q", text, got)
		}
	}
}
