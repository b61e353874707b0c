package channelsim

import (
	"bytes"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// maxBody bounds a request's body, in bytes.
const maxBody = 1 << 20

// Config says whose channel this is.
type Config struct {
	MchID       string
	Now         func() time.Time
	BookedAt    func() time.Time // the time bookings get; nil = Now
	MerchantKey *rsa.PublicKey   // when set, requests without this key's signature are refused
	PlatformKey *rsa.PrivateKey  // when set, answers are signed with it
	APIKey      string           // API v3 key of callbacks, and the API key of v2; 32 bytes
	ReadyAfter  time.Duration    // from the end of a day to its bill; 0 = 10 hours, negative = at once, the running day too
	URLLife     time.Duration    // of a download address; 0 = 30 seconds
}

// Call is one request that arrived, whatever became of it.
type Call struct {
	Method      string
	Path        string
	OutTradeNo  string
	OutRefundNo string
	Status      int // of the answer
}

// Faults are switches for what can go wrong with a bill.
type Faults struct {
	NotReady    bool // STATEMENT_CREATING, whatever the time
	EmptyDay    bool // NO_STATEMENT_EXIST, whatever is booked
	WrongHash   bool // the declared hash is another file's
	CutDownload bool // the download ends early; the declared hash is the whole file's
	CutBill     bool // the bill itself lacks its end, with a hash to match
	ExpiredURL  bool // every download address is too old
	Down        bool // 5xx to everything
	RateLimit   bool // too many requests

	WrongSignature bool // answers are not signed with the channel's key
	WrongSummary   bool // a summary file that the details contradict
}

// Sim is one channel. It is an http.Handler; all methods may be called at any time.
type Sim struct {
	cfg Config
	mux *http.ServeMux

	mu        sync.Mutex
	rows      []Row
	orders    map[string]order  // by out_trade_no
	refunds   map[string]refund // by out_refund_no
	calls     []Call
	tamper    func(*Row)
	faults    Faults
	downloads map[string]download // by token
	tokens    int
}

// New gives an empty channel.
func New(cfg Config) *Sim {
	if cfg.ReadyAfter == 0 {
		cfg.ReadyAfter = 10 * time.Hour
	}
	if cfg.URLLife == 0 {
		cfg.URLLife = 30 * time.Second
	}
	if cfg.BookedAt == nil {
		cfg.BookedAt = cfg.Now
	}
	s := &Sim{cfg: cfg, mux: http.NewServeMux(), orders: map[string]order{}, refunds: map[string]refund{}, downloads: map[string]download{}}
	s.mux.HandleFunc("POST /v3/pay/transactions/codepay", s.route(s.pay))
	s.mux.HandleFunc("POST /v3/refund/domestic/refunds", s.route(s.refund))
	s.mux.HandleFunc("GET /v3/bill/tradebill", s.route(s.tradeBill))
	s.mux.HandleFunc("GET /v3/bill/fundflowbill", s.route(s.fundBill))
	s.mux.HandleFunc("GET /v3/pay/transactions/out-trade-no/{out_trade_no}", s.route(s.queryOrder))
	s.mux.HandleFunc("GET /v3/refund/domestic/refunds/{out_refund_no}", s.route(s.queryRefund))
	s.mux.HandleFunc("POST /pay/", s.routeV2)
	s.mux.HandleFunc("GET /v3/billdownload/file", s.route(s.downloadBill))
	s.mux.HandleFunc("/", s.route(func(*http.Request, []byte, *Call) answer {
		return refuse(http.StatusNotFound, "RESOURCE_NOT_EXISTS", "no such interface")
	}))
	return s
}

// ServeHTTP answers as the channel would.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Calls lists what arrived, in order. A call that was answered from the books is listed like any other.
func (s *Sim) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Booked lists what was booked, in order and untouched by Tamper.
func (s *Sim) Booked() []Row {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.rows)
}

// Tamper alters rows as they go into a bill, whose summary follows: the bill is wrong, and in itself consistent.
// The books stay as they are. nil ends it. The function must not call the Sim.
func (s *Sim) Tamper(change func(row *Row)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tamper = change
}

// Break sets the fault switches.
func (s *Sim) Break(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// answer is what a request gets: JSON, or raw bytes.
type answer struct {
	status   int
	json     any
	raw      []byte
	unsigned bool // downloads carry no signature of the platform
}

func refuse(status int, code, message string) answer {
	return answer{status: status, json: map[string]string{"code": code, "message": message}}
}

func badParam(format string, args ...any) answer {
	return refuse(http.StatusBadRequest, "PARAM_ERROR", fmt.Sprintf(format, args...))
}

// route reads the body, checks the signature, records the call and writes the answer. handle runs under the lock.
func (s *Sim) route(handle func(*http.Request, []byte, *Call) answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			http.Error(w, "read body", http.StatusBadRequest)
			return
		}
		s.write(w, s.serve(r, body, handle))
	}
}

// routeV2 is route for API v2, whose signature is in the body.
func (s *Sim) routeV2(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "read body", http.StatusBadRequest)
		return
	}
	s.write(w, s.serveV2(r, body))
}

func (s *Sim) serve(r *http.Request, body []byte, handle func(*http.Request, []byte, *Call) answer) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	call := Call{Method: r.Method, Path: r.URL.Path}
	a := refuse(http.StatusUnauthorized, "SIGN_ERROR", "signature is wrong")
	if s.faults.Down {
		a = answer{status: http.StatusBadGateway, raw: []byte("bad gateway"), unsigned: true}
	} else if s.cfg.MerchantKey == nil || s.verify(r, body) == nil {
		a = handle(r, body, &call)
	}
	call.Status = a.status
	s.calls = append(s.calls, call)
	return a
}

func (s *Sim) write(w http.ResponseWriter, a answer) {
	body, kind := a.raw, "text/plain"
	if a.json != nil {
		var text bytes.Buffer
		if err := json.NewEncoder(&text).Encode(a.json); err != nil {
			http.Error(w, "encode answer", http.StatusInternalServerError)
			return
		}
		body, kind = bytes.TrimSpace(text.Bytes()), "application/json; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if s.cfg.PlatformKey != nil && !a.unsigned {
		signed := body
		if s.faults.WrongSignature {
			signed = append([]byte("x"), body...)
		}
		if err := s.sign(w.Header(), signed); err != nil {
			http.Error(w, "sign answer", http.StatusInternalServerError)
			return
		}
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(body) // a client that went away is its own loss
}
