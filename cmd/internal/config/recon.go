package config

import (
	"net/url"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/rules"
)

// Recon is the configuration of daily reconciliation: touchstone recon run, status, rerun, close, and touchstone worker.
type Recon struct {
	Role      string           `yaml:"role" required:"true" oneof:"recon"`
	Store     string           `yaml:"store"`      // sqlite:///path, or:
	StoreFile SecretFile       `yaml:"store_file"` // holds a mysql:// URL with its password
	Archive   Path             `yaml:"archive" required:"true"`
	Temp      Path             `yaml:"temp"` // for what does not fit in memory; default: the system's
	Memory    Size             `yaml:"memory" default:"1GiB" min:"16MiB" max:"1024GiB"`
	Threads   int              `yaml:"threads" default:"1" min:"1" max:"256"`
	Listen    Addr             `yaml:"listen"`   // of a worker: metrics and health
	Shards    *Shards          `yaml:"shards"`   // nil: every batch is done as a whole, by one worker
	Queue     *Queue           `yaml:"queue"`    // nil: recon run does the work itself
	Adapters  *Adapters        `yaml:"adapters"` // kept running for the channels; those with a path of their own are kept beside them
	Channels  []ReconStatement `yaml:"channels" required:"true"`
	Back      int              `yaml:"back" default:"1" min:"1" max:"31"` // a worker expects the statements of so many days before today

	Operations *ReconOperations `yaml:"operations"` // nil: a worker looks after none
	Events     *ReconEvents     `yaml:"events"`     // nil: a worker takes no callbacks
	Retention  *ReconRetention  `yaml:"retention"`  // nil: nothing ever leaves the store
}

// ReconEvents is where a worker takes callbacks of channels: POST /events/{channel}/{account}/…, each as it came.
type ReconEvents struct {
	Listen  Addr          `yaml:"listen" default:"127.0.0.1:9301"`
	MaxBody Size          `yaml:"max_body" default:"256KiB" min:"1KiB" max:"1MiB"`
	Rate    int           `yaml:"rate" default:"5000" min:"1" max:"1000000"` // a second; what is beyond is refused, and comes again
	AtOnce  int           `yaml:"at_once" default:"256" min:"1" max:"65536"`
	Timeout time.Duration `yaml:"timeout" default:"10s" min:"100ms" max:"1m"` // of one callback, until it is committed
}

// ReconCallbacks says what a provisional close holds the books against: callbacks of the account that came so far, and
// answers to questions about what none of them tells of.
type ReconCallbacks struct {
	Queries  int           `yaml:"queries" default:"1000" min:"0" max:"100000"` // of one close; 0 = nothing is asked
	Parallel int           `yaml:"parallel" default:"4" min:"1" max:"64"`
	Rate     int           `yaml:"rate" default:"20" min:"1" max:"1000"`  // questions a second
	Within   time.Duration `yaml:"within" default:"5m" min:"1s" max:"6h"` // for one close; the file's hour ends it too
}

// Shards are the parts of large batches, which any worker does. What was done is still there after a crash.
type Shards struct {
	Above  Size `yaml:"above" default:"0B" min:"0B" max:"1048576GiB"`  // of a statement's file in the archive, as it came; 0B = no batch is large
	Folder Path `yaml:"folder" required:"true"`                        // that all workers see, on all machines, as they do the archive
	Part   Size `yaml:"part" default:"256MiB" min:"64KiB" max:"64GiB"` // of text
}

// Queue is where workers get their work: a bus of their own (Listen), or a place in another one (URL).
type Queue struct {
	Listen       Addr          `yaml:"listen"`
	Data         Path          `yaml:"data"` // of the queue's own bus
	URL          *url.URL      `yaml:"url" schemes:"nats,tls"`
	User         string        `yaml:"user" default:"worker"`
	PasswordFile SecretFile    `yaml:"password_file" required:"true"`
	Lease        time.Duration `yaml:"lease" default:"30s" min:"1s" max:"10m"` // of a worker that gives no sign of life
	Slots        int           `yaml:"slots" default:"1" min:"1" max:"64"`     // statements at a time
}

// Embedded tells whether the worker runs the bus itself.
func (q *Queue) Embedded() bool { return q.URL == nil }

