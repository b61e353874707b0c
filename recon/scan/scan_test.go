package scan

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

func TestLinesBecomeRecords(t *testing.T) {
	text := "\ufeff# made by hand\n" + plainHeader +
		"P1,0,pay,19.99,CNY,ok,2026-11-23 10:00:00,0.12,a note\r\n" +
		"\n" +
		"P1,R1,refund,-0.29,RMB,bad,2026-11-23 10:00:01,,\n" +
		`"P,2",,pay,"1234567.00",人民币,ok,,,"two` + "\nlines, \"\"quoted\"\"\"\n" +
		"# between\n" +
		"x,,remark,,,,,,\n" +
		"P3\t,, pay ,1,CNY,ok,2026-11-23 23:59:59,-0.5,last"
	side, result, entries, err := scanText(t, text, options(plainSpec()))
	if err != nil {
		t.Fatal(err)
	}
	if result.Records != 4 || result.Rejected != 0 || result.Ignored["a remark"] != 1 || len(entries) != 4 {
		t.Fatalf("got %+v, %d entries", result, len(entries))
	}
	good, _ := records(t, side)
	type brief struct {
		line                         int
		kind                         recon.Kind
		id, order, amount, fee, note string
		status                       recon.Status
		time                         string
	}
	want := []brief{
		{3, recon.KindPayment, "P1", "P1", "19.99 CNY", "0.12", "a note", recon.StatusSuccess, "2026-11-23T02:00:00Z"},
		{5, recon.KindRefund, "R1", "P1", "0.29 CNY", "", "", recon.StatusFailed, "2026-11-23T02:00:01Z"},
		{6, recon.KindPayment, "P,2", "P,2", "1234567.00 CNY", "", "two\nlines, \"quoted\"", recon.StatusSuccess, ""},
		{10, recon.KindPayment, "P3", "P3", "1.00 CNY", "-0.50", "last", recon.StatusSuccess, "2026-11-23T15:59:59Z"},
	}
	for i, w := range want {
		r := good[i]
		got := brief{line: r.Origin.Line, kind: r.Key.Kind, id: r.Key.ID, order: r.Order, amount: r.Amount.String(), note: r.Further[0].Value, status: r.Status}
		if r.Fee != nil {
			got.fee = r.Fee.Major()
		}
		if !r.Time.IsZero() {
			got.time = r.Time.UTC().Format(time.RFC3339)
		}
		if got != w {
			t.Errorf("record %d:\ngot  %+v\nwant %+v", i, got, w)
		}
	}
}

// TestEntriesAreThoseOfTheRecords holds the fast path against the records it stands for.
func TestEntriesAreThoseOfTheRecords(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var b strings.Builder
	b.WriteString(plainHeader)
	for range 3000 {
		id := fmt.Sprintf("P%d", rng.IntN(1e9))
		if rng.IntN(20) == 0 {
			id = "\"" + id + ",\n\"\"订单\""
			id = strings.ReplaceAll(id, "\n", "")
		}
		note := []string{"", "plain", "\"with, comma\"", "\"two\nlines\"", "中文"}[rng.IntN(5)]
		fmt.Fprintf(&b, "%s,,pay,%d.%02d,%s,%s,2026-11-%02d %02d:%02d:%02d,%d.%d,%s\n", id, rng.IntN(1e7), rng.IntN(100), []string{"CNY", "USD", "RMB"}[rng.IntN(3)],
			[]string{"ok", "bad"}[rng.IntN(2)], 1+rng.IntN(28), rng.IntN(24), rng.IntN(60), rng.IntN(60), rng.IntN(10), rng.IntN(10), note)
	}
	for _, compared := range []entry.Compared{0, entry.CompareFee | entry.CompareTime | entry.CompareOrder | entry.CompareFurther | entry.CompareAccount | entry.CompareChannelTxn} {
		o := options(plainSpec())
		o.Compared = compared
		side, result, entries, err := scanText(t, b.String(), o)
		if err != nil || result.Records != 3000 {
			t.Fatal(result, err)
		}
		good, _ := records(t, side)
		for i := range good {
			want, err := o.Hasher.Of(&good[i], entries[i].At.Place(), compared)
			if err != nil || want != entries[i] {
				t.Fatalf("record %d %+v: entry %+v, of the record %+v, %v", i, good[i], entries[i], want, err)
			}
		}
	}
}

