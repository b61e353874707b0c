package scan

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// simpleSpec has a payment a line, with what is added to it.
func simpleSpec(columns ...string) *recon.FormatSpec {
	spec := &recon.FormatSpec{
		Name: "simple", Lines: recon.LineRule{Separator: ","},
		Rows: []recon.RowRule{{Kind: recon.KindPayment, Key: []string{"id"}, Amount: recon.Amount{Columns: []string{"amount"}, Unit: recon.UnitMajor}, Currency: "CNY"}},
	}
	for _, name := range append([]string{"id", "amount"}, columns...) {
		spec.Columns = append(spec.Columns, recon.Column{Name: name, Optional: !slices.Contains([]string{"id", "amount"}, name)})
	}
	return spec
}

func TestSettlementDateAndOriginalPayment(t *testing.T) {
	spec := simpleSpec("settled", "paid by")
	spec.Rows[0].Settled, spec.Rows[0].Original, spec.Empty = "settled", []string{"paid by"}, []string{"0"}
	side, result, _, err := scanText(t, "id,amount,settled,paid by\nA,1.00,20260102,T1\nB,1.00,2026-01-03,0\nC,1.00,,\nD,1.00,2 January,T4\n", options(spec))
	if err != nil || result.Records != 3 {
		t.Fatal(result, err)
	}
	good, rejects := records(t, side)
	if good[0].Settled != "2026-01-02" || good[0].Original != "T1" || good[1].Settled != "2026-01-03" || good[1].Original != "" || good[2].Settled != "" {
		t.Errorf("got %+v", good)
	}
	if len(rejects) != 1 || rejects[0].Field != "settled" || rejects[0].Reason != "not a date of the form 2006-01-02 or 20060102" {
		t.Errorf("got %v", rejects)
	}
	o := options(spec)
	o.Full = false
	if _, result, _, err = scanText(t, "id,amount,settled\nD,1.00,2 January\n", o); err != nil || result.Records != 1 {
		t.Errorf("where it is not read: %+v, %v", result, err)
	}
}

// TestFreeTextInTwoPlaces: of the shares that two free texts can have of surplus cells, just one makes sense.
func TestFreeTextInTwoPlaces(t *testing.T) {
	spec := simpleSpec("goods", "time", "remark")
	spec.Lines.FreeText, spec.Rows[0].Time, spec.Rows[0].Compare = []string{"goods", "remark"}, []string{"time"}, []string{"goods", "remark"}
	head, at := "id,goods,amount,time,remark\n", "2026-01-02 03:04:05"
	for text, want := range map[string]string{
		"A,g,1.00," + at + ",r":                 "g|r",
		"A,g,h,1.00," + at + ",r":               "g,h|r",
		"A,g,1.00," + at + ",r,s,t":             "g|r,s,t",
		"A,g,2.00,h,1.00," + at + ",r,s":        "g,2.00,h|r,s",
		"A,g,1.00," + at + ",1.00," + at + ",r": "", // two shares make sense: nobody knows
		"A,g,x,y," + at + ",r":                  "", // none does
		"A,g,1.00," + at:                        "",
		"A,g" + strings.Repeat(",h", 40):        "",
		"A,g,1.00," + at + ",2.00,2026-13-1":    "g|r?",
	} {
		side, result, _, err := scanText(t, head+text+"\n", options(spec))
		if err != nil {
			t.Fatal(err)
		}
		good, _ := records(t, side)
		switch {
		case want == "g|r?":
			if result.Records != 1 || good[0].Further[1].Value != "2.00,2026-13-1" {
				t.Errorf("%s: got %+v", text, good)
			}
		case want == "":
			if result.Rejected != 1 || !strings.Contains(result.Rejects[0].Reason, "the header has 5") {
				t.Errorf("%s: got %+v", text, result)
			}
		case result.Records != 1 || good[0].Further[0].Value+"|"+good[0].Further[1].Value != want || good[0].Amount.Minor != 100:
			t.Errorf("%s: got %+v, rejects %v", text, good, result.Rejects)
		}
	}
}

