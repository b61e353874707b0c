package compare

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

// server is the one MariaDB of this package's tests.
var server *mariadb.Server

func TestMain(m *testing.M) { os.Exit(mariadb.Main(m, &server)) }

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	ours   = "order_id,amount,state\nP1,19.99,paid\nP2,5.00,paid\n=2+3,1.00,paid\nP3,-1.00,paid\n"
	theirs = "trade,total,state\nP1,1999,SUCCESS\nP2,501,SUCCESS\nP4,700,SUCCESS\n"
)

func request(sources ...string) Request {
	return Request{Sources: sources, Separator: ",", Threads: 2, Columns: Columns{
		Key: []string{"order_id=trade"}, Amount: "amount:yuan=total:fen", Status: "state", States: map[string]string{"paid": "SUCCESS"},
	}}
}

// run compares and gives what was printed.
func run(t *testing.T, r Request) (equal bool, text string) {
	t.Helper()
	var out bytes.Buffer
	r.Out = &out
	equal, err := Run(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return equal, out.String()
}

func TestFilesWithDifferentColumnsAndUnits(t *testing.T) {
	r := request(write(t, "ours.csv", ours), write(t, "theirs.csv", theirs))
	equal, text := run(t, r)
	if equal {
		t.Error("breaks were called equal")
	}
	squeezed := strings.Join(strings.Fields(text), " ")
	for _, want := range []string{
		"4 records", "3 records", "agree 1 payment 1 records 19.99 CNY", "missing-at-channel primary 2", "missing-internally channel 1", "amount-mismatch primary 1", "not equal",
	} {
		if !strings.Contains(squeezed, want) {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
	if equal, text := run(t, request(r.Sources[0], write(t, "same.csv", "trade,total,state\nP3,-100,paid\nP2,500,success\n=2+3,100,SUCCESS\nP1,1999,Success\n"))); !equal {
		t.Errorf("equal sides differ:\n%s", text)
	}
}

func TestBreaksAsCSVAreNoFormulas(t *testing.T) {
	r := request(write(t, "ours.csv", ours), write(t, "theirs.csv", theirs))
	r.Breaks = filepath.Join(t.TempDir(), "breaks.csv")
	run(t, r)
	f, err := os.Open(r.Breaks)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range rows[1:] {
		got = append(got, strings.Join(append(row[:1:1], row[2:5]...), "|")+"|"+row[6]+"|"+row[7]+"|"+row[12]+"|"+row[13])
	}
	want := []string{
		"missing-at-channel|payment|'=2+3|1|ours.csv:4|1.00||", "amount-mismatch|payment|P2|1|ours.csv:3|5.00|theirs.csv:3|5.01",
		"missing-internally|payment|P4|1|||theirs.csv:4|7.00", "missing-at-channel|refund|P3|1|ours.csv:5|1.00||",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if _, err := os.Stat(r.Breaks + ".partial"); err == nil {
		t.Error("a partial file stayed behind")
	}
}

func TestRejectsAreNotEqual(t *testing.T) {
	r := request(write(t, "ours.csv", "order_id,amount,state\nP1,19.99,paid\nP2,x,paid\n"), write(t, "theirs.csv", "trade,total,state\nP1,1999,SUCCESS\n"))
	r.JSON, r.Breaks = true, filepath.Join(t.TempDir(), "breaks.jsonl")
	equal, text := run(t, r)
	var out report
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	if equal || out.Equal || len(out.Rejects) != 1 || out.Rejects[0].Error() != `ours.csv:3:4: amount: not a decimal number (got "x")` {
		t.Errorf("got %v %+v", equal, out)
	}
	lines, err := os.ReadFile(r.Breaks)
	if err != nil || !strings.Contains(string(lines), `"break":"rejected"`) {
		t.Errorf("got %s, %v", lines, err)
	}
}

func TestRequestsThatCannotBe(t *testing.T) {
	a, b := write(t, "ours.csv", ours), write(t, "theirs.csv", theirs)
	for name, c := range map[string]struct {
		change func(*Request)
		want   string
	}{
		"one file":          {func(r *Request) { r.Sources = r.Sources[:1] }, "try: two"},
		"no unit":           {func(r *Request) { r.Columns.Amount = "amount" }, "--amount: needs a column and its unit"},
		"odd unit":          {func(r *Request) { r.Columns.Amount = "amount:jiao" }, "try: yuan"},
		"odd state":         {func(r *Request) { r.Columns.States = map[string]string{"paid": "done"} }, "--map: paid"},
		"odd kind":          {func(r *Request) { r.Columns.Kind, r.Columns.Kinds = "state", map[string]string{"x": "gift"} }, "--kind-map: x"},
		"no such column":    {func(r *Request) { r.Columns.Key = []string{"nothing"} }, "ours.csv:1: nothing: is missing"},
		"odd breaks":        {func(r *Request) { r.Breaks = "breaks.xls" }, "--breaks: neither .csv nor .jsonl"},
		"nowhere to write":  {func(r *Request) { r.Breaks = "/nonexistent/breaks.csv" }, "make file for breaks"},
		"no file":           {func(r *Request) { r.Sources[1] = "/nonexistent/theirs.csv" }, "no such file"},
		"files pushed down": {func(r *Request) { r.PushDown = true }, "--pushdown: needs two tables"},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(a, b)
			r.Out = &bytes.Buffer{}
			c.change(&r)
			if equal, err := Run(t.Context(), r); err == nil || equal || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v %v, want %s", equal, err, c.want)
			}
		})
	}
}

// database makes a schema with the tables ours and theirs, equal but for what the statements do.
func database(t *testing.T, name string, rows int, statements ...string) (urls []string) {
	t.Helper()
	admin, err := server.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	db, err := server.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	run := func(statement string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(statement, err)
		}
	}
	for _, table := range []string{"ours", "theirs"} {
		run(fmt.Sprintf("CREATE TABLE %s.%s (order_id VARCHAR(32) PRIMARY KEY, amount DECIMAL(20,2), state VARCHAR(9))", name, table))
		run(fmt.Sprintf("INSERT INTO %s.%s SELECT CONCAT('P', seq), seq/100, 'paid' FROM seq_1_to_%d", name, table, rows))
		urls = append(urls, fmt.Sprintf("mysql://root@%s/%s?table=%s", server.Addr, name, table))
	}
	for _, s := range statements {
		run(s)
	}
	return urls
}

