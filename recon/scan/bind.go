package scan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// layout is a FormatSpec bound to the columns that one file has. It is immutable; what changes while lines are read is in
// a parser.
type layout struct {
	spec     *recon.FormatSpec
	names    []string // of the file's columns, in the file's order
	sep      byte
	second   byte    // the byte that begins every value, or 0
	need     int     // separators whose positions are needed
	simple   bool    // one separator byte that is never part of another character
	groups   []group // free text cells
	kindIn   int
	rules    []rule
	byMatch  lookup
	trim     [256]bool
	empty    []string
	comment  []byte
	summary  [][]byte
	zone     *time.Location
	layouts  []string
	dates    []string
	noon     time.Time                    // of the statement's day
	decode   func([]byte) ([]byte, error) // of text that is not ASCII
	compared entry.Compared
	full     bool   // every field is read, compared or not
	fees     bool   // fees are read
	sheets   bool   // ids are refused where a spreadsheet has been at them
	account  string // rows of other accounts are rejects; "" accepts any
	charset  recon.Charset
	shortest int            // bytes of a line of fixed widths up to its last amount
	at       map[string]int // spec column to place in the file; -1 = the file lacks it
	check    Check

	totals   []total // spec.Totals and Options.Sums
	perRow   []int   // those of totals that every row is added to
	currency recon.Currency
}

// rule is a RowRule bound to column numbers. -1 stands for a column the file lacks.
type rule struct {
	*recon.RowRule
	key, order, txn, account, time, original, compare []int
	amount, fee                                       []int
	currencyIn, statusIn, settled                     int
	currency                                          uint16 // code, of a fixed currency
	decimals                                          int    // of a fixed currency
	states                                            lookup
	emptyState                                        uint16
	kind                                              uint16
	absent                                            bool  // the file lacks a column that it needs
	money                                             *rule // the same without state and fee: what rejects still count for
}

// bind finds the spec's columns among the file's. The header's line number goes into complaints.
func bind(o *Options, names []string, line int, charset recon.Charset) (*layout, []Diagnostic, error) {
	s := o.Format
	l := &layout{
		spec: s, names: names, kindIn: -1, empty: s.Empty, compared: o.Compared, account: o.Account, layouts: s.Layouts, dates: s.Dates,
		full: o.Full, fees: o.Full || o.Compared.Has(entry.CompareFee), sheets: o.Full || !s.Open, charset: charset, check: o.Check, at: map[string]int{},
	}
	if err := l.settings(o.Date); err != nil {
		return nil, nil, &Problem{File: o.Name, What: err.Error()}
	}
	b := &binder{layout: l, file: o.Name, line: line}
	diagnostics, err := b.columns()
	if err != nil {
		return nil, nil, err
	}
	for i := range s.Rows {
		if err := b.rule(&s.Rows[i]); err != nil {
			return nil, nil, err
		}
	}
	if !slices.ContainsFunc(b.rules, func(r rule) bool { return r.Ignore == "" && !r.absent }) {
		return nil, nil, b.lacks(&b.rules[0])
	}
	if err := b.sums(o.Sums); err != nil {
		return nil, nil, err
	}
	l.need = min(b.last+1, len(names)-1)
	return l, diagnostics, nil
}

