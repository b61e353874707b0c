package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/audit"
	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/casework/api"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

// book takes audit entries, or refuses them.
type book struct {
	full    bool
	entries []audit.Entry
}

func (b *book) Append(_ context.Context, e audit.Entry) (uint64, error) {
	if b.full {
		return 0, fmt.Errorf("no space left on device")
	}
	b.entries = append(b.entries, e)
	return uint64(len(b.entries)), nil
}

// people are known by tokens that are their names and roles.
type people struct{}

func (people) Actor(_ context.Context, token string) (casework.Actor, error) {
	name, role, _ := strings.Cut(token, ":")
	if role == "" {
		return casework.Actor{}, api.ErrStranger
	}
	return casework.Actor{Name: name, Role: casework.Role(role)}, nil
}

// asked is a channel that has everything.
type asked struct{}

func (asked) Query(context.Context, casework.Question) (casework.Answer, error) {
	return casework.Answer{Found: true, Status: recon.StatusSuccess, Amount: recon.Money{Minor: 100, Currency: "CNY"}}, nil
}

// target applies everything.
type target struct{}

func (target) Look(context.Context, *casework.Repair) (casework.Standing, string, error) {
	return casework.StandingReady, "", nil
}
func (target) Apply(context.Context, *casework.Repair) error { return nil }

