package scan

import (
	"bytes"
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
	second   byte // the byte that begins every value, or 0
	need     int  // separators whose positions are needed
	simple   bool // one separator byte that is never part of another character
	free     [2]int
	kindIn   int
	rules    []rule
	byMatch  lookup
	trim     [256]bool
	empty    []string
	comment  []byte
	summary  [][]byte
	zone     *time.Location
	layouts  []string
	date     string
	decode   func([]byte) ([]byte, error) // of text that is not ASCII
	compared entry.Compared
	full     bool   // every field is read, compared or not
	account  string // rows of other accounts are rejects; "" accepts any
}

// rule is a RowRule bound to column numbers. -1 stands for a column the file lacks.
type rule struct {
	*recon.RowRule
	key, order, txn, account, time, compare []int
	amount, fee                             []int
	currencyIn, statusIn                    int
	currency                                uint16 // code, of a fixed currency
	decimals                                int    // of a fixed currency
	states                                  lookup
	emptyState                              uint16
	kind                                    uint16
}

// bind finds the spec's columns among the file's. The header's line number goes into complaints.
func bind(o *Options, names []string, line int) (*layout, []Diagnostic, error) {
	s := o.Format
	l := &layout{
		spec: s, names: names, kindIn: -1, free: [2]int{-1, -1}, empty: s.Empty, comment: []byte(s.Lines.Comment),
		compared: o.Compared, account: o.Account, date: o.Date, layouts: s.Layouts,
		full: o.Full || slices.ContainsFunc(s.Totals, func(t recon.Total) bool { return t.Of == recon.TotalFee }),
	}
	if err := l.settings(); err != nil {
		return nil, nil, &Problem{File: o.Name, What: err.Error()}
	}
	b := &binder{layout: l, file: o.Name, line: line, at: map[string]int{}}
	diagnostics, err := b.columns()
	if err != nil {
		return nil, nil, err
	}
	for i := range s.Rows {
		if err := b.rule(&s.Rows[i]); err != nil {
			return nil, nil, err
		}
	}
	l.need = min(b.last+1, len(names)-1)
	return l, diagnostics, nil
}