// settings takes over what does not depend on the file.
func (l *layout) settings(date string) error {
	s := l.spec
	if s.Lines.Separator != "" {
		l.sep = s.Lines.Separator[0]
	}
	if len(s.Lines.Separator) == 2 {
		l.second = s.Lines.Separator[1]
	}
	for i := range len(s.Lines.Trim) {
		l.trim[s.Lines.Trim[i]] = true
	}
	if l.second != 0 {
		l.trim[l.second] = true // it begins every value and is part of none
	}
	if len(s.Lines.Widths) > 0 {
		l.trim[' '] = true
	}
	for _, text := range append([]string{s.Lines.Comment}, s.Lines.Summary...) {
		raw, err := encode(l.charset, text)
		if err != nil {
			return err
		}
		l.summary = append(l.summary, raw)
	}
	l.comment, l.summary = l.summary[0], l.summary[1:]
	safe := l.charset != recon.CharsetGB18030 || l.sep < '0'
	l.simple = len(s.Lines.Widths) == 0 && !s.Lines.Runs && safe
	if l.charset == recon.CharsetGB18030 {
		l.decode = simplifiedchinese.GB18030.NewDecoder().Bytes
	}
	if len(l.layouts) == 0 {
		l.layouts = []string{dateTime}
	}
	if len(l.dates) == 0 {
		l.dates = []string{time.DateOnly, "20060102"}
	}
	zone := s.Zone
	if zone == "" {
		zone = "Asia/Shanghai"
	}
	var err error
	if l.zone, err = time.LoadLocation(zone); err != nil {
		return fmt.Errorf("zone: %w", err)
	}
	if date != "" {
		day, err := time.ParseInLocation(time.DateOnly, date, l.zone)
		if err != nil {
			return fmt.Errorf("date: not of the form %s (got %q)", time.DateOnly, date)
		}
		l.noon = day.Add(12 * time.Hour)
	}
	return nil
}

// encode gives a text of the spec as the file's charset writes it.
func encode(c recon.Charset, text string) ([]byte, error) {
	if c != recon.CharsetGB18030 {
		return []byte(text), nil
	}
	raw, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("encode %q: %w", text, err)
	}
	return raw, nil
}

type binder struct {
	*layout
	file string
	line int
	last int // largest place that is used
}

func (b *binder) problem(field, what, try string) error {
	return &Problem{File: b.file, Line: b.line, Field: field, What: what, Try: try}
}

// columns finds each declared column, and says which columns of the file nobody declared.
func (b *binder) columns() ([]Diagnostic, error) {
	known := make([]bool, len(b.names))
	for _, c := range b.spec.Columns {
		b.at[c.Name] = -1
		for _, name := range append([]string{c.Name}, c.Aliases...) {
			place := b.place(name)
			if place < 0 {
				continue
			}
			if b.at[c.Name] < 0 {
				b.at[c.Name] = place
			}
			known[place] = true
			if slices.IndexFunc(b.names[place+1:], func(n string) bool { return normal(n) == normal(name) }) >= 0 {
				return nil, b.problem(name, "occurs twice", "rename one of the columns")
			}
		}
		if b.at[c.Name] < 0 && !c.Optional {
			return nil, b.problem(c.Name, "is missing: another kind of file, or a new layout", "one of "+strings.Join(b.names, ", "))
		}
	}
	b.freeText()
	if b.kindIn = b.use(b.spec.KindIn); b.spec.KindIn != "" && b.kindIn < 0 {
		return nil, b.problem(b.spec.KindIn, "is missing", "a file of the format "+b.spec.Name)
	}
	return b.drift(known)
}

func (b *binder) place(name string) int {
	return slices.IndexFunc(b.names, func(n string) bool { return n == name || normal(n) == normal(name) })
}

func (b *binder) drift(known []bool) ([]Diagnostic, error) {
	if b.spec.Open || b.spec.Header.None {
		return nil, nil
	}
	var found []Diagnostic
	for i, name := range b.names {
		if known[i] || name == "" {
			continue
		}
		if b.spec.Strict {
			return nil, b.problem(name, "unknown column", "a newer version of the format "+b.spec.Name)
		}
		found = append(found, Diagnostic{Line: b.line, Field: name, Message: fmt.Sprintf("unknown column, the %d. of the file", i+1)})
	}
	return found, nil
}

// use notes that a column is read, and gives its place in the file.
func (b *binder) use(name string) int {
	if name == "" {
		return -1
	}
	i := b.at[name]
	b.last = max(b.last, i)
	return i
}

