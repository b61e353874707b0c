package plugins

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/seed-3356bd69/touchstone/plugins/internal/pb"
	"github.com/seed-3356bd69/touchstone/recon"
)

// plainRows are rows as most statements have them: consecutive lines, one state and currency, amounts of 32 bits, whole
// seconds, ids of one length, orders that are the key.
func plainRows(n int) []Row {
	var rows []Row
	for i := range n {
		id := []byte{'P', byte('a' + i/26%26), byte('a' + i%26)}
		rows = append(rows, Row{
			Line: 7 + i, Kind: recon.KindPayment, Status: recon.StatusSuccess, Amount: recon.Money{Minor: int64(i), Currency: "CNY"},
			Fee: recon.Money{Minor: -int64(i), Currency: "CNY"}, Time: time.Unix(1_780_000_000+int64(i), 0).UTC(),
			Account: []byte("1900000001"), ID: id, Order: id, ChannelTxn: bytes.ToUpper(id),
		})
	}
	return rows
}

// packRows gives the batch of some rows.
func packRows(t testing.TB, rows []Row) []byte {
	t.Helper()
	w := newColumnWriter(MaxBatch)
	for i := range rows {
		if err := w.row(&rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	payload, err := w.take(nil)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// TestColumnsAreAsNarrowAsTheBatch takes each way out of the narrow form: the batch says the same, and needs more bytes.
func TestColumnsAreAsNarrowAsTheBatch(t *testing.T) {
	const n = 100
	narrow := len(packRows(t, plainRows(n)))
	tests := map[string]func(*Row){
		"nothing":                 func(*Row) {},
		"a line left out":         func(r *Row) { r.Line++ },
		"another kind":            func(r *Row) { r.Kind = recon.KindRefund },
		"another state":           func(r *Row) { r.Status = recon.StatusClosed },
		"another currency":        func(r *Row) { r.Amount.Currency = "JPY" },
		"an amount over 32 bits":  func(r *Row) { r.Amount.Minor = math.MaxInt64 },
		"31 bits and one":         func(r *Row) { r.Amount.Minor = math.MaxInt32 + 1 },
		"a fee below 32 bits":     func(r *Row) { r.Fee.Minor = math.MinInt64 },
		"no fee":                  func(r *Row) { r.Fee = recon.Money{} },
		"a fraction of a second":  func(r *Row) { r.Time = r.Time.Add(1) },
		"before 1970":             func(r *Row) { r.Time = time.Unix(-1, 0).UTC() },
		"after 2106":              func(r *Row) { r.Time = time.Unix(math.MaxUint32+1, 0).UTC() },
		"no time":                 func(r *Row) { r.Time = time.Time{} },
		"booked":                  func(r *Row) { r.Booked = time.Unix(5, 5).UTC() },
		"an order of its own":     func(r *Row) { r.Order = []byte("other") },
		"an id of another length": func(r *Row) { r.ID, r.Order = []byte("P"), []byte("P") },
		"another account":         func(r *Row) { r.Account = []byte("1900000002") },
		"no account":              func(r *Row) { r.Account = nil },
		"settled":                 func(r *Row) { r.Settled = []byte("2026-07-01") },
		"an original":             func(r *Row) { r.Original = []byte("T1") },
	}
	for name, change := range tests {
		for _, at := range []int{0, 1, n - 1} {
			rows := plainRows(n)
			change(&rows[at])
			payload := packRows(t, rows)
			if (len(payload) > narrow) != (name != "nothing") && !strings.HasPrefix(name, "an id") {
				t.Errorf("%s in row %d: %d bytes, and %d without", name, at, len(payload), narrow)
			}
			saysRows(t, name, payload, rows)
		}
	}
}

// saysRows holds what a batch says, as records and as columns, against the rows.
func saysRows(t *testing.T, name string, payload []byte, rows []Row) {
	t.Helper()
	got, err := unpack(payload, 2)
	if err != nil || len(got) != len(rows) {
		t.Fatalf("%s: %d records, %v", name, len(got), err)
	}
	opened, err := openColumns(payload)
	if err != nil {
		t.Fatal(err)
	}
	c := Columns{opened}
	for i := range rows {
		want := rows[i].record()
		if !reflect.DeepEqual(got[i], want) {
			t.Fatalf("%s: record %d is %+v, want %+v", name, i, got[i], want)
		}
		fee, has := c.Fee(i)
		by := recon.Record{
			Account: string(c.Account(i)), Key: recon.Key{Kind: c.Kind(i), ID: string(c.ID(i))}, Order: string(c.Order(i)),
			ChannelTxn: string(c.ChannelTxn(i)), Amount: c.Amount(i), Status: c.Status(i), Time: c.Time(i),
			Original: want.Original, Booked: want.Booked, Settled: want.Settled, Origin: recon.Origin{Line: c.Line(i)},
		}
		if has {
			by.Fee = &fee
		}
		if !reflect.DeepEqual(by, want) || c.Minor(i) != want.Amount.Minor || c.Len() != len(rows) {
			t.Fatalf("%s: columns of %d say %+v, want %+v", name, i, by, want)
		}
	}
}

// TestFullColumnsAreRead: an adapter in another language need not use the narrow forms.
func TestFullColumnsAreRead(t *testing.T) {
	a := &pb.PackedText{Data: []byte("AB"), Ends: []byte{1, 0, 0, 0, 2, 0, 0, 0}}
	payload, err := proto.Marshal(&pb.Columns{
		Count: 2, Line: []byte{1, 0, 0, 0, 2, 0, 0, 0}, Kind: []byte{1, 1}, Status: []byte{1, 1}, Currencies: []string{"CNY"},
		Currency: []byte{1, 1}, Amount: []byte{1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0}, Id: a, Order: a,
	})
	if err != nil {
		t.Fatal(err)
	}
	row := func(line int, id string) Row {
		return Row{
			Line: line, Kind: recon.KindPayment, Status: recon.StatusSuccess, Amount: recon.Money{Minor: int64(line), Currency: "CNY"},
			ID: []byte(id), Order: []byte(id),
		}
	}
	saysRows(t, "full", payload, []Row{row(1, "A"), row(2, "B")})
}

// TestColumnsOutsideTheContract gives what no adapter may send: nothing of it reaches a consumer.
func TestColumnsOutsideTheContract(t *testing.T) {
	tests := map[string]func(*pb.Columns){
		"no records":             func(c *pb.Columns) { c.Count = 0 },
		"too many":               func(c *pb.Columns) { c.Count = MaxBatch + 1 },
		"line 0":                 func(c *pb.Columns) { c.Line = []byte{0, 0, 0, 0} },
		"lines past the last":    func(c *pb.Columns) { c.Line = []byte{255, 255, 255, 255} },
		"half a column":          func(c *pb.Columns) { c.Amount = c.Amount[:12] },
		"negative amount":        func(c *pb.Columns) { c.Amount[7] = 0x80 },
		"negative narrow amount": func(c *pb.Columns) { c.Amount = []byte{0, 0, 0, 0x80, 0, 0, 0, 0} },
		"kind 0":                 func(c *pb.Columns) { c.Kind = []byte{0} },
		"kind 99":                func(c *pb.Columns) { c.Kind = []byte{1, 99} },
		"status 0":               func(c *pb.Columns) { c.Status = []byte{0} },
		"currency 2 of 1":        func(c *pb.Columns) { c.Currency = []byte{2} },
		"fee currency 2 of 1":    func(c *pb.Columns) { c.FeeCurrency, c.Fee = []byte{2}, c.Amount },
		"fees without amounts":   func(c *pb.Columns) { c.FeeCurrency = []byte{1} },
		"unknown currency":       func(c *pb.Columns) { c.Currencies = []string{"XXX"} },
		"an empty id":            func(c *pb.Columns) { c.Id = &pb.PackedText{Data: []byte("A"), Ends: []byte{1, 0, 0, 0, 1, 0, 0, 0}} },
		"no id":                  func(c *pb.Columns) { c.Id = nil },
		"an empty order":         func(c *pb.Columns) { c.Order = &pb.PackedText{Data: []byte("A"), Ends: []byte{0, 0, 0, 0, 1, 0, 0, 0}} },
		"ends and a width":       func(c *pb.Columns) { c.Id.Ends, c.Id.Width = []byte{1, 0, 0, 0, 2, 0, 0, 0}, 1 },
		"a width too large":      func(c *pb.Columns) { c.Id.Width = 2 },
		"aliases without texts": func(c *pb.Columns) {
			c.Aliases = []byte{1, 1}
			c.AliasValue = &pb.PackedText{Data: []byte("x"), Ends: []byte{1, 0, 0, 0}}
		},
		"too many aliases": func(c *pb.Columns) { c.Aliases = []byte{maxAliases + 1, 0} },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			c := &pb.Columns{
				Count: 2, Line: []byte{1, 0, 0, 0}, Kind: []byte{1}, Status: []byte{1}, Currencies: []string{"CNY"}, Currency: []byte{1},
				Amount: make([]byte, 16), Id: &pb.PackedText{Data: []byte("AB"), Width: 1},
			}
			good, err := proto.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := openColumns(good); err != nil {
				t.Fatal(err)
			}
			change(c)
			bad, err := proto.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := openColumns(bad); !errors.Is(err, ErrContract) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestRowsOfAnyEmitter: an emitter that knows no rows gets the same records.
func TestRowsOfAnyEmitter(t *testing.T) {
	got := &recorded{}
	rows := Rows(got)
	want := plainRows(3)
	for i := range want {
		if err := rows.Row(&want[i]); err != nil {
			t.Fatal(err)
		}
		want[i].ID[0] = 'x' // the author's memory is his again
	}
	for i, r := range got.records {
		if r.Key.ID[0] != 'P' || r.Amount.Minor != int64(i) || *r.Fee != want[i].Fee {
			t.Errorf("record %d is %+v", i, r)
		}
	}
}

type recorded struct{ records []recon.Record }

func (r *recorded) Record(one recon.Record) error { r.records = append(r.records, one); return nil }
func (r *recorded) Reject(recon.Reject) error     { return nil }

// TestFramesAreProtobuf: what a frame sends is what protobuf's own code would send, and an arrival reads what it would.
func TestFramesAreProtobuf(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	from, again := &buffers{}, &arrival{again: true}
	for range 200 {
		payload := make([]byte, r.IntN(3)*r.IntN(1<<18))
		for i := range payload {
			payload[i] = byte(r.Uint32())
		}
		f := newFrame(partBatch, from)
		*f.buf = append(*f.buf, payload...)
		sent, err := newWireCodec().Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		want, err := proto.Marshal(&pb.DecodeOutput{Part: &pb.DecodeOutput_Batch{Batch: payload}})
		if err != nil || !bytes.Equal(sent.Materialize(), want) {
			t.Fatalf("%v, or a frame of %d bytes differs", err, len(payload))
		}
		for _, a := range []*arrival{again, {}} {
			if err := newWireCodec().Unmarshal(sent, a); err != nil || a.part != partBatch || !bytes.Equal(a.bytes, payload) {
				t.Fatalf("%v: part %d of %d bytes, want %d", err, a.part, len(a.bytes), len(payload))
			}
		}
		sent.Free()
	}
}

// FuzzColumns: no payload panics, and what is accepted keeps the contract and reads the same by columns and by records.
func FuzzColumns(f *testing.F) {
	f.Add(packRows(f, plainRows(1)))
	f.Add(packRows(f, plainRows(40)))
	w, r := newColumnWriter(MaxBatch), rand.New(rand.NewPCG(1, 1))
	for line := range 30 {
		record := richer(r, anyRecord(r, line+1))
		if err := w.add(&record); err != nil {
			f.Fatal(err)
		}
	}
	payload, err := w.take(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload)
	f.Fuzz(func(t *testing.T, payload []byte) {
		opened, err := openColumns(payload)
		if err != nil {
			if !errors.Is(err, ErrContract) {
				t.Fatal(err)
			}
			return
		}
		records, err := unpack(payload, 2)
		if err != nil || len(records) != opened.size() {
			t.Fatalf("%d records of %d, %v", len(records), opened.size(), err)
		}
		c := Columns{opened}
		for i := range records {
			if err := checkRecord(&records[i]); err != nil {
				t.Fatal(err)
			}
			if string(c.ID(i)) != records[i].Key.ID || c.Amount(i) != records[i].Amount || c.Line(i) != records[i].Origin.Line || string(c.Order(i)) != records[i].Order {
				t.Fatalf("record %d reads in two ways", i)
			}
		}
	})
}
