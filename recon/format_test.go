package recon

import (
	"strings"
	"testing"
)

func goodFormat() FormatSpec {
	return FormatSpec{
		Name: "plain", Lines: LineRule{Separator: ","},
		Columns: []Column{{Name: "id"}, {Name: "type"}, {Name: "amount"}, {Name: "state"}},
		KindIn:  "type",
		Rows: []RowRule{
			{Match: []string{"pay"}, Kind: KindPayment, Key: []string{"id"}, Amount: Amount{Columns: []string{"amount"}, Unit: UnitMajor}, Currency: "CNY",
				Status: StatusMap{Column: "state", Values: map[string]Status{"ok": StatusSuccess}}},
			{Match: []string{"note"}, Ignore: "a remark"},
		},
		Totals: []Total{{Names: []string{"count"}, Of: TotalCount}},
	}
}

func TestFormatSpecValidates(t *testing.T) {
	good := goodFormat()
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*FormatSpec)
		want   string
	}{
		"no separator":         {func(f *FormatSpec) { f.Lines.Separator = "" }, "lines.separator"},
		"separator and widths": {func(f *FormatSpec) { f.Lines.Widths = []Width{{"id", 0, 4}} }, "lines.widths"},
		"long separator":       {func(f *FormatSpec) { f.Lines.Separator = "|||" }, "lines.separator"},
		"line end separates":   {func(f *FormatSpec) { f.Lines.Separator = "\n" }, "lines.separator"},
		"quotes in widths":     {func(f *FormatSpec) { f.Lines.Separator = ",`"; f.Lines.Quote = true }, "lines.quote"},
		"entry":                {func(f *FormatSpec) { f.Entry = "[" }, "entry"},
		"charset":              {func(f *FormatSpec) { f.Charset = "latin1" }, "charset"},
		"column twice":         {func(f *FormatSpec) { f.Columns = append(f.Columns, Column{Name: "id"}) }, "columns[4]"},
		"no rows":              {func(f *FormatSpec) { f.Rows = nil }, "rows: "},
		"no key":               {func(f *FormatSpec) { f.Rows[0].Key = nil }, "rows[0].key"},
		"key not declared":     {func(f *FormatSpec) { f.Rows[0].Key = []string{"no"} }, `rows[0].key: column is not declared (got "no")`},
		"unknown kind":         {func(f *FormatSpec) { f.Rows[0].Kind = "gift" }, "rows[0].kind"},
		"no kind":              {func(f *FormatSpec) { f.Rows[0].Kind = "" }, "rows[0].kind"},
		"no currency":          {func(f *FormatSpec) { f.Rows[0].Currency = "" }, "rows[0].currency"},
		"unknown currency":     {func(f *FormatSpec) { f.Rows[0].Currency = "XXX" }, "rows[0].currency"},
		"no unit":              {func(f *FormatSpec) { f.Rows[0].Amount.Unit = "" }, "rows[0].amount.unit"},
		"fee of any sign": {func(f *FormatSpec) {
			f.Rows[0].Fee = &Amount{Columns: []string{"amount"}, Unit: UnitMajor, Sign: SignAny}
		}, "rows[0].fee.sign"},
		"state not mapped":     {func(f *FormatSpec) { f.Rows[0].Status.Values = nil }, "rows[0].status.values"},
		"unknown state":        {func(f *FormatSpec) { f.Rows[0].Status.Values["x"] = "paid" }, "rows[0].status.values"},
		"two rules, one value": {func(f *FormatSpec) { f.Rows[1].Match = []string{"pay"} }, "rows[1].match"},
		"rule for no value":    {func(f *FormatSpec) { f.Rows[1].Match = nil }, "rows[1].match"},
		"total of nothing":     {func(f *FormatSpec) { f.Totals[0].Of = "" }, "totals[0].of"},
		"total without name":   {func(f *FormatSpec) { f.Totals[0].Names = nil }, "totals[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			f := goodFormat()
			c.change(&f)
			if err := f.Validate(); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "try: ") {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}