func (b *binder) useAll(names []string) []int {
	places := make([]int, 0, len(names))
	for _, name := range names {
		if i := b.use(name); i >= 0 {
			places = append(places, i)
		}
	}
	return places
}

func (b *binder) rule(r *recon.RowRule) error {
	bound := rule{RowRule: r, statusIn: -1, currencyIn: -1, settled: -1}
	if r.Ignore == "" {
		if err := b.fields(r, &bound); err != nil {
			return err
		}
	}
	b.rules = append(b.rules, bound)
	if bound.absent {
		return nil // a line of this kind is of an unknown one
	}
	index := uint16(len(b.rules))
	for _, value := range r.Match {
		raw, err := encode(b.charset, value)
		if err != nil {
			return err
		}
		b.byMatch.add(string(raw), index)
	}
	return nil
}

// lacks says which of a rule's columns the file has not.
func (b *binder) lacks(r *rule) error {
	for _, name := range append(slices.Concat(r.Key, r.RowRule.Amount.Columns), r.CurrencyIn, r.Status.Column) {
		if i, ok := b.at[name]; ok && i < 0 {
			return b.problem(name, "is missing: no line can be read without it", "one of "+strings.Join(b.names, ", "))
		}
	}
	return b.problem("", "no rule for a line", "a rule without ignore")
}

// fields binds a rule's columns. A variant of the file may lack some that the rule cannot do without: it is absent then.
func (b *binder) fields(r *recon.RowRule, to *rule) error {
	to.key, to.order, to.txn, to.account = b.useAll(r.Key), b.useAll(r.Order), b.useAll(r.ChannelTxn), b.useAll(r.Account)
	to.time, to.original, to.amount, to.settled = b.useAll(r.Time), b.useAll(r.Original), b.useAll(r.Amount.Columns), b.use(r.Settled)
	for _, name := range r.Compare {
		to.compare = append(to.compare, b.use(name)) // one that the file lacks is compared as empty
	}
	to.currencyIn, to.statusIn = b.use(r.CurrencyIn), b.use(r.Status.Column)
	to.absent = len(to.key) == 0 || len(to.amount) == 0 || (r.KeyAll && len(to.key) != len(r.Key)) ||
		(r.CurrencyIn != "" && to.currencyIn < 0) || (r.Status.Column != "" && to.statusIn < 0)
	if to.absent {
		return nil
	}
	if r.Fee != nil {
		to.fee = b.useAll(r.Fee.Columns)
	}
	if r.Kind != "" {
		to.kind = uint16(slices.Index(recon.Kinds(), r.Kind) + 1)
	}
	if r.CurrencyIn == "" {
		to.currency = uint16(slices.Index(recon.Currencies(), r.Currency) + 1)
		to.decimals, _ = r.Currency.Exponent() // Validate has seen it
	}
	to.money = moneyOf(*to)
	b.reach(r)
	for value, status := range r.Status.Values {
		raw, err := encode(b.charset, value)
		if err != nil {
			return err
		}
		to.states.add(string(raw), stateCode(status))
	}
	if r.Status.Empty != "" {
		to.emptyState = stateCode(r.Status.Empty)
	}
	return nil
}

// moneyOf is a rule that reads nothing but kind, currency and amount.
func moneyOf(r rule) *rule {
	plain := *r.RowRule
	plain.Fee = nil
	r.RowRule, r.statusIn = &plain, -1
	return &r
}

// reach notes the byte behind a rule's last amount, where cells have widths.
func (b *binder) reach(r *recon.RowRule) {
	columns := r.Amount.Columns
	if r.Fee != nil {
		columns = append(slices.Clone(columns), r.Fee.Columns...)
	}
	for _, w := range b.spec.Lines.Widths {
		if slices.Contains(columns, w.Column) {
			b.shortest = max(b.shortest, w.Offset+w.Length)
		}
	}
}

func stateCode(s recon.Status) uint16 { return uint16(slices.Index(recon.Statuses(), s) + 1) }
