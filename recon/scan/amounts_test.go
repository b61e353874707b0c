package scan

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// style is one way in which channels write amounts.
type style struct {
	name   string
	write  func(fen int64) string
	amount recon.Amount
	kind   recon.Kind // "" where the sign tells
	lines  recon.LineRule
}

func yuan(fen int64) string { return fmt.Sprintf("%d.%02d", fen/100, fen%100) }

func thousands(fen int64) string {
	if fen < 100_000 {
		return yuan(fen)
	}
	return fmt.Sprintf("%d,%03d.%02d", fen/100_000, fen/100%1000, fen%100)
}

// turned is a minus before every second amount.
func turned(fen int64) string { return strings.Repeat("-", int(fen%2)) + yuan(fen) }

func letter(credit string) func(fen int64) string {
	return func(fen int64) string {
		if fen == 0 {
			return fmt.Sprintf(" %012d", fen) // zero has no direction
		}
		return fmt.Sprintf("%s%012d", credit, fen)
	}
}

func styles() []style {
	pipe, pay := recon.LineRule{Separator: "|"}, recon.KindPayment
	widths := recon.LineRule{Widths: []recon.Width{{Column: "key", Offset: 0, Length: 7}, {Column: "amount", Offset: 8, Length: 13}}}
	padded := widths
	padded.Trim = " "
	ticked := recon.LineRule{Separator: ",`", Trim: "`\t "}
	quoted := recon.LineRule{Separator: ",", Quote: true}
	major, minor := recon.Amount{Unit: recon.UnitMajor}, recon.Amount{Unit: recon.UnitMinor}
	with := func(a recon.Amount, sign recon.Sign, prefix string, grouped bool) recon.Amount {
		a.Sign, a.Prefix, a.Thousands = sign, prefix, grouped
		return a
	}
	return []style{
		{"yuan", yuan, major, pay, pipe},
		{"yuan with five decimals", func(fen int64) string { return yuan(fen) + "000" }, major, pay, pipe},
		{"as few decimals as it takes", func(fen int64) string { return strings.TrimRight(strings.TrimRight(yuan(fen), "0"), ".") }, major, pay, pipe},
		{"plus", func(fen int64) string { return "+" + yuan(fen) }, major, pay, pipe},
		{"leading zeros", func(fen int64) string { return fmt.Sprintf("%08d.%02d", fen/100, fen%100) }, major, pay, pipe},
		{"fen", func(fen int64) string { return fmt.Sprint(fen) }, minor, pay, pipe},
		{"fen of twelve digits", func(fen int64) string { return fmt.Sprintf("%012d", fen) }, minor, pay, pipe},
		{"thousands", thousands, with(major, "", "", true), pay, pipe},
		{"thousands in quotes", func(fen int64) string { return `"` + thousands(fen) + `"` }, with(major, "", "", true), pay, quoted},
		{"CNY in front", func(fen int64) string { return "CNY" + yuan(fen) }, with(major, "", "CNY", false), pay, pipe},
		{"a sign of the currency", func(fen int64) string { return "¥ " + thousands(fen) }, with(major, "", "¥", true), pay, pipe},
		{"backticks", func(fen int64) string { return yuan(fen) }, major, pay, ticked},
		{"a tab behind", func(fen int64) string { return yuan(fen) + "\t" }, major, pay, recon.LineRule{Separator: ",", Trim: "\t"}},
		{"refunds negative", func(fen int64) string { return "-" + yuan(fen) }, with(major, recon.SignFlip, "", false), recon.KindRefund, pipe},
		{"refunds of any sign", turned, with(major, recon.SignAny, "", false), recon.KindRefund, pipe},
		{"the sign is the kind", turned, with(major, recon.SignKind, "", false), "", pipe},
		{"the sign is the kind, in fen", func(fen int64) string { return fmt.Sprint(fen * (1 - 2*(fen%2))) }, with(minor, recon.SignKind, "", false), "", pipe},
		{"C in front, fixed width", letter("C"), with(minor, recon.SignCD, "", false), pay, widths},
		{"D in front, fixed width", letter("D"), with(minor, recon.SignCD, "", false), recon.KindRefund, widths},
		{"fixed width, to the right", func(fen int64) string { return fmt.Sprintf("%13s", yuan(fen)) }, major, pay, padded},
		{"fixed width, to the left", func(fen int64) string { return fmt.Sprintf("%-13s", yuan(fen)) }, major, pay, padded},
	}
}