func TestRejectsSayWhere(t *testing.T) {
	for name, c := range map[string]struct {
		line, field, value, reason string
		column                     int
	}{
		"amount is no number":      {"P1,,pay,1e2,CNY,ok,,,", "amount", "1e2", "not a decimal number", 9},
		"amount has a third digit": {"P1,,pay,1.005,CNY,ok,,,", "amount", "1.005", "more decimals", 9},
		"amount is missing":        {"P1,,pay,,CNY,ok,,,", "amount", "", "empty", 9},
		"amount is negative":       {"P1,,pay,-1.00,CNY,ok,,,", "amount", "-1.00", "negative amount", 9},
		"refund is positive":       {"P1,R1,refund,1.00,CNY,ok,,,", "amount", "1.00", "without the minus sign", 14},
		"amount is too large":      {"P1,,pay,92233720368547758.08,CNY,ok,,,", "amount", "92233720368547758.08", "out of range", 9},
		"unknown kind":             {"P1,,gift,1.00,CNY,ok,,,", "type", "gift", "unknown value", 5},
		"unknown state":            {"P1,,pay,1.00,CNY,OK?,,,", "state", "OK?", "unknown state", 18},
		"unknown currency":         {"P1,,pay,1.00,XYZ,ok,,,", "currency", "XYZ", "unknown currency", 14},
		"no key":                   {",0,pay,1.00,CNY,ok,,,", "refund", "0", "empty: the line has no key", 2},
		"number of a spreadsheet":  {"4.2E+27,,pay,1.00,CNY,ok,,,", "order", "4.2E+27", "scientific notation", 1},
		"no state":                 {"P1,,pay,1.00,CNY,,,,", "state", "", "empty", 18},
		"NUL in a key":             {"P\x001,,pay,1.00,CNY,ok,,,", "order", "P\x001", "control character", 1},
		"broken UTF-8 elsewhere":   {"P1,,pay,1.00,CNY,ok,,,\xc3(", "", "P1,,pay,1.00,CNY,ok,,,\xc3(", "not of the charset", 0},
		"broken UTF-8 in a key":    {"P\xc3(,,pay,1.00,CNY,ok,,,", "order", "P\xc3(", "charset", 1},
		"mark inside":              {"\ufeffP1,,pay,1.00,CNY,ok,,,", "order", "\ufeffP1", "byte order mark", 1},
		"no time":                  {"P1,,pay,1.00,CNY,ok,2026-02-30 10:00:00,,", "time", "2026-02-30 10:00:00", "not a time", 21},
		"fee is no number":         {"P1,,pay,1.00,CNY,ok,,free,", "fee", "free", "not a decimal number", 22},
		"a column too few":         {"P1,,pay,1.00,CNY,ok,", "", "P1,,pay,1.00,CNY,ok,", "7 columns, the header has 9", 0},
		"a column too many":        {"P1,,pay,1.00,CNY,ok,,,,x", "", "P1,,pay,1.00,CNY,ok,,,,x", "10 columns, the header has 9", 0},
		"header again":             {strings.TrimSpace(plainHeader), "type", "type", "unknown value", 14},
	} {
		t.Run(name, func(t *testing.T) {
			text := plainHeader + "A,,pay,1.00,CNY,ok,,,\n" + c.line + "\nB,,pay,1.00,CNY,ok,,,\n"
			side, result, _, err := scanText(t, text, options(plainSpec()))
			if err != nil {
				t.Fatal(err)
			}
			if result.Records != 2 || result.Rejected != 1 || len(result.Rejects) != 1 {
				t.Fatalf("got %+v", result)
			}
			r := result.Rejects[0]
			if r.Origin.String() != "bill.csv:3" || r.Field != c.field || r.Value != c.value || !strings.Contains(r.Reason, c.reason) || r.Column != c.column {
				t.Errorf("got %+v", r)
			}
			if _, rejects := records(t, side); !reflect.DeepEqual(rejects, result.Rejects) {
				t.Errorf("one by one: %+v", rejects)
			}
		})
	}
}

