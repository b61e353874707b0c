package plugins

import (
	"context"
	"io"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

// Adapter is what one payment channel's adapter can do. Authors implement it and hand it to Serve;
// *Host implements it over the process boundary, so both pass the same suite (adaptertest).
type Adapter interface {
	// Describe says who the adapter is. It does no I/O.
	Describe(ctx context.Context) (Description, error)
	// Fetch writes the statement's bytes as the channel sent them to w. Bytes written before an error are void.
	Fetch(ctx context.Context, req FetchRequest, w io.Writer) (FetchResult, error)
	// Decode reads the statement to its end and emits its records and rejects in file order.
	// What was emitted counts only after a nil error: any error voids all of it.
	Decode(ctx context.Context, req DecodeRequest, r io.Reader, emit Emitter) (DecodeResult, error)
	// Query asks the channel for its state of one transaction. An adapter that cannot embeds NoQuery.
	Query(ctx context.Context, req QueryRequest) (QueryResult, error)
	// DecodeEvent reads one callback of the channel, once its signature is verified. An adapter that cannot embeds NoEvents.
	DecodeEvent(ctx context.Context, req EventRequest) (EventResult, error)
}

// Emitter takes what Decode finds. An error ends the decoding and must be returned as it is.
type Emitter interface {
	// Record takes one record with Origin.Line set. The host adds channel, file, sha256 and adapter.
	Record(recon.Record) error
	// Reject takes a line that could not become a record, with Origin.Line set.
	Reject(recon.Reject) error
}

// Settings are plain named values from the configuration. Secrets are not among them: a setting holds the name of an
// environment variable, and the host passes only the variables on its list.
type Settings map[string]string

// Description is what an adapter says about itself.
type Description struct {
	Name     string          `json:"name"`    // of the adapter, for example "wechat"
	Version  string          `json:"version"` // of the adapter, not of the channel's API
	Channel  string          `json:"channel"` // goes into every record
	Kinds    []StatementKind `json:"kinds"`
	Requests []RequestRule   `json:"requests,omitempty"`
	Queries  []recon.Kind    `json:"queries,omitempty"` // kinds whose state Query can tell
	Events   []EventKind     `json:"events,omitempty"`  // callbacks DecodeEvent can read
	Contract int             `json:"contract"`          // version of the wire both sides speak; filled by the host
}

// StatementKind is one kind of file the channel issues, for example "trade".
type StatementKind struct {
	Name string `json:"name"`
	Note string `json:"note,omitempty"` // for people: what is in it, and when it is ready
	// Format describes the statement's lines as Fetch gives them, where that can be said; the host may then read the file
	// itself, at full speed. nil: only Decode can.
	Format *recon.FormatSpec `json:"format,omitempty"`
	// Inside describes the lines of a file that stands inside of what Fetch gives, where only Decode opens the container or
	// knows what else must agree. It is for people, and for a file that was taken out.
	Inside *recon.FormatSpec `json:"inside,omitempty"`
}

// Place says where in a request a value stands.
type Place string

// The places of a volatile value. A JSON field is named by a pointer (RFC 6901), an element of an XML body by its name
// below the root, a header, query or form value by its name.
const (
	PlaceHeader Place = "header"
	PlaceQuery  Place = "query"
	PlaceJSON   Place = "json"
	PlaceForm   Place = "form"
	PlaceXML    Place = "xml"
)

// Role says why a value differs between two runs of the same request.
type Role string

// The roles of volatile values. Nothing else may be ignored when two outgoing requests are compared.
const (
	RoleNonce     Role = "nonce"
	RoleTimestamp Role = "timestamp"
	RoleSignature Role = "signature"
)

// Volatile is one value that says nothing about the payment.
type Volatile struct {
	Where Place  `json:"where"`
	Name  string `json:"name"`
	Role  Role   `json:"role"`
}

// RequestRule is the canonical form of one outgoing request of the channel: everything but the volatile values counts.
type RequestRule struct {
	Method   string     `json:"method"`
	Path     string     `json:"path"` // {name} stands for one segment
	Volatile []Volatile `json:"volatile"`
}

// HashType names the digest a channel declares for its file.
type HashType string

// HashSHA1 is the digest WeChat declares. It finds transmission errors; it is no proof of origin.
const HashSHA1 HashType = "SHA1"

// Hash is what the channel declared about its file; the zero value means it declared nothing.
type Hash struct {
	Type  HashType `json:"type,omitempty"`
	Value string   `json:"value,omitempty"` // lower-case hex
}

// FetchRequest names a statement.
type FetchRequest struct {
	Account  string // merchant account at the channel
	Kind     string // one of Description.Kinds
	Date     string // the statement's day, 2006-01-02 in the channel's own zone
	Settings Settings
}

// FetchStatus tells whether there is a file. Not ready is never an empty day.
type FetchStatus string

// The outcomes of a fetch that was answered.
const (
	FetchReady    FetchStatus = "ready"
	FetchEmpty    FetchStatus = "empty day"
	FetchNotReady FetchStatus = "not ready"
)

// FetchResult is what is known about the bytes written. Size and SHA256 are filled by the kit and checked by the host.
type FetchResult struct {
	Status     FetchStatus   `json:"status"`
	Hash       Hash          `json:"hash"`
	Size       int64         `json:"size"`
	SHA256     string        `json:"sha256,omitempty"`      // of the bytes written, hex
	RetryAfter time.Duration `json:"retry_after,omitempty"` // for FetchNotReady: not before this long
}

// DecodeRequest says what the bytes are.
type DecodeRequest struct {
	Kind     string // one of Description.Kinds
	Account  string // "" accepts any; otherwise rows of other accounts are rejected
	Date     string // the statement's day, 2006-01-02 in the channel's own zone; "" if unknown
	File     string // a name for origins, without a folder
	SHA256   string // of the bytes, hex; required: it goes into every origin and is checked at the end
	Hash     Hash   // what the channel declared, checked when given
	Settings Settings
}

// ControlTotal is one figure a statement states about itself, beside the same figure counted over its detail lines.
type ControlTotal struct {
	Name     string         `json:"name"`               // the channel's own name of it
	Declared int64          `json:"declared"`           // a count, or minor units
	Counted  int64          `json:"counted"`            // over all detail lines, rejected ones as far as they can be read
	Currency recon.Currency `json:"currency,omitempty"` // "" for a count
}

// Severity grades a Diagnostic.
type Severity string

// SeverityWarning is for what a person should look at, though the file can be used.
const SeverityWarning Severity = "warning"

// Diagnostic is a remark about a file that is neither a record nor a reject, for example a column nobody knew.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	Line     int      `json:"line,omitempty"`   // from 1; 0 = the whole file
	Column   int      `json:"column,omitempty"` // byte column from 1
	Field    string   `json:"field,omitempty"`
	Value    string   `json:"value,omitempty"`
	Message  string   `json:"message"`
}

// DecodeResult closes a decoding. With an error of FailureQuarantine the totals and diagnostics say why.
type DecodeResult struct {
	Records     int64          `json:"records"`
	Rejects     int64          `json:"rejects"`
	Totals      []ControlTotal `json:"totals,omitempty"`
	Diagnostics []Diagnostic   `json:"diagnostics,omitempty"` // at most MaxDiagnostics
	Digest      string         `json:"digest,omitempty"`      // of all batches and rejects, hex; filled by the host
}
