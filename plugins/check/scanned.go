package check

import (
	"fmt"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/scan"
)

// scanned holds the format that an adapter describes against what it decodes: the host's scanner, which reads the same
// file by the description alone, must find the same records. A file with rejects the scanner may refuse as a whole, as
// its sums need every line.
func (f Fixture) scanned(t *Step, host *plugins.Host, decoded outcome) {
	format := formatOf(host, f.Request.Kind)
	if format == nil || f.Failure != "" {
		return
	}
	side, err := scan.OpenFile(f.File, scan.Options{
		Format: format, Hasher: entry.NewHasher(entry.NewSecret()), Full: true, Account: f.Request.Account, Date: f.Request.Date,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer side.Close()
	var found []recon.Record
	for record, err := range side.Records(t.ctx, nil) {
		if _, rejected := err.(recon.Reject); rejected {
			continue
		}
		if err != nil {
			if len(decoded.Rejects) == 0 {
				t.Errorf("the scanner refuses by the format what Decode accepts: %v", err)
			}
			return
		}
		found = append(found, record)
	}
	if len(found) != len(decoded.Records) {
		t.Errorf("the scanner finds %d records by the format, Decode %d", len(found), len(decoded.Records))
		return
	}
	for i := range found {
		if scan, decode := said(found[i]), said(decoded.Records[i]); scan != decode {
			t.Errorf("by the format the scanner reads\n %s\nand Decode\n %s", scan, decode)
		}
	}
}

// said is what both readers say of a record. The payment that money belongs to, and its settlement date, only Decode reads.
func said(r recon.Record) string {
	fee := "none"
	if r.Fee != nil {
		fee = r.Fee.String()
	}
	return fmt.Sprint(r.Origin.Line, r.Key, r.Order, r.ChannelTxn, r.Account, r.Amount, fee, r.Status, r.Time.UnixMicro(), r.Further)
}

func formatOf(host *plugins.Host, kind string) *recon.FormatSpec {
	for _, k := range host.Description().Kinds {
		if k.Name == kind {
			return k.Format
		}
	}
	return nil
}
