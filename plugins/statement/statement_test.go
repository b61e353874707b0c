package statement

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
)

type collected struct {
	records []recon.Record
	rejects []recon.Reject
}

func (c *collected) Record(r recon.Record) error { c.records = append(c.records, r); return nil }
func (c *collected) Reject(r recon.Reject) error { c.rejects = append(c.rejects, r); return nil }

// grouped writes 1234567.89 as 1,234,567.89.
func grouped(text string) string {
	whole, rest, _ := strings.Cut(text, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return sign + whole + "." + rest
}

// TestEveryAmountInEveryStyle reads all 100,001 amounts from 0.00 to 1000.00 as each channel writes them.
func TestEveryAmountInEveryStyle(t *testing.T) {
	yuan := func(fen int64) string { return recon.Money{Minor: fen, Currency: "CNY"}.Major() }
	for _, style := range []struct {
		name  string
		a     recon.Amount
		kind  recon.Kind
		write func(fen int64) string
	}{
		{"WeChat yuan", recon.Amount{Unit: recon.UnitMajor}, recon.KindPayment, yuan},
		{"WeChat fee with five decimals", recon.Amount{Unit: recon.UnitMajor}, recon.KindPayment, func(fen int64) string { return yuan(fen) + "000" }},
		{"Alipay refund, negative", recon.Amount{Unit: recon.UnitMajor, Sign: recon.SignFlip}, recon.KindRefund, func(fen int64) string { return yuan(-fen) }},
		{"either sign", recon.Amount{Unit: recon.UnitMajor, Sign: recon.SignAny}, recon.KindRefund, func(fen int64) string { return yuan(-fen) }},
		{"the sign tells the kind", recon.Amount{Unit: recon.UnitMajor, Sign: recon.SignKind}, "", func(fen int64) string { return yuan(-fen) }},
		{"UnionPay fen, padded", recon.Amount{Unit: recon.UnitMinor}, recon.KindPayment, func(fen int64) string { return fmt.Sprintf("%012d", fen) }},
		{"UnionPay C", recon.Amount{Unit: recon.UnitMinor, Sign: recon.SignCD}, recon.KindPayment, func(fen int64) string { return fmt.Sprintf("C%012d", fen) }},
		{"UnionPay D", recon.Amount{Unit: recon.UnitMinor, Sign: recon.SignCD}, recon.KindRefund, func(fen int64) string { return fmt.Sprintf("D%012d", fen) }},
		{"NetsUnion prefix", recon.Amount{Unit: recon.UnitMajor, Prefix: "CNY"}, recon.KindPayment, func(fen int64) string { return "CNY" + yuan(fen) }},
		{"BOCOM thousands", recon.Amount{Unit: recon.UnitMajor, Thousands: true}, recon.KindPayment, func(fen int64) string { return grouped(yuan(fen)) }},
		{"ABC, no zeros at the end", recon.Amount{Unit: recon.UnitMajor}, recon.KindPayment, func(fen int64) string {
			return strings.TrimSuffix(strings.TrimRight(yuan(fen), "0"), ".")
		}},
		{"plus sign", recon.Amount{Unit: recon.UnitMajor}, recon.KindPayment, func(fen int64) string { return "+" + yuan(fen) }},
	} {
		t.Run(style.name, func(t *testing.T) {
			for fen := range int64(100_001) {
				text := style.write(fen)
				w, err := number(text, &style.a, "CNY")
				if err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				got, kind, against, err := booked(w, style.a.Sign, style.kind)
				want := style.kind
				if want == "" && fen > 0 {
					want = recon.KindRefund
				} else if want == "" {
					want = recon.KindPayment
				}
				if err != nil || got != fen || kind != want || against {
					t.Fatalf("%s: got %d %s, %v", text, got, kind, err)
				}
			}
		})
	}
}

func TestAmountsThatAreNone(t *testing.T) {
	plain, groups, letters := recon.Amount{Unit: recon.UnitMajor}, recon.Amount{Unit: recon.UnitMajor, Thousands: true}, recon.Amount{Unit: recon.UnitMinor, Sign: recon.SignCD}
	for _, tt := range []struct {
		a    recon.Amount
		text string
	}{
		{plain, ""}, {plain, "1e2"}, {plain, "NaN"}, {plain, "−1.00"}, {plain, "¥1.00"}, {plain, "1.001"}, {plain, "1,100.00"}, {plain, "0x10"}, {plain, "1 00"},
		{plain, "92233720368547758.08"}, {groups, "1,00.00"}, {groups, ",100.00"}, {groups, "1,100,.00"}, {groups, "1,100.0,0"}, {groups, "1234,100.00"},
		{letters, "X000000000001"}, {letters, "C-00000000001"}, {letters, "C"},
	} {
		if w, err := number(tt.text, &tt.a, "CNY"); err == nil {
			t.Errorf("%q was read as %d", tt.text, w.minor)
		}
	}
	for _, tt := range []struct {
		w    written
		sign recon.Sign
		kind recon.Kind
	}{
		{written{minor: -1}, recon.SignPlain, recon.KindPayment}, {written{minor: 1}, recon.SignFlip, recon.KindRefund},
		{written{minor: 1, letter: 'D'}, recon.SignCD, recon.KindPayment}, {written{minor: 1, letter: 'C'}, recon.SignCD, recon.KindRefund},
		{written{minor: 1, letter: ' '}, recon.SignCD, recon.KindPayment},
	} {
		if n, _, _, err := booked(tt.w, tt.sign, tt.kind); err == nil {
			t.Errorf("%+v as %s with sign %q was booked as %d", tt.w, tt.kind, tt.sign, n)
		}
	}
}

func TestFeesAreCosts(t *testing.T) {
	for _, tt := range []struct {
		text string
		a    recon.Amount
		want int64
	}{
		{"0.32000", recon.Amount{Unit: recon.UnitMajor}, 32}, {"-0.27000", recon.Amount{Unit: recon.UnitMajor}, -27},
		{"-0.59", recon.Amount{Unit: recon.UnitMajor, Sign: recon.SignFlip}, 59}, {"0.20", recon.Amount{Unit: recon.UnitMajor, Sign: recon.SignFlip}, -20},
		{"D000000002861", recon.Amount{Unit: recon.UnitMinor, Sign: recon.SignCD}, 2861}, {"C000000000023", recon.Amount{Unit: recon.UnitMinor, Sign: recon.SignCD}, -23},
		{"000000000000", recon.Amount{Unit: recon.UnitMinor, Sign: recon.SignCD}, 0},
	} {
		w, err := number(tt.text, &tt.a, "CNY")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := cost(w, tt.a.Sign); err != nil || got != tt.want {
			t.Errorf("%s: got %d, %v", tt.text, got, err)
		}
	}
}

// spec is a small format with everything that can go wrong in a line.
func spec() *recon.FormatSpec {
	return &recon.FormatSpec{
		Name: "small", Lines: recon.LineRule{Separator: ",", Trim: " ", FreeText: []string{"goods", "memo"}, Comment: "#"},
		Columns: []recon.Column{{Name: "id"}, {Name: "goods"}, {Name: "type"}, {Name: "at"}, {Name: "amount"}, {Name: "memo"}}, KindIn: "type",
		Rows: []recon.RowRule{
			{Match: []string{"pay"}, Kind: recon.KindPayment, Key: []string{"id"}, Amount: recon.Amount{Columns: []string{"amount"}, Unit: recon.UnitMajor}, Currency: "CNY", Time: []string{"at"}},
			{Match: []string{"note"}, Ignore: "a note"},
		},
		Totals: []recon.Total{{Pattern: `^#count (\d+)`, Of: recon.TotalCount}, {Pattern: `^#sum ([\d.]+)`, Of: recon.TotalAmount, Kinds: []recon.Kind{recon.KindPayment}, Columns: []string{"amount"}, Unit: recon.UnitMajor}},
	}
}

func read(t *testing.T, f *recon.FormatSpec, text string) (*collected, plugins.DecodeResult, error) {
	t.Helper()
	got := &collected{}
	res, err := Decode(t.Context(), f, Request{}, strings.NewReader(text), got)
	return got, res, err
}

const header = "id,goods,type,at,amount,memo\n"

func TestFreeTextOnBothSides(t *testing.T) {
	for _, tt := range []struct {
		row string
		ok  bool
	}{
		{"A,apple,pay,2026-07-01 00:00:00,1.00,x", true},
		{"A,a,b,c,pay,2026-07-01 00:00:00,1.00,x", true},
		{"A,apple,pay,2026-07-01 00:00:00,1.00,x,y,z", true},
		{"A,a,b,pay,2026-07-01 00:00:00,1.00,x,y", true},
		{"A,x,pay,2026-07-01 00:00:00,1.00,pay,2026-07-01 00:00:00,2.00,m", false}, // two readings
		{"A,a,b,c,d,e,f", false},
		{"A,apple,pay", false},
	} {
		got, res, err := read(t, spec(), header+tt.row+"\n")
		if err != nil || len(got.records)+len(got.rejects) != 1 || (len(got.records) == 1) != tt.ok {
			t.Errorf("%s: records %v, rejects %v, %v", tt.row, got.records, got.rejects, err)
		}
		if tt.ok && got.records[0].Amount.Minor != 100 {
			t.Errorf("%s: got %+v", tt.row, got.records[0])
		}
		if res.Records+res.Rejects != 1 {
			t.Errorf("%s: %+v", tt.row, res)
		}
	}
}

func TestTotals(t *testing.T) {
	row := "A,g,pay,2026-07-01 00:00:00,1.00,\n"
	for _, tt := range []struct{ name, text, want string }{
		{"agree", row + row + "#count 2\n#sum 2.00\n", ""},
		{"not stated", row, ""},
		{"count", row + "#count 2\n", "count is 2, details are 1"},
		{"sum", row + "#sum 1.01\n", "amount payment is 1.01, details are 1.00"},
		{"stated twice", row + "#count 1\n#count 2\n", "stated twice"},
		{"no number", row + "#sum 1.0.0\n", "not a decimal number"},
		{"a reject counts as far as it can be read", row + "B,g,pay,never,2.00,\n#count 2\n#sum 3.00\n", ""},
		{"a row of unknown kind counts", row + "B,g,gift,2026-07-01 00:00:00,2.00,\n#count 2\n#sum 3.00\n", ""},
		{"or it does not", row + "B,g,gift,2026-07-01 00:00:00,2.00,\n#count 2\n#sum 1.00\n", ""},
		{"but nothing else", row + "B,g,gift,2026-07-01 00:00:00,2.00,\n#sum 2.00\n", "amount payment is 2.00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := read(t, spec(), header+tt.text)
			if (tt.want == "") != (err == nil) || (err != nil && (plugins.KindOf(err) != plugins.FailureQuarantine || !strings.Contains(err.Error(), tt.want))) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestIgnoredLinesAreCounted(t *testing.T) {
	got, res, err := read(t, spec(), header+"A,g,note,,,\nB,g,note,,,\n")
	if err != nil || len(got.records) != 0 || len(got.rejects) != 0 || len(res.Diagnostics) != 1 || !strings.Contains(res.Diagnostics[0].Message, "2 lines are no bookings: a note") {
		t.Errorf("got %+v, %v", res, err)
	}
}

func TestQuotesAcrossLines(t *testing.T) {
	f := spec()
	f.Lines.Quote, f.Lines.FreeText = true, nil
	got, _, err := read(t, f, header+"A,\"a \"\"b\"\",\nc\",pay,2026-07-01 00:00:00,1.00,\nB,g,pay,2026-07-01 00:00:00,2.00,\n")
	if err != nil || len(got.records) != 2 || got.records[0].Origin.Line != 2 || got.records[1].Origin.Line != 4 {
		t.Errorf("got %+v, rejects %v, %v", got.records, got.rejects, err)
	}
	got, _, err = read(t, f, header+"A,\"never closed,pay,2026-07-01 00:00:00,1.00,\nB,g,pay,2026-07-01 00:00:00,2.00,\n")
	if err != nil || len(got.records) != 0 || len(got.rejects) != 1 {
		t.Errorf("open quote: records %v, rejects %v, %v", got.records, got.rejects, err)
	}
}

func TestHeaderDrift(t *testing.T) {
	row := ",g,pay,2026-07-01 00:00:00,1.00,\n"
	for _, tt := range []struct{ name, header, want string }{
		{"full width and marks", "\uFEFFid,goods,type,at,ａｍｏｕｎｔ, memo ", ""},
		{"missing", "id,goods,type,at,money,memo", "column amount is missing"},
		{"twice", "id,goods,type,at,amount,memo,amount", "occurs twice"},
	} {
		_, _, err := read(t, spec(), tt.header+"\nA"+row)
		if (tt.want == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
	_, res, err := read(t, spec(), "id,goods,type,at,amount,memo,new\nA,g,pay,2026-07-01 00:00:00,1.00,,x\n")
	if err != nil || len(res.Diagnostics) != 1 || res.Diagnostics[0].Field != "new" {
		t.Errorf("unknown column: %+v, %v", res.Diagnostics, err)
	}
	strict := spec()
	strict.Strict = true
	if _, _, err := read(t, strict, "id,goods,type,at,amount,memo,new\n"); plugins.KindOf(err) != plugins.FailureQuarantine {
		t.Errorf("unknown column of a strict format: %v", err)
	}
}

func TestCharsets(t *testing.T) {
	f := spec()
	f.Charset = recon.CharsetGB18030
	raw := header + "A,\xc6\xbb\xb9\xfb\xa1\xa2\x81|,pay,2026-07-01 00:00:00,1.00,\n" // a trail byte that is a separator elsewhere
	got, _, err := read(t, f, raw)
	if err != nil || len(got.records) != 1 {
		t.Errorf("GBK: %v, %v", got.rejects, err)
	}
	if _, res, err := read(t, f, header+"A,苹果,pay,2026-07-01 00:00:00,1.00,\n"); err != nil || len(res.Diagnostics) != 1 || !strings.Contains(res.Diagnostics[0].Message, "UTF-8") {
		t.Errorf("UTF-8 instead: %+v, %v", res.Diagnostics, err)
	}
	if got, _, err := read(t, spec(), header+"A,\xff\xfe,pay,2026-07-01 00:00:00,1.00,\n"); err != nil || len(got.rejects) != 1 || !strings.Contains(got.rejects[0].Reason, "charset") {
		t.Errorf("neither: %v, %v", got.rejects, err)
	}
}

func TestSpreadsheetsAreFound(t *testing.T) {
	got, _, err := read(t, spec(), header+"4.2E+27,g,pay,2026-07-01 00:00:00,1.00,\n")
	if err != nil || len(got.rejects) != 1 || !strings.Contains(got.rejects[0].Reason, "spreadsheet") {
		t.Errorf("got %v, %v", got.rejects, err)
	}
}

func TestCheckMakesARowAReject(t *testing.T) {
	got := &collected{}
	_, err := Decode(t.Context(), spec(), Request{Check: func(cell func(string) string, r *recon.Record) (string, string) {
		if cell("goods") == "bad" {
			return "goods", fmt.Sprintf("%s is not for sale", r.Key.ID)
		}
		return "", ""
	}}, strings.NewReader(header+"A,bad,pay,2026-07-01 00:00:00,1.00,\nB,good,pay,2026-07-01 00:00:00,1.00,\n"), got)
	if err != nil || len(got.records) != 1 || len(got.rejects) != 1 || got.rejects[0].Field != "goods" || got.rejects[0].Column != 3 || got.rejects[0].Reason != "A is not for sale" {
		t.Errorf("records %v, rejects %+v, %v", got.records, got.rejects, err)
	}
}

func TestContextAndEmitterEndTheReading(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Decode(ctx, spec(), Request{}, strings.NewReader(header), &collected{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	full := errors.New("disk full")
	if _, err := Decode(t.Context(), spec(), Request{}, strings.NewReader(header+"A,g,pay,2026-07-01 00:00:00,1.00,\n"), broken{full}); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

type broken struct{ err error }

func (b broken) Record(recon.Record) error { return b.err }
func (b broken) Reject(recon.Reject) error { return b.err }