func TestFilesThatMustNotBeReconciled(t *testing.T) {
	row := "P1,,pay,1.00,CNY,ok,,,\n"
	for name, c := range map[string]struct{ text, want string }{
		"empty":                {"", "bill.csv: empty file"},
		"comments only":        {"# a\n# b\n", "no header"},
		"no such column":       {"order,type\nP1,pay\n", "bill.csv:1: amount: is missing: another kind of file, or a new layout; try: one of order, type"},
		"a column twice":       {strings.Replace(plainHeader, "note", "order", 1) + row, "order: occurs twice"},
		"UTF-16":               {"\xff\xfeo\x00r\x00", "UTF-16; try: iconv"},
		"an error page":        {"<!DOCTYPE html>\n<html>late</html>", "a page or an answer"},
		"an XML answer":        {"<xml><return_code>FAIL</return_code></xml>", "a page or an answer"},
		"a JSON answer":        {`{"code":"NO_STATEMENT_EXIST"}`, "a page or an answer"},
		"no summary":           {plainHeader + row, "bill.csv: no summary: the file is cut off after line 2"},
		"a row behind it":      {plainHeader + row + "total,1\n" + row, "bill.csv:4: text after the summary"},
		"rows after the total": {plainHeader + row + "total,1\n1,1\n" + strings.Repeat(row, 20000), "bill.csv:3: "},
		"stray quote":          {plainHeader + row + "P\"2,,pay,1.00,CNY,ok,,,\n" + row, "bill.csv:3:2: a quote that neither opens nor closes a cell"},
		"quote never closed":   {plainHeader + row + "\"P2,,pay,1.00,CNY,ok,,,\n" + strings.Repeat(row, 60000), "bill.csv:3: a line longer than"},
		"endless line":         {plainHeader + row + strings.Repeat("x", 2<<20) + "\n" + row, "bill.csv:3: a line longer than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, _, err := scanText(t, c.text, options(summedSpec()))
			var problem *Problem
			if !errors.As(err, &problem) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "try: ") {
				t.Errorf("got %v, want %s", err, c.want)
			}
			o := options(summedSpec())
			stream, err := OpenStream(io.NopCloser(strings.NewReader(c.text)), o)
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Close()
			if _, err := stream.Scan(t.Context(), &gather{}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("as a stream: got %v", err)
			}
		})
	}
}

func TestHeaderOnlyIsAnEmptySide(t *testing.T) {
	_, result, entries, err := scanText(t, plainHeader, options(plainSpec()))
	if err != nil || result.Records != 0 || len(entries) != 0 {
		t.Fatalf("got %+v, %v", result, err)
	}
}