// ReconStatement is one line of statements: what an account gets from a channel, day by day. Hours are those of the day
// after the statement's, in the channel's zone.
type ReconStatement struct {
	Name        string        `yaml:"name" required:"true"`
	Account     string        `yaml:"account" required:"true"`
	Kind        string        `yaml:"kind" default:"trade"`
	Zone        string        `yaml:"zone" default:"Asia/Shanghai"`
	Provisional time.Duration `yaml:"provisional" default:"2h" min:"0s" max:"23h"`                                   // close on the books, and on callbacks
	From        time.Duration `yaml:"from" default:"9h" min:"0s" max:"23h"`                                          // the file is pulled from here on
	Due         time.Duration `yaml:"due" default:"10h" min:"0s" max:"23h"`                                          // without a file there is an alert
	Every       time.Duration `yaml:"every" default:"10m" min:"1s" max:"12h"`                                        // between two pulls
	Off         []string      `yaml:"off" oneof:"sunday,monday,tuesday,wednesday,thursday,friday,saturday,holidays"` // days without a statement; holidays: all that are no business days
	Calendar    Path          `yaml:"calendar"`                                                                      // of business days: of terms, and of holidays
	MaxRejected int           `yaml:"max_rejected" default:"100" min:"0" max:"1000000000"`
	Compare     []string      `yaml:"compare" oneof:"fee,time,order,account,channel_txn,further"` // beside key, amount, currency and state
	Adapter     *ReconAdapter `yaml:"adapter"`                                                    // gets the statement from the channel, or:
	Folder      *ReconFolder  `yaml:"folder"`                                                     // statements that somebody puts there
	Books       ReconBooks    `yaml:"books" required:"true"`
	Rules       *Rules        `yaml:"rules"` // what is not a break; docs/rules.md

	Callbacks *ReconCallbacks `yaml:"callbacks"` // nil: the provisional close reads the books alone

	built    *rules.Config
	calendar *rules.Calendar
}

// BuiltRules gives the rules as the engine takes them; nil where there are none. They are there once LoadRecon is through.
func (s *ReconStatement) BuiltRules() *rules.Config { return s.built }

// BusinessDays gives the calendar; nil where there is none.
func (s *ReconStatement) BusinessDays() *rules.Calendar { return s.calendar }

// Compared is what the two sides must agree in beside key, amount, currency and state.
func (s *ReconStatement) Compared() (out entry.Compared) {
	fields := map[string]entry.Compared{
		"fee": entry.CompareFee, "time": entry.CompareTime, "order": entry.CompareOrder, "account": entry.CompareAccount,
		"channel_txn": entry.CompareChannelTxn, "further": entry.CompareFurther,
	}
	for _, name := range s.Compare {
		out |= fields[name]
	}
	return out
}

// ReconAdapter says which adapter gets the statement: one of adapters, or one with a path of its own.
type ReconAdapter struct {
	Name     string                `yaml:"name" required:"true"`
	Path     Path                  `yaml:"path"` // "" = adapters runs it
	SHA256   string                `yaml:"sha256"`
	BaseURL  *url.URL              `yaml:"base_url" schemes:"http,https"`
	Settings map[string]string     `yaml:"settings"`
	Secrets  map[string]SecretFile `yaml:"secrets"`
}

// ReconFolder is a folder of statements. In File, {account} and {day} stand for those of the statement, {yyyymmdd} for the
// day without dashes.
type ReconFolder struct {
	Path   Path          `yaml:"path" required:"true"`
	File   string        `yaml:"file" required:"true"`
	Format Path          `yaml:"format" required:"true"` // a FormatSpec as JSON
	Done   string        `yaml:"done"`                   // file beside it that says that it is whole, such as {file}.done; "" = it must not have changed for settle
	Settle time.Duration `yaml:"settle" default:"1m" min:"0s" max:"1h"`
}

// ReconBooks is our own side: a file a day, or a table.
type ReconBooks struct {
	Path      Path       `yaml:"path"`       // folder of File
	File      string     `yaml:"file"`       // as ReconFolder.File
	TableFile SecretFile `yaml:"table_file"` // holds mysql://user:password@host/schema?table=payments
	Time      string     `yaml:"time"`       // column of the table that says on which day a row is
	Format    Path       `yaml:"format" required:"true"`
}
