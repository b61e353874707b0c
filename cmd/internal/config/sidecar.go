package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// Cutover says what the release under proof replaces.
type Cutover string

// The two cutovers.
const (
	CutoverService  Cutover = "service"  // new code beside the old
	CutoverDatabase Cutover = "database" // new database behind the same code
)

// Sidecar is the configuration of one sidecar. Defaults stand in the tags, beside their keys.
type Sidecar struct {
	Role         string    `yaml:"role" required:"true" oneof:"sidecar"`
	Instance     string    `yaml:"instance"` // default: the host's name
	Cutover      Cutover   `yaml:"cutover" required:"true" oneof:"service,database"`
	Release      string    `yaml:"release" required:"true"`
	Epoch        uint64    `yaml:"epoch" default:"1" min:"1"`
	RollbackFile Path      `yaml:"rollback_file"`                         // keeps the epoch of the last rollback; none = it is forgotten at the end
	Threads      int       `yaml:"threads" default:"1" min:"1" max:"256"` // that run at a time
	Tag          Tag       `yaml:"tag" required:"true"`
	Admin        Admin     `yaml:"admin" required:"true"`
	Bus          BusClient `yaml:"bus" required:"true"`
	Telemetry    Telemetry `yaml:"telemetry"`
	HTTP         HTTP      `yaml:"http" required:"true"`
	Compare      Compare   `yaml:"compare"`
	Egress       *Egress   `yaml:"egress"` // nil in a database cutover that makes no outgoing calls
	MySQL        MySQL     `yaml:"mysql" required:"true"`

	ControlPlane *ControlClient `yaml:"control_plane"` // nil: the configuration says what is gray
}

// ControlClient says which control plane a sidecar follows.
type ControlClient struct {
	Address Addr     `yaml:"address" required:"true"`
	TLS     *PortTLS `yaml:"tls"`                         // its certificate, and the authority of the control plane's; nil = clear text, on loopback only
	Node    string   `yaml:"node"`                        // name among the control plane's subscribers; default: instance
	Service string   `yaml:"service" required:"true"`     // that is cut over
	Last    Path     `yaml:"last_policy" required:"true"` // file of the policy taken last: it holds while there is no control plane
}

// Tag says how gray requests are chosen and signed.
type Tag struct {
	KeyFile         SecretFile     `yaml:"key_file" required:"true"` // HMAC secrets of at least 16 bytes, a line each: the first signs; read again when it changes
	MaxAge          time.Duration  `yaml:"max_age" default:"1h" min:"1s" max:"168h"`
	SaltFile        SecretFile     `yaml:"salt_file" required:"true"`
	Percent         Percent        `yaml:"percent" required:"true"`
	TrustedGateways []netip.Prefix `yaml:"trusted_gateways"`
	Rules           []TagRule      `yaml:"rules"` // shares of their own; the first that fits counts
}

// TagRule gives some orders a share of their own when they are created. All that is set must hold.
type TagRule struct {
	Header    string         `yaml:"header"` // name of a request header
	Cookie    string         `yaml:"cookie"` // name of a cookie
	Values    []string       `yaml:"values"` // of header or cookie; none = it is there
	Paths     []string       `yaml:"paths"`
	Methods   []string       `yaml:"methods"`
	Networks  []netip.Prefix `yaml:"networks"` // of the client
	Merchants []string       `yaml:"merchants"`
	Percent   Percent        `yaml:"percent" required:"true"`
}

// Admin is the listener of /metrics, /healthz, /readyz and /status.
type Admin struct {
	Listen Addr `yaml:"listen" required:"true"`
}

// BusClient says how a sidecar reaches the evidence bus.
type BusClient struct {
	URL          *url.URL   `yaml:"url" required:"true" schemes:"nats,tls"`
	User         string     `yaml:"user" required:"true"`
	PasswordFile SecretFile `yaml:"password_file" required:"true"`
	Buffer       int        `yaml:"buffer" default:"10000" min:"1" max:"1000000"` // events held in memory
	Spool        Path       `yaml:"spool"`                                        // folder of its own, of events that the bus has not taken; none = evidence in mysql.apply.journal, and without that they stay in memory
	SpoolMax     Size       `yaml:"spool_max" default:"256MiB" min:"1MiB" max:"1TiB"`
	Share        bool       `yaml:"share"` // several sidecars stand before one service: what one records and finds gray, all know
}