func TestTextThatIsNotInTheCharsetOfTheFormat(t *testing.T) {
	spec := simpleSpec("状态")
	spec.Charset, spec.Lines.Separator = recon.CharsetGB18030, "|"
	spec.Rows[0].Status = recon.StatusMap{Column: "状态", Values: map[string]recon.Status{"成功": recon.StatusSuccess}}
	text := "id|amount|状态\n号1|1.00|成功\nB|2.00|成功\n"
	for name, c := range map[string]struct {
		text  string
		again bool
	}{"its own": {gbk(t, text), false}, "UTF-8": {text, true}, "UTF-8 with a mark": {"\ufeff" + text, true}} {
		side, result, _, err := scanText(t, c.text, options(spec))
		if err != nil || result.Records != 2 || result.Rejected != 0 || (len(result.Diagnostics) == 1) != c.again {
			t.Errorf("%s: got %+v, %v", name, result, err)
			continue
		}
		if good, _ := records(t, side); good[0].Key.ID != "号1" {
			t.Errorf("%s: got %+v", name, good)
		}
	}
	_, result, _, err := scanText(t, gbk(t, "id|amount|状态\n")+"A|1.00|"+gbk(t, "成功")+"\nB|1.00|\xb3\n", options(spec))
	if err != nil || result.Records != 1 || result.Rejected != 1 {
		t.Errorf("half a character: %+v, %v", result, err)
	}
}

func TestNumbersOfASpreadsheetAreRefused(t *testing.T) {
	spec := simpleSpec("txn", "order")
	spec.Rows[0].ChannelTxn, spec.Rows[0].Order = []string{"txn"}, []string{"order"}
	text := "id,amount,txn,order\n4.20E+27,1.00,,\nB,1.00,2.02607e+27,\nC,1.00,,4E+5\nE+5,1.00,a+b,1E+x\nF+1,1.00,1.2.3E+4,\n"
	side, result, _, err := scanText(t, text, options(spec))
	if err != nil || result.Records != 2 || result.Rejected != 3 {
		t.Fatalf("got %+v, %v", result, err)
	}
	_, rejects := records(t, side)
	for i, field := range []string{"id", "txn", "order"} {
		if rejects[i].Field != field || rejects[i].Reason != fromSheet {
			t.Errorf("got %v", rejects[i])
		}
	}
	o := options(spec)
	o.Full = false // only the key is read
	if _, result, _, err := scanText(t, text, o); err != nil || result.Rejected != 1 {
		t.Errorf("without the other ids: %+v, %v", result, err)
	}
}

// kindsSpec has payments and refunds, an amount and another column.
func kindsSpec(totals ...recon.Total) *recon.FormatSpec {
	spec := simpleSpec("kind", "net")
	refund := spec.Rows[0]
	spec.KindIn, spec.Rows[0].Match = "kind", []string{"pay"}
	refund.Kind, refund.Match, refund.Amount.Sign = recon.KindRefund, []string{"refund"}, recon.SignAny
	spec.Rows = append(spec.Rows, refund, recon.RowRule{Match: []string{"note"}, Ignore: "a note"})
	spec.Lines.Comment, spec.Totals = "#", totals
	return spec
}

// TestTotalsHoldRejectsToo: what a file states holds lines that this reader refuses.
func TestTotalsHoldRejectsToo(t *testing.T) {
	pay, refund := []recon.Kind{recon.KindPayment}, []recon.Kind{recon.KindRefund}
	rows := "kind,id,amount,net\npay,A,10.00,9.00\npay,,5.00,4.00\nrefund,R,-2.00,-1.50\nrefund,,-1.00,x\ngift,G,7.00,6.00\nnote,,,\npay,B,1.00\n"
	for name, c := range map[string]struct {
		total recon.Total
		end   string
		want  string // "" = right
	}{
		"all lines":               {recon.Total{Pattern: `^#n=(.*)`, Of: countOf}, "#n=7.0", ""},
		"payments":                {recon.Total{Pattern: `^#n=(.*)`, Of: countOf, Kinds: pay}, "#n=2", ""},
		"payments with doubt":     {recon.Total{Pattern: `^#n=(.*)`, Of: countOf, Kinds: pay}, "#n=4", ""},
		"too many payments":       {recon.Total{Pattern: `^#n=(.*)`, Of: countOf, Kinds: pay}, "#n=5", "count payment is 5, details are 2"},
		"amount of payments":      {recon.Total{Pattern: `^#n=(.*)`, Of: amountOf, Kinds: pay, Unit: recon.UnitMajor}, "#n=15.00", ""},
		"less than the payments":  {recon.Total{Pattern: `^#n=(.*)`, Of: amountOf, Kinds: pay, Unit: recon.UnitMajor}, "#n=14.99", "amount payment is 14.99, details are 15.00 without 2 unreadable"},
		"another column":          {recon.Total{Pattern: `^#n=(.*)`, Of: amountOf, Kinds: pay, Columns: []string{"net"}, Unit: recon.UnitMajor}, "#n=13.00", ""},
		"another, with doubt":     {recon.Total{Pattern: `^#n=(.*)`, Of: amountOf, Kinds: pay, Columns: []string{"net"}, Unit: recon.UnitMajor}, "#n=19", ""},
		"the amount's own column": {recon.Total{Pattern: `^#n=(.*)`, Of: amountOf, Kinds: pay, Columns: []string{"amount"}, Unit: recon.UnitMajor}, "#n=15.00", ""},
		"refunds, either sign":    {recon.Total{Pattern: `^#n=(.*)`, Of: amountOf, Kinds: refund, Columns: []string{"net"}, Unit: recon.UnitMajor, Sign: recon.SignAny}, "#n=1.50", ""},
		"with commas":             {recon.Total{Pattern: `^#n=(.*)`, Of: amountOf, Columns: []string{"amount"}, Unit: recon.UnitMajor}, "#n=19.00", ""},
		"not stated":              {recon.Total{Pattern: `^#n=(.*)`, Of: countOf, Kinds: refund, WithRows: true}, "", "count refund is not stated"},
		"no rows, not stated":     {recon.Total{Pattern: `^#n=(.*)`, Of: countOf, Kinds: []recon.Kind{recon.KindFee}, WithRows: true}, "", ""},
	} {
		for _, workers := range []int{1, 3} {
			o := options(kindsSpec(c.total))
			o.Workers = workers
			_, result, _, err := scanText(t, rows+c.end+"\n", o)
			if result == nil || result.Records != 2 || result.Rejected != 4 {
				t.Fatalf("%s: got %+v, %v", name, result, err)
			}
			if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want+";")) {
				t.Errorf("%s: got %v, want %q", name, err, c.want)
			}
		}
	}
}

