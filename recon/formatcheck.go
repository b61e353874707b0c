package recon

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Validate holds a spec against itself: every column that a rule names is declared, every rule is complete. It gives all
// complaints at once, each as "name: field: what; try: …".
func (f *FormatSpec) Validate() error {
	c := &formatCheck{spec: f}
	c.lines()
	c.columns()
	if len(f.Rows) == 0 {
		c.say("rows", "no rule says how a line becomes a record", "add one with key and amount")
	}
	for i := range f.Rows {
		c.row(i, &f.Rows[i])
	}
	c.matches()
	for i, t := range f.Totals {
		c.total(i, t)
	}
	return errors.Join(c.errs...)
}

type formatCheck struct {
	spec *FormatSpec
	errs []error
}

func (c *formatCheck) say(field, what, try string) {
	name := c.spec.Name
	if name == "" {
		name = "format"
	}
	c.errs = append(c.errs, fmt.Errorf("%s: %s: %s; try: %s", name, field, what, try))
}

func (c *formatCheck) lines() {
	l := c.spec.Lines
	switch {
	case l.Separator == "" && len(l.Widths) == 0:
		c.say("lines.separator", "neither a separator nor widths", "separator: \",\"")
	case l.Separator != "" && len(l.Widths) > 0:
		c.say("lines.widths", "a line has a separator or widths, not both", "leave one out")
	case len(l.Separator) > 2:
		c.say("lines.separator", fmt.Sprintf("longer than two bytes (got %q)", l.Separator), "one byte, or one and the byte that begins every value")
	case strings.ContainsAny(l.Separator, "\r\n\""):
		c.say("lines.separator", fmt.Sprintf("a line end or a quote (got %q)", l.Separator), "another byte")
	}
	if l.Quote && (len(l.Widths) > 0 || len(l.Separator) == 2 || l.Runs) {
		c.say("lines.quote", "quotes go with a separator of one byte alone", "quote: false")
	}
	for i, w := range l.Widths {
		if w.Offset < 0 || w.Length < 1 || w.Column == "" {
			c.say(fmt.Sprintf("lines.widths[%d]", i), "needs a column, an offset from 0 and a length from 1", "see the channel's table of fields")
		}
	}
	if len(l.Widths) > 0 && !c.spec.Header.None {
		c.say("header.none", "a fixed-width file has no header", "none: true")
	}
	if l.End != "" && l.Comment == "" {
		c.say("lines.end", "stands in a comment, and there are none", "comment: \"#\"")
	}
	switch c.spec.Charset {
	case "", CharsetUTF8, CharsetGB18030:
	default:
		c.say("charset", fmt.Sprintf("unknown (got %q)", c.spec.Charset), "utf-8 or gb18030")
	}
	if _, err := path.Match(c.spec.Entry, ""); err != nil {
		c.say("entry", fmt.Sprintf("not a pattern (got %q)", c.spec.Entry), `"*ZM_*"`)
	}
	for i := range len(l.Trim) {
		if l.Trim[i] >= 0x80 {
			c.say("lines.trim", "not ASCII", "ASCII characters only")
			return
		}
	}
}

func (c *formatCheck) columns() {
	seen := map[string]bool{}
	for i, col := range c.spec.Columns {
		for _, name := range append([]string{col.Name}, col.Aliases...) {
			if name == "" || seen[name] {
				c.say(fmt.Sprintf("columns[%d]", i), fmt.Sprintf("empty or named twice (got %q)", name), "one entry for each column")
			}
			seen[name] = true
		}
	}
	for _, name := range c.spec.Lines.FreeText {
		c.known("lines.free_text", name)
	}
	c.known("kind_in", c.spec.KindIn)
}

// known complains about a column that is not declared.
func (c *formatCheck) known(field string, names ...string) {
	for _, name := range names {
		if name != "" && !slices.ContainsFunc(c.spec.Columns, func(col Column) bool { return col.Name == name }) {
			c.say(field, fmt.Sprintf("column is not declared (got %q)", name), "add it to columns")
		}
	}
}