// TestFormsAndWorkersAgree reads one text as a file, a stream, gzip, with one worker and with many.
func TestFormsAndWorkersAgree(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var b strings.Builder
	b.WriteString(plainHeader)
	for i := range 20_000 {
		switch rng.IntN(200) {
		case 0:
			fmt.Fprintf(&b, "\"P%d\n\n\",,pay,1.00,CNY,ok,,,\n", i) // a control character: a reject of three lines
		case 1:
			fmt.Fprintf(&b, "P%d,,pay,1.00,CNY,ok,,,\"a\n,b\"\n", i)
		case 2:
			b.WriteString("# remark\n\n")
		case 3: // longer than what is read behind a block, some longer than a block
			unit := []string{"x", "x\n", "x,", "\"\""}[rng.IntN(4)]
			fmt.Fprintf(&b, "P%d,,pay,2.00,CNY,ok,,,\"%s\"\n", i, strings.Repeat(unit, rng.IntN(1<<(8+rng.IntN(10)))))
		default:
			fmt.Fprintf(&b, "P%d,,pay,%d.%02d,CNY,ok,,,%s\n", i, rng.IntN(1000), rng.IntN(100), strings.Repeat("x", rng.IntN(40)))
		}
	}
	text := b.String()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var first *Result
	var firstRecords []recon.Record
	check := func(name string, side *Side, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(name, err)
		}
		defer side.Close()
		result, err := side.Scan(t.Context(), &gather{})
		if err != nil {
			t.Fatal(name, err)
		}
		result.Buffers, result.Reused = 0, 0 // how it was read, not what
		good, _ := records(t, side)
		if first == nil {
			first, firstRecords = result, good
			return
		}
		if !reflect.DeepEqual(result, first) || !reflect.DeepEqual(good, firstRecords) {
			t.Errorf("%s: %d records, %d rejected, want %d and %d; or their lines differ", name, result.Records, result.Rejected, first.Records, first.Rejected)
		}
	}
	for _, workers := range []int{1, 2, 5} {
		o := options(plainSpec())
		o.Workers = workers
		side, err := OpenFile(file(t, text), o)
		check(fmt.Sprint("file, workers ", workers), side, err)
		side, err = OpenStream(io.NopCloser(strings.NewReader(text)), o)
		check(fmt.Sprint("stream, workers ", workers), side, err)
		side, err = OpenFile(file(t, packed.String()), o)
		check(fmt.Sprint("gzip, workers ", workers), side, err)
	}
}