func tablesRequest(urls []string) Request {
	r := request(urls...)
	r.JSON = true
	r.Columns.Key, r.Columns.Amount = []string{"order_id"}, "amount:yuan"
	return r
}

func TestTablesReadWholeAndPushedDownGiveTheSameBreaks(t *testing.T) {
	urls := database(t, "pair", 5000, "UPDATE pair.theirs SET amount = amount + 0.01 WHERE order_id = 'P17'", "DELETE FROM pair.theirs WHERE order_id = 'P99'")
	var answers []string
	for _, push := range []bool{false, true} {
		r := tablesRequest(urls)
		r.PushDown = push
		_, text := run(t, r)
		var out report
		if err := json.Unmarshal([]byte(text), &out); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, fmt.Sprint(out.Breaks))
		if push && (out.Pushed == nil || out.Pushed.Rows != [2]int64{5000, 4999} || out.Sides[0].Records > 1000) {
			t.Errorf("pushed down: %+v, %d rows were read", out.Pushed, out.Sides[0].Records)
		}
	}
	if answers[0] != answers[1] || !strings.Contains(answers[0], string(recon.AmountMismatch)) {
		t.Errorf("whole %s\npushed %s", answers[0], answers[1])
	}
}

// TestBreaksThatSettle compares two live tables: one row arrives on the other side while the comparison waits.
func TestBreaksThatSettle(t *testing.T) {
	urls := database(t, "live", 100, "DELETE FROM live.theirs WHERE order_id IN ('P5', 'P6')")
	r := tablesRequest(urls)
	r.Recheck = 2 * time.Second
	arrived := make(chan error, 1)
	time.AfterFunc(time.Second, func() {
		db, err := server.Open("")
		if err == nil {
			_, err = db.Exec("INSERT INTO live.theirs SELECT * FROM live.ours WHERE order_id = 'P5'")
			db.Close()
		}
		arrived <- err
	})
	equal, text := run(t, r)
	if err := <-arrived; err != nil {
		t.Fatal(err)
	}
	var out report
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	if equal || out.Settled[recon.MissingAtChannel] != 1 || out.Breaks[0].Count != 2 {
		t.Errorf("got %v, settled %v, breaks %+v", equal, out.Settled, out.Breaks)
	}
}
