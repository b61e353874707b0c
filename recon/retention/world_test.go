package retention

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// today is when the tests' keepers look.
func today() time.Time { return time.Date(2026, 11, 28, 4, 0, 0, 0, time.UTC) }

func dayBack(days int) string { return today().AddDate(0, 0, -days).Format(time.DateOnly) }

func momentBack(days int) int64 { return store.Moment(today().AddDate(0, 0, -days)) }

func terms() Terms { return Terms{Findings: 40, Batches: 100, Cases: 60, Operations: 50} }

const (
	bank   = "bank/a1/statement/"
	wechat = "wechat/m1/trade/"
)

// ages are how many days back the tests' statements are.
func ages() []int { return []int{120, 119, 118, 101, 99, 45, 41, 39, 10} }

// world is a store with statements of two lines, and what is to leave it.
type world struct {
	*Keeper
	tb    testing.TB
	each  int             // findings of a batch
	goes  map[string]bool // "table: key" of the rows that leave
	stays map[string]bool // and of those that do not

	waiting []store.Rows // not stored yet
}

func newWorld(tb testing.TB, db *store.DB, archive string, findings int) *world {
	tb.Helper()
	w := &world{
		tb: tb, each: findings, goes: map[string]bool{}, stays: map[string]bool{},
		Keeper: &Keeper{DB: db, Archive: batch.Archive{Folder: archive}, Terms: terms(), Worker: "w1", Rows: 600, Now: today, Log: slog.New(slog.DiscardHandler)},
	}
	for _, line := range []string{bank, wechat} {
		for _, age := range ages() {
			w.statement(line, age)
		}
	}
	w.cases()
	w.operations()
	w.flush()
	return w
}

func (w *world) insert(goes bool, table Table, key, columns string, values ...any) {
	w.tb.Helper()
	rows := store.Rows{Table: string(table), Key: strings.Fields(key), Columns: strings.Fields(columns), Values: [][]any{values}}
	w.waiting = append(w.waiting, rows)
	w.expect(goes, table, values[:len(rows.Key)]...)
}