func TestDamagedArchives(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	fmt.Fprint(z, plainHeader, strings.Repeat("P1,,pay,1.00,CNY,ok,,,\n", 50_000))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	whole := packed.Bytes()
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 0x10
	for name, b := range map[string][]byte{"cut short": whole[:len(whole)/2], "cut before its checksum": whole[:len(whole)-3], "a bit flipped": flipped, "no zip": []byte("PK\x03\x04nothing")} {
		_, _, _, err := scanText(t, string(b), options(plainSpec()))
		var problem *Problem
		if !errors.As(err, &problem) || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestControlTotals(t *testing.T) {
	spec := summedSpec()
	spec.Totals = []recon.Total{
		{Names: []string{"total"}, Of: recon.TotalCount, Required: true},
		{Names: []string{"paid"}, Of: recon.TotalAmount, Kinds: []recon.Kind{recon.KindPayment}, Unit: recon.UnitMajor},
		{Pattern: `^# fees ([-\d.,]+)`, Of: recon.TotalFee, Unit: recon.UnitMajor},
	}
	rows := plainHeader + "P1,,pay,1000.00,CNY,ok,,0.10,\nP2,,pay,234.50,CNY,ok,,0.20,\nP2,R2,refund,-1.00,CNY,ok,,-0.05,\n"
	for name, c := range map[string]struct{ end, want string }{
		"right":         {"# fees 0.25\ntotal,paid\n3.0,\"1,234.50\"\n", ""},
		"wrong count":   {"# fees 0.25\ntotal,paid\n4,1234.50\n", "total is 4, details are 3"},
		"wrong money":   {"# fees 0.25\ntotal,paid\n3,1234.51\n", "paid is 1234.51, details are 1234.50"},
		"wrong fees":    {"# fees 0.26\ntotal,paid\n3,1234.50\n", "fee is 0.26, details are 0.25"},
		"all wrong":     {"# fees 0.26\ntotal,paid\n4,1\n", "total is 4, details are 3; paid is 1.00, details are 1234.50; fee is 0.26"},
		"stated twice":  {"# fees 0.25\n# fees 0.26\ntotal,paid\n3,1234.50\n", "fee: is stated twice, as 0.25 and 0.26"},
		"not stated":    {"total,paid,more\n", "no summary"},
		"not required":  {"# fees 0.25\ntotal\n3\n", ""},
		"required":      {"# fees 0.25\ntotal count,paid\n3,1\n", "no summary"},
		"a value less":  {"total,paid\n3\n", "summary has 2 names and 1 values"},
		"cut short":     {"", "no summary: the file is cut off after line 4"},
		"no number":     {"total,paid\nmany,1\n", "not a decimal number"},
		"row in two":    {"total,paid\n", "no summary"},
		"a page behind": {"total,paid\n3,1234.50\n" + strings.Repeat("y", 70<<10), "more than 64 KiB"},
	} {
		_, result, _, err := scanText(t, rows+c.end, options(spec))
		if c.want == "" {
			if err != nil || len(result.Control) < 2 || result.Control[0].Declared != 3 {
				t.Errorf("%s: got %+v, %v", name, result, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

// gbk gives a text as such files are encoded.
func gbk(t *testing.T, text string) string {
	t.Helper()
	b, err := simplifiedchinese.GB18030.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCharsetWithSeparatorsInsideOfCharacters(t *testing.T) {
	spec := &recon.FormatSpec{
		Name: "bank", Charset: recon.CharsetGB18030, Lines: recon.LineRule{Separator: "|", Trim: " "},
		Columns: []recon.Column{{Name: "名称"}, {Name: "订单"}, {Name: "金额"}, {Name: "状态"}},
		Rows: []recon.RowRule{{
			Kind: recon.KindPayment, Key: []string{"订单"}, Amount: recon.Amount{Columns: []string{"金额"}, Unit: recon.UnitMajor}, Currency: "CNY",
			Compare: []string{"名称"}, Status: recon.StatusMap{Column: "状态", Values: map[string]recon.Status{"成功": recon.StatusSuccess}},
		}},
	}
	name, err := simplifiedchinese.GB18030.NewDecoder().String("\x81|\x87|\xb5|") // the second byte of each character is '|'
	if err != nil {
		t.Fatal(err)
	}
	side, result, _, err := scanText(t, gbk(t, "名称|订单|金额|状态\n"+name+"|号1|1.00|成功\nb|2|2.00|成功\n"), options(spec))
	if err != nil || result.Records != 2 || result.Rejected != 0 {
		t.Fatalf("got %+v, %v", result, err)
	}
	good, _ := records(t, side)
	if good[0].Further[0].Value != name || good[0].Key.ID != "号1" {
		t.Errorf("got %+v", good[0])
	}
}

func TestOtherWaysToWriteLines(t *testing.T) {
	pay := recon.RowRule{Kind: recon.KindPayment, Key: []string{"id"}, Amount: recon.Amount{Columns: []string{"amount"}, Unit: recon.UnitMinor}, Currency: "CNY"}
	columns := []recon.Column{{Name: "id"}, {Name: "text", Optional: true}, {Name: "amount"}}
	major := pay
	major.Amount.Unit = recon.UnitMajor
	for name, c := range map[string]struct {
		lines recon.LineRule
		head  recon.HeaderRule
		row   recon.RowRule
		text  string
		want  string
	}{
		"widths":            {recon.LineRule{Widths: []recon.Width{{Column: "id", Offset: 0, Length: 6}, {Column: "amount", Offset: 7, Length: 5}}, Trim: " "}, recon.HeaderRule{None: true}, pay, "A1     00012\nB2     00340  \n", "A1=0.12 B2=3.40"},
		"runs of spaces":    {recon.LineRule{Separator: " ", Runs: true}, recon.HeaderRule{}, major, "id   text amount\nA1  x    1.5\n B2 y 2\n", "A1=1.50 B2=2.00"},
		"two bytes":         {recon.LineRule{Separator: ",`", Trim: "`"}, recon.HeaderRule{}, major, "id,text,amount\n`A1,`a,b\"c,`1.00\n`B2,`,`2.00\n", "A1=1.00 B2=2.00"},
		"end of separators": {recon.LineRule{Separator: "|", Trailing: true}, recon.HeaderRule{}, major, "id|text|amount|\nA1|x|1.00|\nB2|y|2.00\n", "A1=1.00 B2=2.00"},
		"free text":         {recon.LineRule{Separator: ",", FreeText: []string{"text"}}, recon.HeaderRule{}, major, "id,text,amount\nA1,a,b,c,1.00\nB2,y,2.00\n", "A1=1.00 B2=2.00"},
		"no header":         {recon.LineRule{Separator: "^", Skip: 2}, recon.HeaderRule{None: true}, major, "first\nsecond\nA1^x^1.00\n", "A1=1.00"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := &recon.FormatSpec{Name: name, Lines: c.lines, Header: c.head, Columns: columns, Rows: []recon.RowRule{c.row}}
			side, result, _, err := scanText(t, c.text, options(spec))
			if err != nil || result.Rejected != 0 {
				t.Fatalf("got %+v, %v", result, err)
			}
			good, _ := records(t, side)
			var got []string
			for _, r := range good {
				got = append(got, r.Key.ID+"="+r.Amount.Major())
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestLettersAndYearsOfFixedWidthFiles(t *testing.T) {
	spec := &recon.FormatSpec{
		Name: "cups", Header: recon.HeaderRule{None: true}, Layouts: []string{"0102150405"},
		Lines:   recon.LineRule{Trim: " ", Widths: []recon.Width{{Column: "kind", Offset: 0, Length: 3}, {Column: "id", Offset: 4, Length: 4}, {Column: "time", Offset: 9, Length: 10}, {Column: "amount", Offset: 20, Length: 12}, {Column: "fee", Offset: 33, Length: 13}}},
		Columns: []recon.Column{{Name: "kind"}, {Name: "id"}, {Name: "time"}, {Name: "amount"}, {Name: "fee"}}, KindIn: "kind",
	}
	for code, kind := range map[string]recon.Kind{"S22": recon.KindPayment, "S30": recon.KindRefund} {
		spec.Rows = append(spec.Rows, recon.RowRule{
			Match: []string{code}, Kind: kind, Key: []string{"id"}, Currency: "CNY", Time: []string{"time"}, Amount: recon.Amount{Columns: []string{"amount"}, Unit: recon.UnitMinor},
			Fee: &recon.Amount{Columns: []string{"fee"}, Unit: recon.UnitMinor, Sign: recon.SignCD},
		})
	}
	text := "S22 A001 1231235959 000000476800 D000000002861\nS30 B002 0101000000 000000000100 C000000000001\nS22 C003 0101120000 000000000100  000000000000\n"
	o := options(spec)
	o.Date = "2027-01-01"
	side, result, _, err := scanText(t, text, o)
	if err != nil || result.Records != 3 {
		t.Fatalf("got %+v, %v", result, err)
	}
	good, _ := records(t, side)
	if got := good[0].Time.Format(time.DateTime); got != "2026-12-31 23:59:59" || good[0].Fee.Minor != 2861 {
		t.Errorf("got %s, fee %v", got, good[0].Fee)
	}
	if got := good[1].Time.Format(time.DateTime); got != "2027-01-01 00:00:00" || good[1].Fee.Minor != -1 || good[2].Fee.Minor != 0 {
		t.Errorf("got %s, fees %v %v", got, good[1].Fee, good[2].Fee)
	}
	o.Date = ""
	if _, _, _, err = scanText(t, text, o); err == nil || !strings.Contains(err.Error(), "have no year") {
		t.Errorf("without a day: %v", err)
	}
}

func TestScanStopsWhenItsContextEnds(t *testing.T) {
	side, err := OpenFile(file(t, plainHeader+strings.Repeat("P1,,pay,1.00,CNY,ok,,,\n", 1000)), options(plainSpec()))
	if err != nil {
		t.Fatal(err)
	}
	defer side.Close()
	if _, err := side.Scan(cancelled(t), &gather{}); err == nil {
		t.Error("a cancelled scan gave an answer")
	}
}

// TestFileCutShortWhileItIsRead maps a file and cuts it: the pages behind its end fault.
func TestFileCutShortWhileItIsRead(t *testing.T) {
	path := file(t, plainHeader+strings.Repeat("P1,,pay,1.00,CNY,ok,,,\n", 100_000))
	side, err := OpenFile(path, options(plainSpec()))
	if err != nil {
		t.Fatal(err)
	}
	defer side.Close()
	if err := os.Truncate(path, 4096); err != nil {
		t.Fatal(err)
	}
	if _, err := side.Scan(t.Context(), &gather{}); err == nil || !strings.Contains(err.Error(), "the file changed") {
		t.Errorf("got %v", err)
	}
}

func TestHundredthsOfEveryAmountToAThousand(t *testing.T) {
	for fen := range int64(100_001) {
		for _, text := range []string{fmt.Sprintf("%d.%02d", fen/100, fen%100), fmt.Sprintf("%d.%02d000", fen/100, fen%100), fmt.Sprintf("+%d.%02d", fen/100, fen%100)} {
			b := []byte(text)
			n, ok := hundredths([]byte("9876543,"+text+",padding"), 8, 8+len(text))
			if !ok {
				var err error
				if n, err = recon.ParseDecimal(b, 2); err != nil {
					t.Fatal(text, err)
				}
			}
			if n != fen {
				t.Fatalf("%s: got %d", text, n)
			}
		}
	}
}

func TestHundredthsOfLongAmounts(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 100_000 {
		fen := rng.Int64N(1_000_000_000_000_000) >> rng.IntN(50)
		text := fmt.Sprintf("%d.%02d", fen/100, fen%100)
		line := "9876543," + text + ",padding"
		if n, ok := hundredths([]byte(line), 8, 8+len(text)); !ok || n != fen {
			t.Fatalf("%s: got %d, %v", text, n, ok)
		}
		wrong := []byte(line)
		if at := 8 + rng.IntN(len(text)); wrong[at] != '.' {
			wrong[at] = "/:,- x"[rng.IntN(6)]
			if n, ok := hundredths(wrong, 8, 8+len(text)); ok {
				t.Fatalf("%s: got %d", wrong[8:8+len(text)], n)
			}
		}
	}
	if _, ok := hundredths([]byte("9876543,12345678901234.56,padding"), 8, 25); ok {
		t.Error("seventeen bytes are not read")
	}
}

func FuzzHundredths(f *testing.F) {
	f.Add([]byte("19.99"))
	f.Add([]byte("1234.5x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		n, ok := hundredthsOf(text)
		if !ok {
			return
		}
		if want, err := recon.ParseDecimal(text, 2); err != nil || want != n {
			t.Errorf("%q: got %d, want %d, %v", text, n, want, err)
		}
	})
}

// FuzzScan holds one worker over a file against several over a stream: no panic, no line lost, the same answer.
func FuzzScan(f *testing.F) {
	f.Add([]byte(plainHeader + "P1,,pay,1.00,CNY,ok,,,\n\"a\nb\",,pay,1,CNY,ok,,,\n"))
	f.Add([]byte(plainHeader + "P1,R1,refund,-1.00,CNY,bad,2026-11-23 10:00:00,0.1,\ntotal,1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		o := options(summedSpec())
		o.MaxLine = 1 << 10
		path := file(t, string(text))
		a, errA := OpenFile(path, o)
		if errA != nil {
			return
		}
		defer a.Close()
		resultA, errA := a.Scan(t.Context(), &gather{})
		o.Workers = 3
		b, err := OpenStream(io.NopCloser(bytes.NewReader(text)), o)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		sink := &gather{}
		resultB, errB := b.Scan(t.Context(), sink)
		if (errA == nil) != (errB == nil) {
			t.Fatalf("file: %v, stream: %v", errA, errB)
		}
		if errA != nil {
			return
		}
		resultB.Buffers, resultB.Reused = 0, 0 // how it was read, not what
		if !reflect.DeepEqual(resultA, resultB) || int64(len(sink.entries)) != resultB.Records {
			t.Fatalf("file: %+v, stream: %+v, %d entries", resultA, resultB, len(sink.entries))
		}
	})
}
