package main

import (
	"database/sql"
	"errors"
)

// lines gives the rows of both tables with an order, by order.
func (f *faultRun) lines(db *sql.DB) map[string]string {
	out := map[string]string{}
	for _, ask := range []string{
		"SELECT order_no, CONCAT_WS('|', 'o', amount, IFNULL(state, '-'), IFNULL(HEX(raw), '-')) FROM orders ORDER BY order_no",
		"SELECT order_no, CONCAT_WS('|', 'e', id, amount) FROM entries ORDER BY order_no, id",
		"SELECT CONCAT('account ', id), balance FROM accounts ORDER BY id", "SELECT CONCAT('note ', id), what FROM notes",
	} {
		rows, err := db.Query(ask)
		if err != nil {
			f.t.Fatal(err)
		}
		for rows.Next() {
			var order, line string
			if err := rows.Scan(&order, &line); err != nil {
				f.t.Fatal(err)
			}
			out[order] += line + "\n"
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			f.t.Fatal(err)
		}
	}
	return out
}

func (f *faultRun) compare() {
	if pending := f.pending(); pending > 0 { // a killed sidecar takes no event with it that it was told of
		f.t.Errorf("the ends of %d write sets are not heard", pending)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	primary, second := f.lines(f.direct), f.lines(f.side)
	equal, excused, answered := 0, 0, 0
	for order, want := range primary {
		switch {
		case order[0] == 'u' || order[0] == 'n':
			if second[order] != "" {
				f.t.Errorf("untagged %s is on the shadow: %s", order, second[order])
			}
		case second[order] == want:
			equal++
		case !f.rowLog && f.told[order]: // killed between the primary's answer and the note of it: inconclusive, not silent
			if excused++; !f.lost[order] {
				answered++
			}
		default:
			f.t.Errorf("%s: primary\n%sshadow\n%stold %t, client without an answer %t", order, want, second[order], f.told[order], f.lost[order])
		}
	}
	for order := range second {
		if primary[order] == "" {
			f.t.Errorf("%s is on the shadow alone: %s", order, second[order])
		}
	}
	f.t.Logf("%d orders equal, %d uncertain and told, %d of them answered, %d write sets, %d clients without an answer, %d deadlocks", equal, excused, answered, len(f.sets), len(f.lost), f.deadlocks)
	if most := faultKills * faultWorkers; answered > most {
		f.t.Errorf("%d answered orders are uncertain: a kill can come between the answer and its note once a connection, which makes %d", answered, most)
	}
	if equal < faultWorkers*perWorker/4 || excused > 40 || f.deadlocks == 0 {
		f.t.Errorf("%d orders equal, %d uncertain: the run showed too little", equal, excused)
	}
}
