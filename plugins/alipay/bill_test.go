package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
)

func decodeBytes(t testing.TB, data []byte) (*collected, plugins.DecodeResult, error) {
	t.Helper()
	got := &collected{}
	res, err := testAdapter(t, nil, time.Now).Decode(t.Context(), plugins.DecodeRequest{Kind: kindTrade, Date: "2026-07-01"}, bytes.NewReader(data), got)
	return got, res, err
}

// TestBrokenBills changes a good bill; whatever is not the whole bill must be quarantined, and said why.
func TestBrokenBills(t *testing.T) {
	good, sum := text(t, "trade.csv"), entry{"s.csv", text(t, "trade-summary.csv")}
	zipped := packed(t, entry{"d.csv", good}, sum)
	damaged := bytes.Clone(zipped)
	damaged[len(damaged)/3] ^= 0x55
	for _, tt := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "empty file"},
		{"page instead of a bill", []byte("<html>下载超时,请重新下载</html>"), "a page or an answer"},
		{"zip cut off", zipped[:len(zipped)-40], "damaged or cut off"},
		{"zip damaged", damaged, ""},
		{"zip without details", packed(t, sum), "no file that begins with"},
		{"zip without summary", packed(t, entry{"d.csv", good}), "no summary"},
		{"zip with a third file", packed(t, entry{"d.csv", good}, sum, entry{"x.csv", "x"}), "files nobody knows: x.csv"},
		{"summary without its total", packed(t, entry{"d.csv", good}, entry{"s.csv", strings.Replace(sum.text, "合计\t", "x\t", 1)}), "no line 合计"},
		{"summary's amount altered", packed(t, entry{"d.csv", good}, entry{"s.csv", strings.ReplaceAll(sum.text, "1264.99", "1264.98")}), "订单金额（元） is 1264.98, details are 1264.99"},
		{"no end", gbk(t, good[:strings.Index(good, "#-----------------------------------------业务明细列表结束")]), "cut off"},
		{"no footer", gbk(t, good[:strings.Index(good, "#交易合计")]), "count payment is not stated"},
		{"refund altered", gbk(t, strings.Replace(good, "-50.00,-50.00", "-50.01,-50.01", 1)), "amount refund is 150.10, details are 150.11"},
		{"a row lost", gbk(t, strings.Replace(good, strings.Split(good, "\n")[6]+"\n", "", 1)), "count payment is 4, details are 3"},
		{"another account", gbk(t, good), "bill of account"},
		{"account bill instead", gbk(t, text(t, "account.csv")), "is missing"},
		{"a column twice", gbk(t, strings.Replace(good, "门店名称", "门店编号", 1)), "occurs twice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := plugins.DecodeRequest{Kind: kindTrade, Date: "2026-07-01"}
			if tt.name == "another account" {
				req.Account = "2088999999999999"
			}
			_, err := testAdapter(t, nil, time.Now).Decode(t.Context(), req, bytes.NewReader(tt.data), &collected{})
			if plugins.KindOf(err) != plugins.FailureQuarantine || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestEveryCutIsFound cuts the details at every byte up to the last figure that matters: what follows states only when
// the file was made.
func TestEveryCutIsFound(t *testing.T) {
	good := gbk(t, text(t, "trade.csv"))
	last := bytes.Index(good, gbk(t, "元，商家优惠退款共"))
	for n := range last {
		if _, _, err := decodeBytes(t, good[:n]); err == nil {
			t.Errorf("cut at %d of %d was accepted", n, len(good))
		}
	}
}

func TestMemoryIsIndependentOfTheName(t *testing.T) {
	// A name that would leave the folder is never used as a path.
	data := packed(t, entry{"../../etc/passwd", text(t, "trade.csv")}, entry{"/s.csv", text(t, "trade-summary.csv")})
	if got, _, err := decodeBytes(t, data); err != nil || len(got.records) != 7 {
		t.Errorf("%d records, %v", len(got.records), err)
	}
}

// FuzzDecode: no panic, and every line in exactly one place.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{"trade.csv", "indirect.csv", "old.csv", "rejects.csv", "empty.csv"} {
		f.Add(gbk(f, text(f, name)))
		f.Add([]byte(text(f, name)))
	}
	f.Add(packed(f, entry{"d.csv", text(f, "trade.csv")}, entry{"s.csv", text(f, "trade-summary.csv")}))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, res, err := decodeBytes(t, data)
		if res.Records != int64(len(got.records)) || res.Rejects != int64(len(got.rejects)) {
			t.Fatalf("%d records and %d rejects came, the result says %d and %d (%v)", len(got.records), len(got.rejects), res.Records, res.Rejects, err)
		}
		for _, r := range got.records {
			if r.Amount.Minor < 0 || r.Key.ID == "" || r.Origin.Line < 1 {
				t.Fatalf("record outside the contract: %+v", r)
			}
		}
	})
}