// rig is a running API whose every request and answer is held against its document.
type rig struct {
	url      string
	log      *book
	router   routers.Router
	document *openapi3.T
	seen     map[string]bool
	cases    []string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{log: &book{}, seen: map[string]bool{}}
	db := stores.Open(t, stores.File(t))
	files, err := casework.NewAttachments(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	desk := &casework.Desk{DB: db, Log: r.log, SLA: casework.DefaultSLA(), Now: func() time.Time { return now }, Attachments: files, Channels: asked{},
		Targets: map[casework.RepairKind]casework.Target{casework.RepairSupplement: target{}}}
	intake := &casework.Intake{SLA: desk.SLA, Now: desk.Now}
	if err := db.Tx(t.Context(), func(tx *store.Tx) error {
		_, err := intake.Open(t.Context(), tx, casework.Batch{ID: "b@1", Statement: "b", Channel: "wechat", Account: "1", Kind: "bill", Day: "2026-11-26"}, []casework.Finding{finding("P1"), finding("=P2")})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	page, err := desk.List(t.Context(), casework.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range page.Cases {
		r.cases = append(r.cases, c.ID)
	}
	slices.SortFunc(r.cases, func(a, b string) int { // P1 first
		x, _ := desk.Get(t.Context(), a)
		y, _ := desk.Get(t.Context(), b)
		return -strings.Compare(x.Key.ID, y.Key.ID)
	})
	server := httptest.NewServer((&api.API{Desk: desk, Who: people{}}).Handler())
	t.Cleanup(server.Close)
	r.url = server.URL
	r.load(t)
	return r
}

func (r *rig) load(t *testing.T) {
	t.Helper()
	document, err := openapi3.NewLoader().LoadFromData(api.Document())
	if err != nil {
		t.Fatal(err)
	}
	if err := document.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.document = document
	document.Servers = openapi3.Servers{{URL: r.url}}
	if r.router, err = gorillamux.NewRouter(document); err != nil {
		t.Fatal(err)
	}
}

func finding(id string) casework.Finding {
	record := &recon.Record{Channel: "wechat", Key: recon.Key{Kind: recon.KindPayment, ID: id}, Order: id, Amount: recon.Money{Minor: 100, Currency: "CNY"}, Status: recon.StatusSuccess,
		Origin: recon.Origin{File: "bill.csv", Line: 3, SHA256: strings.Repeat("0", 64)}}
	return casework.Finding{Difference: match.Difference{Break: recon.MissingInternally, Group: match.Group{Key: record.Key, Occurrence: 1, Records: []*recon.Record{nil, record}}}}
}

// do sends a request and holds both directions against the document. A refused request may be one that it forbids.
func (r *rig) do(t *testing.T, who, method, path, body string, want int) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if who != "" {
		req.Header.Set("Authorization", "Bearer "+who)
	}
	req.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
		if strings.Contains(path, "/attachments") {
			req.Header.Set("Content-Type", "application/octet-stream")
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != want {
		t.Errorf("%s %s as %q: %d, want %d: %s", method, path, who, resp.StatusCode, want, data)
	}
	r.hold(t, req, resp, body, data)
	return data
}

func (r *rig) hold(t *testing.T, req *http.Request, resp *http.Response, body string, data []byte) {
	t.Helper()
	route, params, err := r.router.FindRoute(req)
	if err != nil {
		t.Fatalf("%s %s is not in the document: %v", req.Method, req.URL.Path, err)
	}
	r.seen[req.Method+" "+route.Path] = true
	req.Body = io.NopCloser(strings.NewReader(body))
	input := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route, Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true}}
	if err := openapi3filter.ValidateRequest(t.Context(), input); (err == nil) != (resp.StatusCode != http.StatusBadRequest) && resp.StatusCode < 300 {
		t.Errorf("%s %s was taken and is not what the document says: %v", req.Method, req.URL, err)
	}
	answer := &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: resp.StatusCode, Header: resp.Header, Options: input.Options}
	answer.SetBodyBytes(data)
	if strings.HasSuffix(resp.Header.Get("Content-Type"), "json") || resp.Header.Get("Content-Type") == "application/json" {
		if err := openapi3filter.ValidateResponse(t.Context(), answer); err != nil {
			t.Errorf("%s %s: the answer is not what the document says: %v\n%s", req.Method, req.URL, err, data)
		}
	}
}

func TestEveryOperation(t *testing.T) {
	r := newRig(t)
	one, two := "/api/v1/cases/"+r.cases[0], "/api/v1/cases/"+r.cases[1]
	const li, chen, root, eye = "li:operator", "chen:reviewer", "root:admin", "v:viewer"
	r.do(t, "", "GET", "/api/v1/openapi.json", "", 200)
	r.do(t, eye, "GET", "/api/v1/cases?open=true&channel=wechat&limit=1", "", 200)
	r.do(t, eye, "GET", "/api/v1/cases?business=P1", "", 200)
	r.do(t, li, "POST", one+"/take", "", 200)
	r.do(t, root, "POST", two+"/assign", `{"owner":"wu"}`, 200)
	r.do(t, li, "POST", one+"/comments", `{"text":"渠道已确认"}`, 200)
	var kept struct{ SHA256 string }
	if err := json.Unmarshal(r.do(t, li, "POST", one+"/attachments?name=mail.html", "<script>", 201), &kept); err != nil {
		t.Fatal(err)
	}
	if got := r.do(t, eye, "GET", "/api/v1/attachments/"+kept.SHA256, "", 200); string(got) != "<script>" {
		t.Errorf("got %q", got)
	}
	r.do(t, li, "POST", one+"/moves", `{"state":"in-transit","expected":"2026-11-28T12:00:00Z","reason":"tomorrow"}`, 200)
	var made struct{ ID string }
	proposal := `{"kind":"supplement","request":"1","reason":"lost callback","table":"t","key":{"id":"P1"},"before":{"status":"processing","note":null},"after":{"status":"success"}}`
	if err := json.Unmarshal(r.do(t, li, "POST", one+"/repairs", proposal, 201), &made); err != nil {
		t.Fatal(err)
	}
	r.do(t, li, "POST", one+"/repairs", proposal, 201)
	r.do(t, chen, "POST", "/api/v1/repairs/"+made.ID+"/approve", `{"reason":"seen"}`, 200)
	r.do(t, chen, "POST", "/api/v1/repairs/"+made.ID+"/apply", `{}`, 200)
	r.do(t, eye, "GET", "/api/v1/repairs/"+made.ID, "", 200)
	r.do(t, eye, "GET", "/api/v1/repairs", "", 200)
	var other struct{ ID string }
	if err := json.Unmarshal(r.do(t, li, "POST", one+"/repairs", `{"kind":"ticket","request":"2","reason":"by hand"}`, 201), &other); err != nil {
		t.Fatal(err)
	}
	r.do(t, chen, "POST", "/api/v1/repairs/"+other.ID+"/reject", `{"reason":"not needed"}`, 200)
	r.do(t, li, "POST", one+"/close", `{"resolution":"repaired","reason":"done"}`, 200)
	r.do(t, chen, "POST", one+"/reopen", `{"reason":"the channel wrote again"}`, 200)
	file := r.do(t, eye, "GET", one, "", 200)
	if !bytes.Contains(file, []byte("长款: ")) || !bytes.Contains(file, []byte(`"trace":"4bf92f3577b34da6a3ce929d0e0e4736"`)) {
		t.Errorf("got %s", file)
	}
	r.do(t, eye, "GET", "/api/v1/sla?since=2026-11-27T00:00:00Z", "", 200)
	for _, what := range []string{"breaks", "cases", "suspense"} {
		if got := r.do(t, li, "GET", "/api/v1/exports/"+what+"?format=csv&day=2026-11-26", "", 200); bytes.Contains(got, []byte(",=")) {
			t.Errorf("a formula: %s", got)
		}
	}
	for path, item := range r.document.Paths.Map() {
		for method := range item.Operations() {
			if !r.seen[method+" "+path] {
				t.Errorf("%s %s is in the document and was not tried", method, path)
			}
		}
	}
	if e := r.log.entries[0]; e.Actor != "li" || e.Trace != "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("audited as %+v", e)
	}
}

