package plugins

import (
	"fmt"

	"github.com/seed-3356bd69/touchstone/plugins/internal/pb"
)

// appendText adds one value to a column.
func appendText(c *pb.TextColumn, value string) {
	c.Data = append(c.Data, value...)
	c.Ends = append(c.Ends, uint32(len(c.Data)))
}

// resetText empties a column and keeps its memory.
func resetText(c *pb.TextColumn) {
	c.Data, c.Ends = c.Data[:0], c.Ends[:0]
}

// texts reads a column: one string for all values, cut at the ends.
type texts struct {
	all  string
	ends []uint32
}

// readTexts checks that the column has n values that cover its data exactly.
func readTexts(name string, c *pb.TextColumn, n int) (texts, error) {
	ends := c.GetEnds()
	if len(ends) != n {
		return texts{}, fmt.Errorf("%w: column %s has %d values of %d", ErrContract, name, len(ends), n)
	}
	last := uint32(0)
	for _, end := range ends {
		if end < last || int(end-last) > MaxText {
			return texts{}, fmt.Errorf("%w: column %s has an offset out of order or a text over %d bytes", ErrContract, name, MaxText)
		}
		last = end
	}
	if int(last) != len(c.GetData()) {
		return texts{}, fmt.Errorf("%w: column %s has bytes outside its values", ErrContract, name)
	}
	return texts{all: string(c.GetData()), ends: ends}, nil
}

func (t texts) at(i int) string {
	start := uint32(0)
	if i > 0 {
		start = t.ends[i-1]
	}
	return t.all[start:t.ends[i]]
}
