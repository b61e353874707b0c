package ledger

import (
	"database/sql"
	"errors"
	"os"
	"testing"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

// server is the one MariaDB of this package's tests.
var server *mariadb.Server

func TestMain(m *testing.M) { os.Exit(mariadb.Main(m, &server)) }

func schema(t *testing.T, name string, statements ...string) *sql.DB {
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
	t.Cleanup(func() { db.Close() })
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatal(s, err)
		}
	}
	return db
}

func refunds() Table {
	return Table{
		Name: "refunds", Channel: "wechat", Kind: recon.KindRefund, Key: "refund_id", Order: "order_id",
		Amount: "amount", Unit: recon.UnitMajor, Currency: "CNY", Status: "state",
		StatusMap: map[string]recon.Status{"OK": recon.StatusSuccess}, Account: "mchid", Time: "made_at", Aliases: []string{"payment_no"},
	}
}

func TestRowsBecomeRecords(t *testing.T) {
	db := schema(t, "readable", `CREATE TABLE refunds (refund_id VARCHAR(32), order_id VARCHAR(32), amount DECIMAL(20,4), state VARCHAR(9), mchid VARCHAR(9), made_at DATETIME(3), payment_no VARCHAR(32))`,
		`INSERT INTO refunds VALUES ('R2','P1','19.9900','OK','m1','2026-11-23 10:00:00.5','N7'), ('R1','P1','0.2900','OK',NULL,NULL,NULL)`)
	got := []recon.Record{}
	for r, err := range Records(t.Context(), db, refunds()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r)
	}
	if len(got) != 2 || got[0].Key.ID != "R1" || got[0].Amount.Minor != 29 || got[0].Account != "" || !got[0].Time.IsZero() {
		t.Fatalf("got %+v", got)
	}
	second := got[1]
	if second.Amount.String() != "19.99 CNY" || second.Order != "P1" || second.Aliases[0] != (recon.Alias{Column: "payment_no", Value: "N7"}) || second.Origin.String() != "refunds[refund_id=R2]" {
		t.Fatalf("got %+v", second)
	}
}

func TestUnreadableRowsAreRejectsAndTheRestGoesOn(t *testing.T) {
	db := schema(t, "unreadable", `CREATE TABLE refunds (refund_id VARCHAR(32), order_id VARCHAR(32), amount VARCHAR(32), state VARCHAR(9), mchid VARCHAR(9), made_at VARCHAR(32), payment_no VARCHAR(32))`,
		`INSERT INTO refunds VALUES ('R1','P','1.001','OK','','2026-11-23 10:00:00',''), ('R2','P','1e2','OK','','2026-11-23 10:00:00',''), ('R3','P',NULL,'OK','','2026-11-23 10:00:00',''),
		 ('R4','P','1.00','PAID?','','2026-11-23 10:00:00',''), ('R5','P','1.00','OK','','yesterday',''), ('','P','1.00','OK','','2026-11-23 10:00:00',''), ('R7','P','1.00','OK','','2026-11-23 10:00:00','')`)
	good, fields := 0, map[string]string{}
	for r, err := range Records(t.Context(), db, refunds()) {
		var reject recon.Reject
		switch {
		case errors.As(err, &reject):
			fields[reject.Origin.Row] = reject.Field
		case err != nil:
			t.Fatal(err)
		default:
			good++
			if r.Key.ID != "R7" {
				t.Errorf("read %s", r.Key)
			}
		}
	}
	want := map[string]string{"refund_id=R1": "amount", "refund_id=R2": "amount", "refund_id=R3": "amount", "refund_id=R4": "state", "refund_id=R5": "made_at", "refund_id=": "refund_id"}
	if good != 1 || len(fields) != len(want) {
		t.Fatalf("good %d, rejects %v", good, fields)
	}
	for row, field := range want {
		if fields[row] != field {
			t.Errorf("%s: rejected for %q, want %q", row, fields[row], field)
		}
	}
}

func TestARowReadElsewhereIsARecord(t *testing.T) {
	names := []string{"STATE", "payment_no", "refund_id", "order_id", "amount", "mchid", "made_at"}
	r, err := refunds().Record(names, [][]byte{[]byte("OK"), nil, []byte("R1"), []byte("P1"), []byte("0.29"), nil, nil})
	if err != nil || r.Key.ID != "R1" || r.Amount.Minor != 29 || r.Order != "P1" || r.Account != "" {
		t.Errorf("got %+v, %v", r, err)
	}
	var reject recon.Reject
	if _, err := refunds().Record(names[1:], make([][]byte, 6)); !errors.As(err, &reject) || reject.Field != "state" {
		t.Errorf("got %v", err)
	}
}

func TestMissingTableEndsTheStream(t *testing.T) {
	db := schema(t, "empty_schema")
	for _, err := range Records(t.Context(), db, refunds()) {
		var reject recon.Reject
		if err == nil || errors.As(err, &reject) {
			t.Fatalf("got %v", err)
		}
		return
	}
	t.Fatal("no error for a missing table")
}

func TestDeadServerIsAnErrorNotAnEmptySide(t *testing.T) {
	dead, err := mariadb.Start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	db, err := dead.Open("mysql")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	dead.Kill()
	for _, err := range Records(t.Context(), db, refunds()) {
		if err == nil {
			t.Fatal("a record came from a dead server")
		}
		return
	}
	t.Fatal("a dead server read as an empty side")
}