func (s *style) spec() *recon.FormatSpec {
	s.amount.Columns = []string{"amount"}
	f := &recon.FormatSpec{
		Name: s.name, Lines: s.lines, Columns: []recon.Column{{Name: "key"}, {Name: "amount"}},
		Rows: []recon.RowRule{{Kind: s.kind, Key: []string{"key"}, Amount: s.amount, Currency: "CNY"}},
	}
	f.Header.None = true
	return f
}

// text has every amount from 0.00 to 1000.00, a line each.
func (s *style) text() string {
	separator := s.lines.Separator
	if separator == "" {
		separator = " "
	}
	var b strings.Builder
	for fen := range int64(100_001) {
		line := fmt.Sprintf("K%06d%s%s\n", fen, separator, s.write(fen))
		if s.lines.Separator == ",`" {
			line = "`" + line
		}
		b.WriteString(line)
	}
	return b.String()
}

// TestEveryAmountToAThousandInEveryStyle reads all 100,001 amounts as channels write them, record by record and as entries,
// from a file and a stream, with one worker and with three: each is the number of fen that was written, and all ways agree.
func TestEveryAmountToAThousandInEveryStyle(t *testing.T) {
	for _, s := range styles() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			text := s.text()
			path := file(t, text)
			var first []entry.Entry
			o := options(s.spec())
			for _, workers := range []int{1, 3} {
				o.Workers = workers
				for _, stream := range []bool{false, true} {
					side, err := OpenFile(path, o)
					if stream {
						side, err = OpenStream(io.NopCloser(strings.NewReader(text)), o)
					}
					if err != nil {
						t.Fatal(err)
					}
					entries := entriesOf(t, side)
					if first == nil {
						first = entries
						s.check(t, side, entries, o.Hasher)
					}
					if !slices.Equal(entries, first) {
						t.Errorf("%d workers, stream %t: the entries differ", workers, stream)
					}
					if err := side.Close(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
}

// entriesOf gives a side's entries in the order of the file.
func entriesOf(t *testing.T, side *Side) []entry.Entry {
	t.Helper()
	got := &gather{}
	result, err := side.Scan(t.Context(), got)
	if err != nil || result.Rejected > 0 || result.Records != 100_001 {
		t.Fatalf("%+v, %v", result, err)
	}
	slices.SortFunc(got.entries, func(a, b entry.Entry) int { return int(int64(a.At.Place()) - int64(b.At.Place())) })
	return got.entries
}

// check holds the records against what was written, and the entries against the records.
func (s *style) check(t *testing.T, side *Side, entries []entry.Entry, h *entry.Hasher) {
	t.Helper()
	fen := int64(0)
	for record, err := range side.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		kind := s.kind
		if kind == "" {
			kind = []recon.Kind{recon.KindPayment, recon.KindRefund}[fen%2]
		}
		if record.Amount != (recon.Money{Minor: fen, Currency: "CNY"}) || record.Key != (recon.Key{Kind: kind, ID: fmt.Sprintf("K%06d", fen)}) {
			t.Fatalf("%q: got %s, %s", s.write(fen), record.Key, record.Amount)
		}
		want, err := h.Of(&record, entries[fen].At.Place(), 0)
		if err != nil || !want.Same(&entries[fen]) {
			t.Fatalf("%q: the entry is not the record's (%v)", s.write(fen), err)
		}
		fen++
	}
	if fen != 100_001 {
		t.Fatalf("%d records", fen)
	}
}

// TestAmountsThatAreNone: what is no amount in a style is a reject that says where, never a number.
func TestAmountsThatAreNone(t *testing.T) {
	for _, text := range []string{
		"12.34-", "1e2", "1.234", "NaN", "Inf", "0x10", "１２.３４", "−1.00", "1,00.00", "1 000.00", "--1", "+-1", "1.", ".5", "", "-", "12,34", "9223372036854775808",
		"92233720368547758.08", "¥1.00", "1.00CNY",
	} {
		s := style{write: func(int64) string { return text }, amount: recon.Amount{Unit: recon.UnitMajor, Sign: recon.SignKind, Thousands: true}, lines: recon.LineRule{Separator: "|"}}
		_, result, _, err := scanText(t, "K|"+text+"\n", options(s.spec()))
		if err != nil || result.Records != 0 || result.Rejected != 1 {
			t.Errorf("%q: got %+v, %v", text, result, err)
		}
	}
}

// zeros never end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
func (zeros) Close() error               { return nil }

// TestUnpackingHasAnEnd: what unpacks to more than is allowed is damaged, and not read on.
func TestUnpackingHasAnEnd(t *testing.T) {
	n, err := io.Copy(io.Discard, &bounded{r: zeros{}, left: 1 << 20})
	if !errors.Is(err, errDamaged) || n > 2<<20 {
		t.Errorf("%d bytes, %v", n, err)
	}
}
