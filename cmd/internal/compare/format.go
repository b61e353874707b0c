package compare

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// Columns says which columns of two or three files mean what. A column that the sides name differently is written
// "ours=theirs" (or "ours=theirs=third").
type Columns struct {
	Key      []string          // together they identify a booking
	Amount   string            // column:unit, unit yuan, major, fen or minor
	Fee      string            // column:unit
	Currency string            // ISO code, or a column that has it
	Status   string            // column
	Kind     string            // column; without it the amount's sign tells payments from refunds
	Time     string            // column
	Compare  []string          // further columns
	States   map[string]string // value of the status column to recon.Status
	Kinds    map[string]string // value of the kind column to recon.Kind
	Layouts  []string          // Go layouts of times
	Zone     string
}

// compared says what the columns ask to compare beside the money.
func (c Columns) compared() entry.Compared {
	var out entry.Compared
	if c.Fee != "" {
		out |= entry.CompareFee
	}
	if c.Time != "" {
		out |= entry.CompareTime
	}
	if len(c.Compare) > 0 {
		out |= entry.CompareFurther
	}
	return out
}

// format makes the FormatSpec of one side: of a CSV file, or of the CSV text that a table is read as.
func (c Columns) format(side int, separator string, table bool) (*recon.FormatSpec, error) {
	if table {
		separator = ","
	}
	b := formatBuilder{side: side, spec: &recon.FormatSpec{
		Name: "columns", Open: true, Zone: c.Zone, Layouts: c.Layouts,
		Lines: recon.LineRule{Separator: separator, Quote: true, Trim: " \t"},
	}}
	if len(c.Key) == 0 {
		return nil, errors.New("--key: missing; try: --key COLUMN")
	}
	row := recon.RowRule{KeyAll: len(c.Key) > 1, Key: b.columns(c.Key), Compare: b.columns(c.Compare)}
	row.Amount = b.amount("--amount", c.Amount)
	row.Amount.Sign = recon.SignKind
	if c.Fee != "" {
		fee := b.amount("--fee", c.Fee)
		row.Fee = &fee
	}
	if c.Time != "" {
		row.Time = []string{b.column(c.Time)}
	}
	switch code, err := recon.ParseCurrency(c.Currency); {
	case c.Currency == "":
		row.Currency = "CNY"
	case err == nil:
		row.Currency = code
	default:
		row.CurrencyIn = b.column(c.Currency)
	}
	if c.Status != "" {
		row.Status = recon.StatusMap{Column: b.column(c.Status), Values: b.states(c.States)}
	}
	b.spec.Rows = []recon.RowRule{row}
	if c.Kind != "" {
		b.kinds(c.Kind, c.Kinds, row)
	}
	return b.spec, errors.Join(b.errs...)
}

// formatBuilder collects columns and complaints.
type formatBuilder struct {
	side int
	spec *recon.FormatSpec
	errs []error
}

// column declares a column by this side's name for it.
func (b *formatBuilder) column(text string) string {
	names := strings.Split(text, "=")
	name := strings.TrimSpace(names[min(b.side, len(names)-1)])
	if !slices.ContainsFunc(b.spec.Columns, func(c recon.Column) bool { return c.Name == name }) {
		b.spec.Columns = append(b.spec.Columns, recon.Column{Name: name})
	}
	return name
}

func (b *formatBuilder) columns(texts []string) []string {
	var names []string
	for _, text := range texts {
		names = append(names, b.column(text))
	}
	return names
}

// amount reads "column:unit". Sides that differ in both are written "amount:yuan=total:fen"; the last unit stands for all
// that have none.
func (b *formatBuilder) amount(flag, text string) recon.Amount {
	parts := strings.Split(text, "=")
	part := parts[min(b.side, len(parts)-1)]
	column, unit, found := cutUnit(part)
	if !found {
		_, unit, found = cutUnit(parts[len(parts)-1])
	}
	if !found || column == "" {
		b.errs = append(b.errs, fmt.Errorf("%s: needs a column and its unit (got %q); try: %s COLUMN:yuan", flag, text, flag))
		return recon.Amount{}
	}
	a := recon.Amount{Columns: []string{b.column(column)}}
	switch unit {
	case "yuan", "major":
		a.Unit = recon.UnitMajor
	case "fen", "cent", "cents", "minor":
		a.Unit = recon.UnitMinor
	default:
		b.errs = append(b.errs, fmt.Errorf("%s: unknown unit (got %q); try: yuan (19.99) or fen (1999)", flag, unit))
	}
	return a
}

func cutUnit(text string) (column, unit string, found bool) {
	at := strings.LastIndexByte(text, ':')
	if at < 0 {
		return strings.TrimSpace(text), "", false
	}
	return strings.TrimSpace(text[:at]), text[at+1:], true
}

// states maps the normalised names themselves, in the three ways people write them, and what was given.
func (b *formatBuilder) states(given map[string]string) map[string]recon.Status {
	values := map[string]recon.Status{}
	for _, s := range recon.Statuses() {
		for _, name := range spellings(string(s)) {
			values[name] = s
		}
	}
	for value, name := range given {
		s, err := recon.ParseStatus(strings.ToLower(name))
		if err != nil {
			b.errs = append(b.errs, fmt.Errorf("--map: %s: %w; try: --map %s=success", value, err, value))
		}
		values[value] = s
	}
	return values
}

// kinds makes a rule for each kind.
func (b *formatBuilder) kinds(column string, given map[string]string, row recon.RowRule) {
	b.spec.KindIn = b.column(column)
	matches := map[recon.Kind][]string{}
	for _, k := range recon.Kinds() {
		matches[k] = spellings(string(k))
	}
	for value, name := range given {
		k, err := recon.ParseKind(strings.ToLower(name))
		if err != nil {
			b.errs = append(b.errs, fmt.Errorf("--kind-map: %s: %w; try: --kind-map %s=payment", value, err, value))
			continue
		}
		matches[k] = append(matches[k], value)
	}
	b.spec.Rows = nil
	for _, k := range recon.Kinds() {
		rule := row
		rule.Kind, rule.Match = k, slices.Compact(slices.Sorted(slices.Values(matches[k])))
		rule.Amount.Sign = recon.SignAny
		b.spec.Rows = append(b.spec.Rows, rule)
	}
}

func spellings(name string) []string {
	return []string{name, strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:]}
}