func TestFurtherSumsAreAddedUp(t *testing.T) {
	o := options(kindsSpec())
	o.Sums = []ColumnSum{{Column: "net", Unit: recon.UnitMajor}, {Column: "amount", Unit: recon.UnitMajor, Names: []string{"sum"}}, {Column: "none", Unit: recon.UnitMajor}}
	_, result, _, err := scanText(t, "kind,id,amount,net\npay,A,10.00,\"9.00\npay,,5.00,4.00\nrefund,R,-2.00,-1.50\n", o)
	if err != nil || !slices.Equal(result.Sums, []int64{250, 1300, 0}) {
		t.Errorf("got %+v, %v", result, err)
	}
}

func TestTheLineBehindTheRowsMustBeThere(t *testing.T) {
	spec := kindsSpec()
	spec.Lines.End = "the end"
	rows := "#begin\nkind,id,amount\npay,A,10.00\n"
	_, result, _, err := scanText(t, rows+"#-- the end --\n#more\n", options(spec))
	if err != nil || !reflect.DeepEqual(result.Comments, []Comment{{1, "#begin"}, {4, "#-- the end --"}, {5, "#more"}}) {
		t.Errorf("got %+v, %v", result, err)
	}
	if _, _, _, err = scanText(t, rows, options(spec)); err == nil || !strings.Contains(err.Error(), `no line "the end": the file is cut off after line 3`) {
		t.Errorf("got %v", err)
	}
}

func TestAmountsThatMustSayTheirDirection(t *testing.T) {
	spec := simpleSpec()
	spec.Rows[0].Amount.Sign, spec.Rows[0].Amount.Unit = recon.SignCD, recon.UnitMinor
	for text, want := range map[string]string{"C100": "", "D000": "", "000": "", "100": noLetter, "D100": "the letter in front contradicts the kind", "C-100": "not a decimal number", "C": "not a decimal number", "X1": "not a decimal number"} {
		_, result, _, err := scanText(t, "id,amount\nA,"+text+"\n", options(spec))
		if err != nil || (result.Records == 1) != (want == "") || (want != "" && result.Rejects[0].Reason != want) {
			t.Errorf("%s: got %+v, %v", text, result, err)
		}
	}
}

func TestLineOfWidthsThatEndsInsideOfItsAmounts(t *testing.T) {
	spec := simpleSpec("rest")
	spec.Lines = recon.LineRule{Widths: []recon.Width{{Column: "id", Offset: 0, Length: 2}, {Column: "amount", Offset: 3, Length: 4}, {Column: "rest", Offset: 8, Length: 3}}}
	spec.Header.None = true
	_, result, _, err := scanText(t, "A1 1.00 xyz\nA2 2.00\n   \nA3 3.0\n\t\n", options(spec))
	if err != nil || result.Records != 2 || result.Rejected != 1 || result.Rejects[0].Reason != "6 bytes, its amounts reach to 7: the line is cut off" {
		t.Errorf("got %+v, %v", result, err)
	}
}