func (c *formatCheck) row(i int, r *RowRule) {
	at := func(field string) string { return fmt.Sprintf("rows[%d].%s", i, field) }
	if r.Ignore != "" {
		return
	}
	if r.Kind == "" && r.Amount.Sign != SignKind {
		c.say(at("kind"), "missing", "a kind, or amount.sign: kind")
	} else if r.Kind != "" {
		if _, err := ParseKind(string(r.Kind)); err != nil {
			c.say(at("kind"), err.Error(), "one of them")
		}
	}
	if len(r.Key) == 0 {
		c.say(at("key"), "missing", "the column that identifies the booking")
	}
	if (r.Currency == "") == (r.CurrencyIn == "") {
		c.say(at("currency"), "a currency or the column that has it, one of the two", "currency: CNY")
	} else if r.Currency != "" {
		if _, err := r.Currency.Exponent(); err != nil {
			c.say(at("currency"), err.Error(), "an ISO 4217 code")
		}
	}
	c.amount(at("amount"), &r.Amount, false)
	if r.Fee != nil {
		c.amount(at("fee"), r.Fee, true)
	}
	c.status(at("status"), r.Status)
	c.known(at("key"), r.Key...)
	c.known(at("order"), r.Order...)
	c.known(at("channel_txn"), r.ChannelTxn...)
	c.known(at("account"), r.Account...)
	c.known(at("currency_in"), r.CurrencyIn)
	c.known(at("time"), r.Time...)
	c.known(at("compare"), r.Compare...)
	c.known(at("original"), r.Original...)
	c.known(at("settled"), r.Settled)
}

func (c *formatCheck) amount(field string, a *Amount, fee bool) {
	if len(a.Columns) == 0 {
		c.say(field+".columns", "missing", "the column with the amount")
	}
	if !a.Unit.Valid() {
		c.say(field+".unit", fmt.Sprintf("unknown (got %q)", a.Unit), "major (yuan) or minor (fen)")
	}
	allowed := []Sign{SignPlain, SignFlip, SignCD}
	if !fee {
		allowed = append(allowed, SignAny, SignKind)
	}
	if !slices.Contains(allowed, a.Sign) {
		c.say(field+".sign", fmt.Sprintf("unknown here (got %q)", a.Sign), fmt.Sprintf("one of %q", allowed))
	}
	c.known(field+".columns", a.Columns...)
}

func (c *formatCheck) status(field string, s StatusMap) {
	c.known(field+".column", s.Column)
	states := make([]Status, 0, len(s.Values)+1)
	for _, v := range s.Values {
		states = append(states, v)
	}
	if s.Empty != "" {
		states = append(states, s.Empty)
	}
	for _, v := range states {
		if _, err := ParseStatus(string(v)); err != nil {
			c.say(field+".values", err.Error(), "one of them")
			return
		}
	}
	if s.Column != "" && len(states) == 0 {
		c.say(field+".values", "no value is mapped", "values: {SUCCESS: success}")
	}
}

// matches complains about rules that overlap, and about a rule that no line can reach.
func (c *formatCheck) matches() {
	seen := map[string]bool{}
	for i, r := range c.spec.Rows {
		field := fmt.Sprintf("rows[%d].match", i)
		switch {
		case c.spec.KindIn == "" && len(r.Match) > 0:
			c.say(field, "kind_in names no column", "kind_in: COLUMN")
		case c.spec.KindIn != "" && len(r.Match) == 0:
			c.say(field, "missing", "the values of "+c.spec.KindIn)
		case c.spec.KindIn == "" && i > 0:
			c.say(field, "a second rule without kind_in", "kind_in: COLUMN")
		}
		for _, value := range r.Match {
			if seen[value] {
				c.say(field, fmt.Sprintf("in two rules (got %q)", value), "leave it in one")
			}
			seen[value] = true
		}
	}
}

func (c *formatCheck) total(i int, t Total) {
	field := fmt.Sprintf("totals[%d]", i)
	if (len(t.Names) == 0) == (t.Pattern == "") {
		c.say(field, "names or a pattern, one of the two", "names: [总交易单数]")
	}
	if !slices.Contains([]TotalOf{TotalCount, TotalAmount, TotalFee}, t.Of) {
		c.say(field+".of", fmt.Sprintf("unknown (got %q)", t.Of), "count, amount or fee")
	}
	if t.Pattern != "" {
		if p, err := regexp.Compile(t.Pattern); err != nil || p.NumSubexp() != 1 {
			c.say(field+".pattern", fmt.Sprintf("not a regular expression with one group (got %q)", t.Pattern), `^#total: (\d+)`)
		}
	}
	c.known(field+".columns", t.Columns...)
	if t.Of != TotalCount && !t.Unit.Valid() {
		c.say(field+".unit", fmt.Sprintf("unknown (got %q)", t.Unit), "major or minor")
	}
}
