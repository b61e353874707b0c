package config

import (
	"regexp"
	"slices"
	"time"
)

// ReconOperations says how a worker looks after operations (reversals, refunds, settlements, splits, supplements) and
// payments that nobody finished.
type ReconOperations struct {
	Every    time.Duration `yaml:"every" default:"5s" min:"100ms" max:"1h"`    // between two looks
	Patience time.Duration `yaml:"patience" default:"5m" min:"1s" max:"24h"`   // deadline of what was sent; then the channel is asked
	Timeout  time.Duration `yaml:"timeout" default:"20s" min:"100ms" max:"5m"` // of one question or request; shorter than patience
	Parallel int           `yaml:"parallel" default:"4" min:"1" max:"256"`     // operations at a time
	Limit    int           `yaml:"limit" default:"256" min:"1" max:"65536"`    // operations of each trigger in one look
	Service  *CasesCalls   `yaml:"service"`                                    // the payment service, which sends; nil: nothing is sent
	Books    *CasesBooks   `yaml:"books"`                                      // nil: nothing is supplemented
	Ledger   *ReconLedger  `yaml:"ledger"`                                     // nil: payments are left alone
}

// ReconLedger is the table in which a payment is booked, one row for each.
type ReconLedger struct {
	DSN     SecretFile        `yaml:"dsn_file" required:"true"`
	Table   string            `yaml:"table" required:"true"`
	ID      string            `yaml:"id" required:"true"`                        // column of the payment's id, with a unique key of its own
	Txn     string            `yaml:"txn" required:"true"`                       // column of the ledger's transaction id, which the database fills
	Columns map[string]string `yaml:"columns"`                                   // further columns, each with the field of the payment's payload that fills it
	After   time.Duration     `yaml:"after" default:"30s" min:"100ms" max:"24h"` // a payment that is PREPARING for so long is confirmed
}

func (o *ReconOperations) check(c *Checker) {
	if o.Timeout >= o.Patience {
		c.Complain("operations.timeout", "is not shorter than patience: a request could still be on its way when it is asked for", "timeout: 20s with patience: 5m")
	}
	if o.Books != nil {
		parseDSN(c, "operations.books.dsn_file", o.Books.DSN)
	}
	if o.Ledger != nil {
		o.Ledger.check(c)
	}
}

func (l *ReconLedger) check(c *Checker) {
	const path = "operations.ledger"
	parseDSN(c, path+".dsn_file", l.DSN)
	plain := regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)
	names := []struct{ key, name string }{{"table", l.Table}, {"id", l.ID}, {"txn", l.Txn}}
	for column := range l.Columns {
		names = append(names, struct{ key, name string }{"columns", column})
	}
	for _, n := range names {
		if n.name != "" && !plain.MatchString(n.name) {
			c.Complain(path+"."+n.key, "is no plain name", "letters, digits and _")
		}
	}
	if l.ID == l.Txn && l.ID != "" {
		c.Complain(path+".txn", "is the column of the payment's own id", "the ledger's key, such as an AUTO_INCREMENT column")
	}
	if _, twice := l.Columns[l.ID]; twice || slices.Contains(columnsOf(l.Columns), l.Txn) {
		c.Complain(path+".columns", "names id or txn again", "further columns only")
	}
}

func columnsOf(m map[string]string) (out []string) {
	for column := range m {
		out = append(out, column)
	}
	return out
}