func TestCheckRefusesLines(t *testing.T) {
	spec := kindsSpec(recon.Total{Pattern: `^#n=(.*)`, Of: amountOf, Kinds: []recon.Kind{recon.KindPayment}, Unit: recon.UnitMajor})
	o := options(spec)
	o.Check = func(cell func(string) string, r *recon.Record) (string, string) {
		if cell("net") != r.Amount.Major() {
			return "net", "not the amount"
		}
		return "", ""
	}
	side, result, _, err := scanText(t, "kind,id,amount,net\npay,A,10.00,10.00\npay,B,5.00,4.00\n#n=15.00\n", o)
	if err != nil || result.Records != 1 || result.Rejected != 1 || result.Rejects[0].Error() != `bill.csv:3:12: net: not the amount (got "4.00")` {
		t.Errorf("got %+v, %v", result, err)
	}
	if good, rejects := records(t, side); len(good) != 1 || !reflect.DeepEqual(rejects, result.Rejects) {
		t.Errorf("got %v, %v", good, rejects)
	}
}

// TestLinesOfAFileThatIsRefused: whoever goes on after the problem sees what is in the file.
func TestLinesOfAFileThatIsRefused(t *testing.T) {
	spec := kindsSpec(recon.Total{Pattern: `^#n=(.*)`, Of: countOf})
	side, err := OpenStream(io.NopCloser(strings.NewReader("kind,id,amount\npay,A,10.00\nrefund,R,2.00\ngift,G,1.00\n#n=9\n")), options(spec))
	if err != nil {
		t.Fatal(err)
	}
	defer side.Close()
	var result Result
	var got []string
	for r, err := range side.Records(t.Context(), &result) {
		if err != nil {
			got = append(got, err.Error())
			continue
		}
		got = append(got, fmt.Sprint(r.Origin, " ", r.Key))
	}
	want := []string{"bill.csv: summary against details: count is 9, details are 3; try: fetch the file again; it is not reconciled", "bill.csv:2 payment A", "bill.csv:3 refund R", `bill.csv:4:1: kind: unknown value (got "gift")`}
	if !slices.Equal(got, want) || len(result.Control) != 1 {
		t.Errorf("got %q, %+v", got, result)
	}
	if len(result.Diagnostics) != 1 || result.Diagnostics[0] != (Diagnostic{Line: 3, Field: "amount", Value: "2.00", Message: "the amount's sign is not that of a refund"}) {
		t.Errorf("remarks %+v", result.Diagnostics)
	}
}

// TestVariantWithoutTheColumnsOfAKind: lines of such a kind are of an unknown one; a file in which no kind can be read is
// another file.
func TestVariantWithoutTheColumnsOfAKind(t *testing.T) {
	spec := kindsSpec()
	spec.Columns = append(spec.Columns, recon.Column{Name: "refund", Optional: true})
	spec.Rows[1].Key = []string{"refund"}
	_, result, _, err := scanText(t, "kind,id,amount\npay,A,1.00\nrefund,R,1.00\n", options(spec))
	if err != nil || result.Records != 1 || result.Rejected != 1 || result.Rejects[0].Reason != "unknown value" {
		t.Errorf("got %+v, %v", result, err)
	}
	spec.Rows[0].Key = []string{"refund"}
	if _, _, _, err = scanText(t, "kind,id,amount\npay,A,1.00\n", options(spec)); err == nil || !strings.Contains(err.Error(), "refund: is missing") {
		t.Errorf("got %v", err)
	}
}

// TestSummaryAcrossBlocks moves a summary over the place where one worker's block ends and the next one's begins. Its
// names are written like a row's values.
func TestSummaryAcrossBlocks(t *testing.T) {
	spec := kindsSpec(recon.Total{Names: []string{"n"}, Of: countOf, Required: true}, recon.Total{Names: []string{"sum"}, Of: amountOf, Columns: []string{"net"}, Unit: recon.UnitMajor})
	spec.Lines.Separator, spec.Lines.Summary = ",`", []string{"n"}
	row := "`pay,`A,`1.00,`0.50\r\n"
	head := "kind,id,amount,net\r\n"
	n := blockSize/len(row) - 1
	for pad := range 3 * len(row) {
		text := head + "`pay,`" + strings.Repeat("x", pad+1) + ",`1.00,`0.50\r\n" + strings.Repeat(row, n) + fmt.Sprintf("`n,`sum\r\n`%d,`%d.%d0\r\n", n+1, (n+1)/2, (n+1)%2*5)
		o := options(spec)
		o.Workers = 2
		_, result, _, err := scanText(t, text, o)
		if err != nil || result.Records != int64(n+1) || len(result.Control) != 2 {
			t.Fatalf("pad %d: %+v, %v", pad, result, err)
		}
	}
}