// settings takes over what does not depend on the file.
func (l *layout) settings() error {
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
	for _, text := range s.Lines.Summary {
		raw, err := encode(s.Charset, text)
		if err != nil {
			return err
		}
		l.summary = append(l.summary, raw)
	}
	safe := s.Charset != recon.CharsetGB18030 || l.sep < '0'
	l.simple = len(s.Lines.Widths) == 0 && !s.Lines.Runs && safe
	if s.Charset == recon.CharsetGB18030 {
		l.decode = simplifiedchinese.GB18030.NewDecoder().Bytes
	}
	if len(l.layouts) == 0 {
		l.layouts = []string{dateTime}
	}
	zone := s.Zone
	if zone == "" {
		zone = "Asia/Shanghai"
	}
	var err error
	if l.zone, err = time.LoadLocation(zone); err != nil {
		return fmt.Errorf("zone: %w", err)
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
	at   map[string]int // spec column to place in the file
	last int            // largest place that is used
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
				return nil, b.problem(name, "the column occurs twice", "rename one of them")
			}
		}
		if b.at[c.Name] < 0 && !c.Optional {
			return nil, b.problem(c.Name, "the file has no such column", "one of "+strings.Join(b.names, ", "))
		}
	}
	for _, name := range b.spec.Lines.FreeText {
		if i := b.at[name]; i >= 0 {
			if b.free[0] < 0 || i < b.free[0] {
				b.free[0] = i
			}
			b.free[1] = max(b.free[1], i)
		}
	}
	if b.kindIn = b.use(b.spec.KindIn); b.spec.KindIn != "" && b.kindIn < 0 {
		return nil, b.problem(b.spec.KindIn, "the file has no such column", "a file of the format "+b.spec.Name)
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
	column := 1
	for i, name := range b.names {
		if !known[i] {
			if b.spec.Strict {
				return nil, &Problem{File: b.file, Line: b.line, Column: column, Field: name, What: "unknown column", Try: "a newer version of the format " + b.spec.Name}
			}
			found = append(found, Diagnostic{Line: b.line, Column: column, Field: name, Message: "unknown column"})
		}
		column += len(name) + max(1, len(b.spec.Lines.Separator))
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
	bound := rule{RowRule: r, statusIn: -1, currencyIn: -1}
	index := uint16(len(b.rules) + 1)
	for _, value := range r.Match {
		raw, err := encode(b.spec.Charset, value)
		if err != nil {
			return err
		}
		b.byMatch.add(string(raw), index)
	}
	if r.Ignore == "" {
		if err := b.fields(r, &bound); err != nil {
			return err
		}
	}
	b.rules = append(b.rules, bound)
	return nil
}

func (b *binder) fields(r *recon.RowRule, to *rule) error {
	to.key, to.order, to.txn, to.account = b.useAll(r.Key), b.useAll(r.Order), b.useAll(r.ChannelTxn), b.useAll(r.Account)
	to.time, to.compare, to.amount = b.useAll(r.Time), b.useAll(r.Compare), b.useAll(r.Amount.Columns)
	if len(to.key) == 0 || len(to.amount) == 0 || (r.KeyAll && len(to.key) != len(r.Key)) {
		return b.problem(strings.Join(append(slices.Clone(r.Key), r.Amount.Columns...), ", "), "a column of the key or the amount is missing", "one of "+strings.Join(b.names, ", "))
	}
	if r.Fee != nil {
		to.fee = b.useAll(r.Fee.Columns)
	}
	if r.Kind != "" {
		to.kind = uint16(slices.Index(recon.Kinds(), r.Kind) + 1)
	}
	if r.CurrencyIn != "" {
		if to.currencyIn = b.use(r.CurrencyIn); to.currencyIn < 0 {
			return b.problem(r.CurrencyIn, "the file has no such column", "a fixed currency")
		}
	} else {
		to.currency = uint16(slices.Index(recon.Currencies(), r.Currency) + 1)
		to.decimals, _ = r.Currency.Exponent() // Validate has seen it
	}
	if r.Status.Column == "" {
		return nil
	}
	if to.statusIn = b.use(r.Status.Column); to.statusIn < 0 {
		return b.problem(r.Status.Column, "the file has no such column", "a format without status")
	}
	for value, status := range r.Status.Values {
		raw, err := encode(b.spec.Charset, value)
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

func stateCode(s recon.Status) uint16 { return uint16(slices.Index(recon.Statuses(), s) + 1) }

// normal folds what header cells are written with in different issues of a format: parentheses of full width, runs of
// white space, the marks that values carry too.
func normal(name string) string {
	name = strings.NewReplacer("（", "(", "）", ")", "：", ":", "\ufeff", "", "`", "").Replace(name)
	return strings.Join(strings.Fields(name), " ")
}

// headerCells cuts a header line into names.
func headerCells(s *recon.FormatSpec, line []byte) ([]string, error) {
	text := line
	if s.Charset == recon.CharsetGB18030 {
		decoded, err := simplifiedchinese.GB18030.NewDecoder().Bytes(line)
		if err != nil {
			return nil, fmt.Errorf("header is not GB18030: %w", err)
		}
		text = decoded
	}
	var cells []string
	switch {
	case s.Lines.Runs:
		cells = strings.FieldsFunc(string(text), func(r rune) bool { return r == rune(s.Lines.Separator[0]) })
	case s.Lines.Quote:
		cells = quotedCells(text, s.Lines.Separator[0])
	default:
		cells = strings.Split(string(text), s.Lines.Separator[:1])
	}
	for i := range cells {
		cells[i] = strings.Trim(cells[i], " \t\r`"+s.Lines.Trim)
	}
	if s.Lines.Trailing && len(cells) > 1 && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	return cells, nil
}

// quotedCells cuts a line whose cells may be quoted.
func quotedCells(line []byte, sep byte) []string {
	var cells []string
	for start, i, inside := 0, 0, false; i <= len(line); i++ {
		switch {
		case i < len(line) && line[i] == '"':
			inside = !inside
		case i == len(line) || (line[i] == sep && !inside):
			cell := bytes.TrimSpace(line[start:i])
			if value, ok := unquote(nil, cell); ok {
				cell = value
			}
			cells = append(cells, string(cell))
			start = i + 1
		}
	}
	return cells
}

// unquote appends the value of a quoted cell; ok is false for a cell that is not quoted, or not well.
func unquote(to, cell []byte) ([]byte, bool) {
	if len(cell) < 2 || cell[0] != '"' || cell[len(cell)-1] != '"' {
		return to, false
	}
	for in := cell[1 : len(cell)-1]; ; {
		i := bytes.IndexByte(in, '"')
		if i < 0 {
			return append(to, in...), true
		}
		if i+1 >= len(in) || in[i+1] != '"' {
			return to, false
		}
		to = append(to, in[:i+1]...)
		in = in[i+2:]
	}
}