// Telemetry says where traces go. Without an endpoint trace context is still passed on.
type Telemetry struct {
	OTLPEndpoint *url.URL `yaml:"otlp_endpoint" schemes:"http,https"`
	JaegerAgent  Addr     `yaml:"jaeger_agent"` // host:port of a Jaeger agent's compact thrift port, 6831; instead of otlp_endpoint
	Sample       Percent  `yaml:"sample" default:"100%"`
}

// HTTP is the sidecar's inbound side.
type HTTP struct {
	Listen                Addr          `yaml:"listen" required:"true"`
	TLS                   *HTTPTLS      `yaml:"tls"`                                               // of the clients' port; HTTP/2 is agreed upon in its handshake
	Stable                *url.URL      `yaml:"stable" schemes:"http,https,srv+http,srv+https"`    // nil with copies
	Candidate             *url.URL      `yaml:"candidate" schemes:"http,https,srv+http,srv+https"` // nil in a database cutover
	Serving               *url.URL      `yaml:"serving" schemes:"http,https,srv+http,srv+https"`   // instances of the candidate with the primary's database and channel
	Copies                bool          `yaml:"copies"`                                            // requests are copies that another proxy made of those it routes
	Connections           int           `yaml:"connections" default:"10000" min:"1" max:"1000000"` // of clients at a time
	Streams               int           `yaml:"streams" default:"250" min:"1" max:"100000"`        // of one HTTP/2 connection at a time
	MaxHeader             Size          `yaml:"max_header" default:"64KiB" min:"4KiB" max:"1MiB"`
	Timeout               time.Duration `yaml:"timeout" default:"60s" min:"1ms"` // of a whole exchange, except event streams, upgrades and gRPC
	Idle                  time.Duration `yaml:"idle" default:"2m" min:"1s"`      // of a client's connection
	ResponseHeaderTimeout time.Duration `yaml:"response_header_timeout" default:"30s" min:"1ms"`
	MaxBody               Size          `yaml:"max_body" default:"1MiB" min:"1KiB" max:"64MiB"` // captured of a body
	Queue                 int           `yaml:"queue" default:"256" min:"1" max:"1000000"`
	Workers               int           `yaml:"workers" default:"8" min:"1" max:"1024"`
	ShadowTimeout         time.Duration `yaml:"shadow_timeout" default:"10s" min:"1ms"`
	OrderWait             time.Duration `yaml:"order_wait" default:"5s" min:"0s"`
	Drain                 time.Duration `yaml:"drain" default:"10s" min:"0s"`
	Membership            int           `yaml:"membership" default:"1000000" min:"1"` // born-gray orders remembered
	Routes                []Route       `yaml:"routes" required:"true"`
}

// Route is one kind of request that takes part.
type Route struct {
	Name     string   `yaml:"name" required:"true"`
	Method   string   `yaml:"method" required:"true" oneof:"GET,HEAD,POST,PUT,PATCH,DELETE"`
	Path     string   `yaml:"path" required:"true"`
	Creates  bool     `yaml:"creates"`                      // such a request creates the order
	Callback bool     `yaml:"callback"`                     // the channel's notice: the candidate gets it once its own run has created the order
	CopyTo   *url.URL `yaml:"copy_to" schemes:"http,https"` // of a callback: where a worker takes events, http://127.0.0.1:9301/events/CHANNEL/ACCOUNT
	Mirror   bool     `yaml:"mirror" default:"true"`        // false: its gray requests are excluded
	Key      Key      `yaml:"key" required:"true"`
	Amount   *Amount  `yaml:"amount"`
}

// Key says where a request carries its order key, and its merchant's where merchants choose the numbers.
type Key struct {
	Header   string  `yaml:"header"`
	Query    string  `yaml:"query"`
	Path     string  `yaml:"path"`
	JSON     string  `yaml:"json"`
	Form     string  `yaml:"form"`
	XML      string  `yaml:"xml"`
	Merchant *Source `yaml:"merchant"`
}

// Order is the place of the order number.
func (k Key) Order() Source {
	return Source{Header: k.Header, Query: k.Query, Path: k.Path, JSON: k.JSON, Form: k.Form, XML: k.XML}
}