// flush stores what was inserted.
func (w *world) flush() {
	w.tb.Helper()
	if err := w.DB.Tx(context.Background(), func(tx *store.Tx) error {
		for _, rows := range w.waiting {
			if _, err := tx.Add(context.Background(), rows); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		w.tb.Fatal(err)
	}
	w.waiting = nil
}

func (w *world) expect(goes bool, table Table, key ...any) {
	name := fmt.Sprintf("%s: %v", table, key)
	if goes {
		w.goes[name] = true
		return
	}
	w.stays[name] = true
}

// Ages and lines with a fate of their own.
const (
	lateClose   = 119 // bank: closed only two days ago
	withCase    = 45  // bank: has an open case
	quarantined = 99  // wechat: what is later in its line may be done again
	lastFrozen  = 101 // wechat: the day before the quarantined one, which carries in from it
)

// detailsGo and batchesGo say it in the words of the documents, not in those of the program.
func detailsGo(line string, age int) bool {
	if line == bank {
		return age > 40 && age != lateClose && age != withCase
	}
	return age > quarantined
}

func batchesGo(line string, age int) bool {
	return detailsGo(line, age) && age > 100 && (line == bank || age != lastFrozen)
}

func (w *world) statement(line string, age int) {
	w.tb.Helper()
	id, phase, closed := line+dayBack(age), "closed", momentBack(age-1)
	if line == wechat && age == quarantined {
		phase = "quarantined"
	}
	if line == bank && age == lateClose {
		closed = momentBack(2)
	}
	w.insert(false, "statements", "id", "day phase why since_us due_us next_us attempts batch versions round_no ready_us provisional_us closed_us worker fence beat",
		id, dayBack(age), phase, "", 1, 1, 0, 1, id+"@2", 2, 0, 1, 1, closed, "w0", 1, 1)
	for version := range 2 {
		w.batch(id, version+1, detailsGo(line, age), batchesGo(line, age))
	}
}

func (w *world) batch(statement string, version int, details, goes bool) {
	w.tb.Helper()
	id := fmt.Sprintf("%s@%d", statement, version)
	raw, carried := w.archived("raw "+id), w.archived("carried "+statement)
	file := fmt.Appendf(nil, `{"name": "bill", "size": 1, "sha256": %q}`, raw)
	result := fmt.Appendf(nil, `{"rules": {"carried": {"Digest": %q}}}`, carried)
	superseded := map[int]string{1: statement + "@2"}[version]
	w.insert(goes, Batches, "id", "statement number state version superseded file result made_us moved_us", id, statement, version, "SETTLED", 4, superseded, file, result, 1, 2)
	for i := range w.each {
		body := fmt.Appendf(nil, `{"n": %d, "words": "<渠道> & \u2028"}`, i)
		if i == 1 {
			body = []byte{0xff, 0, '"'} // no text at all
		}
		w.insert(details, Findings, "batch key_id key_kind occurrence since break_name", "body", id, fmt.Sprint("P", i), "payment", 1, "", "missing-at-channel", body)
	}
	w.insert(details, WriteOffs, "batch entry", "body", id, "W1", []byte(`[]`))
	w.insert(details, Settlements, "batch key_id key_kind occurrence since break_name", "fate", id, "P1", "payment", 1, "2026-01-01", "missing-at-channel", "settled")
}

// archived puts a file into the archive.
func (w *world) archived(text string) string {
	w.tb.Helper()
	sha256, _, err := w.Archive.Keep(func(out io.Writer) error {
		_, err := io.WriteString(out, text)
		return err
	})
	if err != nil {
		w.tb.Fatal(err)
	}
	return sha256
}

func (w *world) cases() {
	for i, c := range []struct {
		line   string
		age    int
		closed int // days ago; 0 = open
		repair string
		goes   bool
	}{
		{line: bank, age: 120, closed: 118, repair: "approved"},
		{line: bank, age: 120, closed: 117, goes: true},
		{line: bank, age: lateClose, closed: 117},
		{line: bank, age: 118, closed: 116, repair: "applied", goes: true},
		{line: bank, age: 101, closed: 59},
		{line: bank, age: 99, closed: 61, goes: true},
		{line: bank, age: withCase},
		{line: bank, age: 10, closed: 9},
		{line: wechat, age: 120, closed: 118, goes: true},
		{line: wechat, age: quarantined, closed: 97},
	} {
		w.oneCase(fmt.Sprintf("C%02d-%016d", i, i), i, c.line, c.age, c.closed, c.repair, c.goes)
	}
}

func (w *world) oneCase(id string, part int, line string, age, closed int, repair string, goes bool) {
	w.tb.Helper()
	state, at := "open", int64(0)
	if closed > 0 {
		state, at = "closed", momentBack(closed)
	}
	w.insert(goes, Cases, "part id", "version batch statement channel account day break_name class key_kind key_id occurrence order_id gap_minor gap_currency state resolution owner expected_us opened_us due_us closed_us facts detail",
		part, id, 2, line+"@2", line+dayBack(age), "c", "a", dayBack(age), "missing-at-channel", "", "payment", "P1", 1, "O1", 100, "CNY", state, "ticket", "li", 1, 1, 1, at, "f", []byte(`{"records": null}`))
	for seq := range 2 {
		w.insert(goes, events, "part case_id seq", "at_us actor action from_state to_state note sha256 audit trace gap_minor gap_currency resolution",
			part, id, seq+1, 1, "li", "comment", "open", "open", "备注", "", id+"/1", "", 100, "CNY", "")
	}
	if repair != "" {
		w.insert(goes, repairs, "part id", "case_id version state kind proposer approver made_us moved_us body outcome", part, "R"+id[1:], id, 3, repair, "ticket", "li", "chen", 1, 2, []byte(`{}`), "")
	}
}

func (w *world) operations() {
	for i, o := range []struct {
		state string
		age   int
		rest  int
		goes  bool
	}{
		{"SUCCESS", 51, 0, true}, {"SUCCESS", 90, 0, true}, {"SUCCESS", 90, 5, false}, {"SUCCESS", 49, 0, false},
		{"FAILED", 200, 0, true}, {"COMPENSATED", 51, 0, true}, {"PROCESSING", 200, 0, false}, {"SCHEDULED", 200, 0, false}, {"INIT", 200, 0, false},
	} {
		w.insert(o.goes, Operations, "id", "kind digest payload state version due_us date_us rest answer made_us moved_us",
			fmt.Sprintf("refund/P%d/1", i), "refund", "digest", []byte(`{"amount": 1}`), o.state, 3, 0, 0, o.rest, []byte("done"), 1, momentBack(o.age))
	}
}

// tables gives the keys of all tables that rows may leave.
func keys() map[Table]string {
	return map[Table]string{
		Findings: "batch key_id key_kind occurrence since break_name", WriteOffs: "batch entry", Settlements: "batch key_id key_kind occurrence since break_name",
		Batches: "id", Cases: "part id", events: "part case_id seq", repairs: "part id", Operations: "id", "statements": "id",
	}
}

// content is every row, by "table: key", as text that is the same from a database and from a file.
type content map[string]string

func (c content) add(table Table, values map[string]any) {
	key := []any{}
	for _, name := range strings.Fields(keys()[table]) {
		key = append(key, values[name])
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(&b, "%s=%q ", name, fmt.Sprint(values[name]))
	}
	c[fmt.Sprintf("%s: %v", table, key)] = b.String()
}

// inStore reads all rows. Of an operation that was thinned only its name is there.
func (w *world) inStore(tables ...Table) content {
	w.tb.Helper()
	out := content{}
	for _, table := range tables {
		query := "SELECT * FROM " + string(table)
		if table == Operations {
			query += " WHERE retired = ''"
		}
		rows, err := w.DB.Query(context.Background(), query)
		if err != nil {
			w.tb.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			w.tb.Fatal(err)
		}
		for rows.Next() {
			cells, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range cells {
				into[i] = &cells[i]
			}
			if err := rows.Scan(into...); err != nil {
				w.tb.Fatal(err)
			}
			values := map[string]any{}
			for i, name := range columns {
				if values[name] = cells[i]; fmt.Sprintf("%T", cells[i]) == "[]uint8" {
					values[name] = string(cells[i].([]byte))
				}
			}
			delete(values, "retired")
			out.add(table, values)
		}
		if err := errorsOf(rows.Err(), rows.Close()); err != nil {
			w.tb.Fatal(err)
		}
	}
	return out
}

func errorsOf(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

func movable() []Table {
	return []Table{Findings, WriteOffs, Settlements, Batches, Cases, events, repairs, Operations}
}

// inFiles reads all files that the store names, without a word of the program's own reader but the list.
func (w *world) inFiles() content {
	w.tb.Helper()
	out := content{}
	files, err := Files(context.Background(), w.DB, w.Archive, Filter{})
	if err != nil {
		w.tb.Fatal(err)
	}
	for i := range files {
		for n, line := range bytes.Split(bytes.TrimSpace(unzip(w.tb, files[i].Path)), []byte("\n")) {
			var one struct {
				Row             map[string]any
				Events, Repairs []map[string]any
			}
			decoder := json.NewDecoder(bytes.NewReader(line))
			decoder.UseNumber()
			if err := decoder.Decode(&one); err != nil {
				w.tb.Fatalf("%s:%d: %v", files[i].Path, n+1, err)
			}
			if n == 0 {
				continue
			}
			out.add(files[i].Table, plain(one.Row))
			for _, e := range one.Events {
				out.add(events, plain(e))
			}
			for _, r := range one.Repairs {
				out.add(repairs, plain(r))
			}
		}
	}
	return out
}

// plain undoes how a file writes what is no text.
func plain(values map[string]any) map[string]any {
	for name, value := range values {
		if object, is := value.(map[string]any); is {
			data, err := json.Marshal(object["base64"])
			var raw []byte
			if err == nil {
				err = json.Unmarshal(data, &raw)
			}
			if err != nil {
				values[name] = err
				continue
			}
			values[name] = string(raw)
		}
	}
	return values
}

// kept asserts that every row is in the store or in a file, as it was before.
func (w *world) kept(before content) {
	w.tb.Helper()
	now, files := w.inStore(movable()...), w.inFiles()
	for name, text := range before {
		if now[name] != text && files[name] != text {
			w.tb.Fatalf("%s is neither in the store nor in a file:\nwas   %s\nstore %s\nfile  %s", name, text, now[name], files[name])
		}
	}
}

// left asserts that what had to go went, and nothing else.
func (w *world) left() {
	w.tb.Helper()
	now := w.inStore(append(movable(), "statements")...)
	for name := range w.goes {
		if _, there := now[name]; there {
			w.tb.Errorf("%s is still in the store", name)
		}
	}
	for name := range w.stays {
		if _, there := now[name]; !there {
			w.tb.Errorf("%s left the store", name)
		}
	}
}

// whole asserts that the archive has all that is cited, and nothing that was written in vain.
func (w *world) whole() {
	w.tb.Helper()
	cited, err := Cited(context.Background(), w.DB, w.Archive)
	if err != nil {
		w.tb.Fatal(err)
	}
	s, err := Check(context.Background(), w.Archive.Folder, cited, 0, func(r Remark) error {
		w.tb.Errorf("%+v", r)
		return nil
	})
	if err != nil || s.Files < 2*len(ages()) {
		w.tb.Errorf("archive: %+v, %v", s, err)
	}
}