func TestRefusals(t *testing.T) {
	r := newRig(t)
	one := "/api/v1/cases/" + r.cases[0]
	for name, c := range map[string]struct {
		who, method, path, body string
		want                    int
		text                    string
	}{
		"nobody":             {"", "GET", "/api/v1/cases", "", 401, "nobody's"},
		"a stranger":         {"abc", "GET", one, "", 401, "nobody's"},
		"an unknown role":    {"li:root", "GET", one, "", 403, `the role \"root\"`},
		"a viewer":           {"v:viewer", "POST", one + "/take", "", 403, "take needs the role operator"},
		"a viewer's export":  {"v:viewer", "GET", "/api/v1/exports/cases?format=csv", "", 403, "not allowed"},
		"nobody's file":      {"", "GET", "/api/v1/attachments/" + strings.Repeat("0", 64), "", 401, "nobody's"},
		"no such file":       {"v:viewer", "GET", "/api/v1/attachments/" + url.PathEscape("../../x"), "", 404, "not found"},
		"no such case":       {"li:operator", "POST", "/api/v1/cases/C00-0000000000000000/take", "", 404, "not found"},
		"no id":              {"li:operator", "POST", "/api/v1/cases/P1/take", "", 400, "no id of a case"},
		"an unknown field":   {"li:operator", "POST", one + "/comments", `{"text":"x","state":"closed"}`, 400, "unknown field"},
		"two texts":          {"li:operator", "POST", one + "/comments", `{"text":"x"}{}`, 400, "something follows"},
		"no JSON":            {"li:operator", "POST", one + "/comments", `text`, 400, "body"},
		"too much":           {"li:operator", "POST", one + "/comments", `{"text":"` + strings.Repeat("x", 300_000) + `"}`, 400, "too large"},
		"an unknown filter":  {"v:viewer", "GET", "/api/v1/cases?stat=open", "", 400, "stat: not valid: is no parameter"},
		"a filter of one":    {"v:viewer", "GET", "/api/v1/cases?business=P1&open=true", "", 400, "business: not valid: stands alone"},
		"a page of one":      {"v:viewer", "GET", "/api/v1/cases?business=P1&limit=1", "", 400, "business: not valid: stands alone"},
		"an export of one":   {"li:operator", "GET", "/api/v1/exports/cases?format=csv&business=P1", "", 400, "business: not valid: has no effect"},
		"a page of a file":   {"li:operator", "GET", "/api/v1/exports/cases?format=csv&limit=1", "", 400, "limit: not valid: has no effect"},
		"the rest of a file": {"li:operator", "GET", "/api/v1/exports/suspense?format=csv&after=x", "", 400, "after: not valid: has no effect"},
		"no time":            {"v:viewer", "GET", "/api/v1/sla?since=now", "", 400, "since"},
		"a format":           {"li:operator", "GET", "/api/v1/exports/cases?format=xls", "", 400, "csv, jsonl or parquet"},
		"a table":            {"li:operator", "GET", "/api/v1/exports/users?format=csv", "", 400, "breaks, cases or suspense"},
		"an impossible move": {"chen:reviewer", "POST", one + "/reopen", `{"reason":"x"}`, 409, "no such move"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := r.do(t, c.who, c.method, c.path, c.body, c.want); !strings.Contains(string(got), c.text) {
				t.Errorf("got %s, want %q", got, c.text)
			}
		})
	}
	r.log.full = true
	if got := r.do(t, "li:operator", "POST", one+"/take", "", 503); !strings.Contains(string(got), "nothing was done") {
		t.Errorf("got %s", got)
	}
}