// Source is a place in a request; the first that is there counts.
type Source struct {
	Header string `yaml:"header"`
	Query  string `yaml:"query"`
	Path   string `yaml:"path"` // name of a wildcard in the route's path
	JSON   string `yaml:"json"` // path in a JSON body: order.id
	Form   string `yaml:"form"` // name in a form body
	XML    string `yaml:"xml"`  // path of an element below the root of an XML body: out_trade_no
}

// Amount says where and how a request states its amount.
type Amount struct {
	Field    string     `yaml:"field" required:"true"` // path in the JSON body
	Unit     recon.Unit `yaml:"unit" required:"true" oneof:"major,minor"`
	Currency string     `yaml:"currency" required:"true"`
}

// Compare says how answers are compared.
type Compare struct {
	BodySample Percent    `yaml:"body_sample" default:"1%"` // of samples with nothing to see, whose bodies travel as well
	Responses  []Response `yaml:"responses"`
	Descriptor Path       `yaml:"grpc_descriptors"` // protobuf file descriptor set with its imports, by which gRPC answers are compared
}

// Response is the comparing policy of one route's answers.
type Response struct {
	Route  string                       `yaml:"route" required:"true"`
	Fields map[string]shadow.FieldClass `yaml:"fields" oneof:"money,currency,order,account,direction,alias,plain"`
	Noise  []Noise                      `yaml:"noise"`
	Lists  map[string]string            `yaml:"lists"` // path of a keyed list: the key inside its elements
}

// Noise is a field that is not compared, with who answers for that and why.
type Noise struct {
	Path     string `yaml:"path" required:"true"`
	Reason   string `yaml:"reason" required:"true"`
	Owner    string `yaml:"owner" required:"true"`
	Until    string `yaml:"until"`    // 2026-12-31: the day after which the rule hides nothing any more
	Evidence string `yaml:"evidence"` // where it was seen that the stable release differs from itself here
}

// End is the moment from which the rule hides nothing; zero = it has none.
func (n Noise) End() (time.Time, error) {
	if n.Until == "" {
		return time.Time{}, nil
	}
	day, err := time.Parse(time.DateOnly, n.Until)
	if err != nil {
		return day, fmt.Errorf("read the last day of a noise rule: %w", err)
	}
	return day.AddDate(0, 0, 1), nil
}

// Egress is the guard on outgoing channel calls.
type Egress struct {
	Channel    *url.URL    `yaml:"channel" required:"true" schemes:"http,https"`
	Primary    Port        `yaml:"primary" required:"true"`
	Shadow     Port        `yaml:"shadow" required:"true"`
	Recordings int         `yaml:"recordings" default:"100000" min:"1"`
	Operations []Operation `yaml:"operations" required:"true"`
}

// Port is a listener without an upstream of its own.
type Port struct {
	Listen Addr `yaml:"listen" required:"true"`
}

// Operation is one kind of outgoing call.
type Operation struct {
	Name          string                       `yaml:"name" required:"true"`
	Method        string                       `yaml:"method" required:"true" oneof:"GET,HEAD,POST,PUT,PATCH,DELETE"`
	Path          string                       `yaml:"path" required:"true"`
	Class         shadow.CallClass             `yaml:"class" required:"true" oneof:"money,query"`
	IgnoreHeaders []string                     `yaml:"ignore_headers"`
	IgnoreFields  []string                     `yaml:"ignore_fields"`
	Fields        map[string]shadow.FieldClass `yaml:"fields" oneof:"money,currency,order,account,direction,alias,plain"`
}

// MySQL is the sidecar's database side.
type MySQL struct {
	Primary PrimaryPort `yaml:"primary" required:"true"`
	Divert  *DivertPort `yaml:"divert"` // service cutover
	Prove   Prove       `yaml:"prove" required:"true"`
	Apply   *Apply      `yaml:"apply"` // database cutover
	Tag     SQLTag      `yaml:"tag"`
	RowLog  *RowLog     `yaml:"row_log"` // database cutover: what is applied comes from the primary's log
	Tables  []Table     `yaml:"tables" required:"true"`

	References []string `yaml:"reference_tables"` // whose rows "touchstone shadow prepare" copies to the shadow
}

// RowLog says how the primary's row log is read.
type RowLog struct {
	DSN      SecretFile `yaml:"dsn_file" required:"true"`                           // of an account that may read the log; names the schema
	ServerID int        `yaml:"server_id" required:"true" min:"1" max:"4294967295"` // that no server and no other reader of the log has
	MaxRows  int        `yaml:"max_rows" default:"10000" min:"1" max:"10000000"`    // of one transaction
}

