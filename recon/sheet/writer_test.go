package sheet_test

import (
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/recon/sheet"
)

func TestNoCellIsAFormula(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "P1": "P1", "=1+1": "'=1+1", "+86": "'+86", "-1.00": "-1.00", "-1+1": "'-1+1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "\"'\r=1\"", "-": "'-", "a=1": "a=1",
		"=HYPERLINK(\"http://x\",\"y\")": `"'=HYPERLINK(""http://x"",""y"")"`,
	} {
		var out strings.Builder
		w := sheet.NewWriter(&out)
		row := []string{"x", cell}
		if err := w.Write(row); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil || out.String() != "x,"+want+"\n" || row[1] != cell {
			t.Errorf("%q: got %q, %v", cell, out.String(), err)
		}
	}
}
