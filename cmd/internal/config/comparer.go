package config

import (
	"net/url"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// Comparer is the configuration of the comparer.
type Comparer struct {
	Role     string      `yaml:"role" required:"true" oneof:"comparer"`
	Data     Path        `yaml:"data" required:"true"` // folder of the evidence store and the embedded bus
	Listen   Addr        `yaml:"listen" required:"true"`
	Bus      ComparerBus `yaml:"bus" required:"true"`
	Release  string      `yaml:"release" required:"true"`
	Gate     Gate        `yaml:"gate" required:"true"`
	Sides    *Sides      `yaml:"sides"`     // nil: only requests and calls are compared
	NearLine *NearLine   `yaml:"near_line"` // nil: books are compared by judgements only
	Adapters *Adapters   `yaml:"adapters"`  // nil: only that of sides.channel

	ControlPlane *ControlPlane `yaml:"control_plane"` // nil: decisions are carried out by hand
}

// ControlPlane says how the policy reaches the proxies.
type ControlPlane struct {
	Listen      Addr          `yaml:"listen" required:"true"`
	TLS         *HTTPTLS      `yaml:"tls"` // with client_ca_file; nil = clear text, on loopback only
	Service     string        `yaml:"service" required:"true"`
	Stable      string        `yaml:"stable" required:"true"`                       // release that answers
	Patience    time.Duration `yaml:"patience" default:"10s" min:"100ms" max:"10m"` // with a connected subscriber that says nothing
	Subscribers []Subscriber  `yaml:"subscribers" required:"true"`
	Routing     *Routing      `yaml:"routing"` // nil: there are only sidecars
}

// Subscriber is a proxy that a change waits for.
type Subscriber struct {
	Name        string   `yaml:"name" required:"true"` // its node id
	Kind        string   `yaml:"kind" required:"true" oneof:"sidecar,envoy,grpc"`
	Admin       *url.URL `yaml:"admin" schemes:"http"` // of a sidecar: where it is told of a rollback besides
	Certificate string   `yaml:"certificate"`          // common name or DNS name in its certificate; "" = any of the authority
}

// Routing says where the requests go that Envoys and gRPC clients route.
type Routing struct {
	Listen    Addr   `yaml:"listen"` // of the Envoys
	Stable    []Addr `yaml:"stable" required:"true"`
	Candidate []Addr `yaml:"candidate"` // instances that serve; none = the candidate serves nobody
	Mirror    []Addr `yaml:"mirror"`    // sidecars before the candidate under proof, with http.copies
	Key       string `yaml:"key"`       // header with the order number
	Force     *Force `yaml:"force"`
}

// Force sends requests with a header to the candidate while it serves any.
type Force struct {
	Header  string  `yaml:"header" required:"true"`
	Value   string  `yaml:"value" required:"true"`
	Percent Percent `yaml:"percent" default:"100%"`
}

// NearLine says how the books that both sides write are compared while they are written, in windows of time.
type NearLine struct {
	Size     time.Duration `yaml:"size" default:"10s" min:"100ms" max:"1h"`
	Lateness time.Duration `yaml:"lateness" default:"2s" min:"0s" max:"10m"` // behind a window's end, until both sides must have told
	Patience time.Duration `yaml:"patience" default:"30s" min:"1s" max:"1h"` // with a side that tells nothing
	Keep     int           `yaml:"keep" default:"6" min:"1" max:"100"`       // windows that are compared again when something comes late
	Zone     string        `yaml:"zone" default:"Asia/Shanghai"`             // of days
}

// ComparerBus is a bus of its own (Listen, Users), or a place in another one (URL, User, PasswordFile).
type ComparerBus struct {
	Listen       Addr       `yaml:"listen"`
	Users        []BusUser  `yaml:"users"`
	URL          *url.URL   `yaml:"url" schemes:"nats,tls"`
	User         string     `yaml:"user"`
	PasswordFile SecretFile `yaml:"password_file"`
}

// Embedded tells whether the comparer runs the bus itself.
func (b ComparerBus) Embedded() bool { return b.URL == nil }

// BusUser may connect to the embedded bus, with the rights of its role.
type BusUser struct {
	Name         string     `yaml:"name" required:"true"`
	Role         string     `yaml:"role" required:"true" oneof:"sidecar,comparer,worker"`
	PasswordFile SecretFile `yaml:"password_file" required:"true"`
}

// Sides are the books that are held against each other.
type Sides struct {
	Primary Books    `yaml:"primary" required:"true"`
	Shadow  Books    `yaml:"shadow" required:"true"`
	Channel *Channel `yaml:"channel"` // nil: what a channel file would settle stays inconclusive
	Rows    *Rows    `yaml:"rows"`    // nil: of the databases only the bookings are compared
}

// Rows says which tables are compared row by row, column by column.
type Rows struct {
	Delay  time.Duration `yaml:"delay" default:"2s" min:"0s" max:"10m"` // before what differs is read again
	Tables []RowTable    `yaml:"tables" required:"true"`
}

// RowTable is one such table. Columns are named as in the primary.
type RowTable struct {
	Name      string                       `yaml:"name" required:"true"`
	Order     string                       `yaml:"order" required:"true"`
	Key       []string                     `yaml:"key"`     // natural key; none: its orders are inconclusive
	Aliases   map[string]string            `yaml:"aliases"` // column of a generated id: name of the id, the same in its foreign keys
	Money     []RowMoney                   `yaml:"money"`
	Classes   map[string]shadow.FieldClass `yaml:"classes" oneof:"money,currency,order,account,direction,alias,plain"`
	Tolerance map[string]time.Duration     `yaml:"tolerance"` // of points in time
	Noise     []Noise                      `yaml:"noise"`
	Shadow    *RowShadow                   `yaml:"shadow"` // what is otherwise there
}

// RowMoney says how a column states an amount: in one currency, or in that of another column.
type RowMoney struct {
	Column         string     `yaml:"column" required:"true"`
	Unit           recon.Unit `yaml:"unit" required:"true" oneof:"major,minor"`
	Currency       string     `yaml:"currency"`
	CurrencyColumn string     `yaml:"currency_column"`
}

// RowShadow says how a table differs on the shadow.
type RowShadow struct {
	Name    string            `yaml:"name"`
	Columns map[string]string `yaml:"columns"` // the primary's column: the shadow's
	Money   []RowMoney        `yaml:"money"`   // where the shadow states an amount otherwise
	Added   []Noise           `yaml:"added"`   // columns that only the shadow has
}

// Books are the tables of one database.
type Books struct {
	DSN    SecretFile  `yaml:"dsn_file" required:"true"`
	Tables []BookTable `yaml:"tables" required:"true"`
}

// BookTable says which column of a table means what.
type BookTable struct {
	Name       string       `yaml:"name" required:"true"`
	Kind       recon.Kind   `yaml:"kind" required:"true" oneof:"payment,refund,reversal"`
	Key        string       `yaml:"key" required:"true"`
	Order      string       `yaml:"order" required:"true"`
	Amount     AmountColumn `yaml:"amount" required:"true"`
	Status     StatusColumn `yaml:"status" required:"true"`
	Account    string       `yaml:"account"`
	ChannelTxn string       `yaml:"channel_txn"`
	Time       string       `yaml:"time"`
	Aliases    []string     `yaml:"aliases"`
}

// AmountColumn says how a column states an amount.
type AmountColumn struct {
	Column   string     `yaml:"column" required:"true"`
	Unit     recon.Unit `yaml:"unit" required:"true" oneof:"major,minor"`
	Currency string     `yaml:"currency" required:"true"`
}

// StatusColumn says what the texts of a state column mean.
type StatusColumn struct {
	Column string                  `yaml:"column" required:"true"`
	Map    map[string]recon.Status `yaml:"map" required:"true" oneof:"success,processing,failed,closed"`
}

// Channel says which adapter reads the channel's statement, and where it is. Without Adapter it is the one of Adapters that
// has the channel's name.
type Channel struct {
	Adapter Path   `yaml:"adapter"`
	SHA256  string `yaml:"sha256"` // of the adapter, 64 hex digits
	Name    string `yaml:"name" required:"true"`
	File    Path   `yaml:"file"` // a file that is there already, or Fetch
	Day     Day    `yaml:"day"`  // the day the statement covers, in the channel's zone
	Hash    *Hash  `yaml:"hash"` // what the channel declared for File
	Fetch   *Fetch `yaml:"fetch"`
}

// Hash is the digest a channel declared for its file.
type Hash struct {
	Type  string `yaml:"type" required:"true" oneof:"SHA1,SHA256,MD5"`
	Value string `yaml:"value" required:"true"`
}

// Fetch says how the adapter obtains the statement. Secrets reach the adapter as environment variables of these names.
type Fetch struct {
	BaseURL  *url.URL              `yaml:"base_url" required:"true" schemes:"http,https"`
	Account  string                `yaml:"account" required:"true"`
	Settings map[string]string     `yaml:"settings"`
	Secrets  map[string]SecretFile `yaml:"secrets"`
}