// TablePolicy says which writes of a table are taken.
type TablePolicy string

// The policies of a table.
const (
	TableInsert TablePolicy = "insert" // an update or delete makes its order inconclusive
	TableAll    TablePolicy = "all"    // needs the row log
	TableIgnore TablePolicy = "ignore"
)

// PrimaryPort is the dual-write port.
type PrimaryPort struct {
	Listen   Addr     `yaml:"listen" required:"true"`
	Upstream Addr     `yaml:"upstream" required:"true"`
	TLS      *PortTLS `yaml:"tls"`
}

// SQLTag says what tags statements besides the comment and the query attributes of their own.
type SQLTag struct {
	Port       bool   `yaml:"port"`        // every connection of the dual-write port
	UserSuffix string `yaml:"user_suffix"` // connections of users whose name ends so
	Variable   bool   `yaml:"variable"`    // SET @gray = 'v2', for what follows on the connection
}

// DivertPort is the candidate's database port; it reaches one schema of the shadow and nothing else.
type DivertPort struct {
	Listen   Addr     `yaml:"listen" required:"true"`
	Upstream Addr     `yaml:"upstream" required:"true"`
	Schema   string   `yaml:"schema" required:"true"`
	TLS      *PortTLS `yaml:"tls"`

	Login *PortLogin `yaml:"login"` // the port answers logins itself; without it, the shadow server does
	Reads *Reads     `yaml:"reads"` // tables that are read from the primary or a replica of it
}

// PortLogin is who logs in at a port, and as whom the port then logs in at the server.
type PortLogin struct {
	User        string     `yaml:"user" required:"true"`
	Password    SecretFile `yaml:"password_file" required:"true"`
	OwnUser     string     `yaml:"own_user" required:"true"`
	OwnPassword SecretFile `yaml:"own_password_file" required:"true"`
}

// Reads are tables that the candidate reads where they are live.
type Reads struct {
	DSN    SecretFile `yaml:"dsn_file" required:"true"` // of an account that may do nothing but read them
	Tables []string   `yaml:"tables" required:"true"`
}

// Prove names the two databases that must be proved different before a port opens.
type Prove struct {
	PrimaryDSN SecretFile `yaml:"primary_dsn_file" required:"true"`
	ShadowDSN  SecretFile `yaml:"shadow_dsn_file" required:"true"`
}

// Apply says how committed write sets go to the shadow.
type Apply struct {
	ShadowDSN SecretFile    `yaml:"shadow_dsn_file" required:"true"`
	Journal   Path          `yaml:"journal" required:"true"` // folder of its own, of what the shadow has not taken yet
	MaxBytes  Size          `yaml:"journal_max" default:"1GiB" min:"1MiB" max:"1TiB"`
	Queue     int           `yaml:"queue" default:"10000" min:"1" max:"1000000"` // write sets held in memory
	Workers   int           `yaml:"workers" default:"4" min:"1" max:"256"`
	Wait      time.Duration `yaml:"wait" min:"0s" max:"10s"` // that a commit waits for the shadow; 0s = it does not
	Drain     time.Duration `yaml:"drain" default:"30s" min:"0s"`
	Reads     bool          `yaml:"compare_reads"` // tagged SELECTs of one order are run again on the shadow
}

// Table is one written table.
type Table struct {
	Name          string       `yaml:"name" required:"true"`
	Policy        TablePolicy  `yaml:"policy" default:"insert" oneof:"insert,all,ignore"`
	Order         string       `yaml:"order"`          // column that holds the order key; "" = its rows belong to many orders
	AutoIncrement string       `yaml:"auto_increment"` // generated column; "" = none
	Key           []string     `yaml:"key"`            // columns that name a row; none = the primary key
	Shadow        *ShadowTable `yaml:"shadow"`         // what is otherwise on the shadow
	Shared        []string     `yaml:"shared"`         // amounts in rows that many orders change: compared by what an order adds
}

// ShadowTable says how a table differs on the shadow.
type ShadowTable struct {
	Name    string            `yaml:"name"`
	Columns map[string]string `yaml:"columns"` // the primary's column: the shadow's
	Drop    []string          `yaml:"drop"`    // columns that the shadow does not have
	Shift   map[string]int    `yaml:"shift"`   // column of a decimal amount: places to the right, 2 from major to minor units
}