func TestArchiveOfSeveralFiles(t *testing.T) {
	details := gbk(t, "#业务明细\n类型,号,金额\n付,A,1.00\n付,B,2.00\n")
	summary := gbk(t, "#业务汇总\n门店,笔数,合计\n甲,2,3.00\n")
	spec := &recon.FormatSpec{
		Name: "shop", Charset: recon.CharsetGB18030, Lines: recon.LineRule{Separator: ",", Comment: "#"}, KindIn: "类型",
		Columns: []recon.Column{{Name: "类型"}, {Name: "号"}, {Name: "金额"}},
		Rows:    []recon.RowRule{{Match: []string{"付"}, Kind: recon.KindPayment, Key: []string{"号"}, Amount: recon.Amount{Columns: []string{"金额"}, Unit: recon.UnitMajor}, Currency: "CNY"}},
	}
	empty, other := details[:strings.Index(details, "\n"+gbk(t, "付"))+1], strings.ReplaceAll(details, gbk(t, "\n付"), gbk(t, "\n退"))
	long := details + strings.Repeat(gbk(t, "付,C,3.00\n"), 60_000)
	for name, c := range map[string]struct {
		files []string
		want  int64
		err   string
	}{
		"details first":             {[]string{details, summary}, 2, ""},
		"summary first":             {[]string{summary, details}, 2, ""},
		"longer than what is tried": {[]string{summary, long}, 60_002, ""},
		"an empty day":              {[]string{summary, empty}, 0, ""},
		"one without lines":         {[]string{empty, summary, details}, 2, ""},
		"other kinds":               {[]string{other, details}, 2, ""},
		"two of them":               {[]string{details, details}, 0, "of which 2 are what the format shop describes: 文件0.csv, 文件1.csv; try"},
		"none":                      {[]string{summary, summary}, 0, "of which 0 are"},
		"none, and empty":           {[]string{summary, ""}, 0, "of which 0 are"},
	} {
		_, result, _, err := scanText(t, archive(t, c.files...), options(spec))
		if c.err != "" {
			if problem := (*Problem)(nil); !errors.As(err, &problem) || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: got %v", name, err)
			}
			continue
		}
		if err != nil || result.Records != c.want {
			t.Errorf("%s: got %+v, %v", name, result, err)
		}
	}
	spec.Entry = "*1.csv"
	if _, result, _, err := scanText(t, archive(t, details, long, summary), options(spec)); err != nil || result.Records != 60_002 {
		t.Errorf("by its name: got %+v, %v", result, err)
	}
	spec.Entry = "*9.csv"
	if _, _, _, err := scanText(t, archive(t, details, summary), options(spec)); err == nil || !strings.Contains(err.Error(), "no file *9.csv, but 文件0.csv, 文件1.csv") {
		t.Errorf("a name that is not there: got %v", err)
	}
	spec.Entry = ""
	damaged := []byte(archive(t, summary, details))
	damaged[40] ^= 0x55
	if _, _, _, err := scanText(t, string(damaged), options(spec)); err == nil {
		t.Error("a damaged archive was read")
	}
}

// archive packs files whose names are in GBK, without a mark that says so.
func archive(t *testing.T, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i, text := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: gbk(t, fmt.Sprintf("文件%d.csv", i)), NonUTF8: true, Method: zip.Deflate})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestPlainColumnsAreSummedWithoutWork: a total over the column that amounts are read from says what they add up to, and
// nothing is done for it line by line.
func TestPlainColumnsAreSummedWithoutWork(t *testing.T) {
	pay := recon.Total{Names: []string{"n"}, Of: amountOf, Kinds: []recon.Kind{recon.KindPayment}, Columns: []string{"amount"}, Unit: recon.UnitMajor}
	refund := pay
	refund.Kinds = []recon.Kind{recon.KindRefund} // written with a sign
	for want, totals := range map[int][]recon.Total{0: {pay}, 1: {pay, refund}} {
		o := options(kindsSpec(totals...))
		l, _, err := bind(&o, []string{"kind", "id", "amount", "net"}, 1, recon.CharsetUTF8)
		if err != nil || len(l.perRow) != want {
			t.Errorf("%d columns are added up line by line, want %d (%v)", len(l.perRow), want, err)
		}
	}
	o := Options{Format: plainSpec(), Hasher: entry.NewHasher(entry.Secret{})}
	if l, _, err := bind(&o, strings.Split(strings.TrimSpace(plainHeader), ","), 1, recon.CharsetUTF8); err != nil || len(l.totals) != 0 || l.fees || l.full {
		t.Errorf("got %+v, %v", l, err)
	}
}
