package export

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// TestParquetKeepsNoTableInMemory has rows of two and a half groups, and looks at what was written before the last one came.
func TestParquetKeepsNoTableInMemory(t *testing.T) {
	const rows = 2*groupRows + groupRows/2
	var out bytes.Buffer
	if err := write(Parquet, &out, func(emit func(Line) error) error {
		for i := range rows {
			if err := emit(Line{ID: fmt.Sprint("C15-", i*7919), Minor: int64(i)}); err != nil {
				return err
			}
			if i == groupRows+1 && out.Len() == 0 {
				t.Error("a whole group is still in memory")
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	file, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil || len(file.RowGroups()) != 3 || file.NumRows() != rows {
		t.Fatalf("%d groups of %d rows, %v", len(file.RowGroups()), file.NumRows(), err)
	}
	all, err := parquet.Read[Line](bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range all {
		if line.Minor != int64(i) {
			t.Fatalf("row %d is of %d", i, line.Minor)
		}
	}
}
