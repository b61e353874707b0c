package digest

import "github.com/seed-3356bd69/touchstone/recon/entry"

// Collector takes the entries of a scan: each worker has a table of its own, and they are merged at the end. It is a
// scan.Sink.
type Collector struct{ tables []*Table }

// NewCollector makes a collector for so many workers.
func NewCollector(h *entry.Hasher, compared entry.Compared, workers int) *Collector {
	c := &Collector{tables: make([]*Table, workers)}
	for i := range c.tables {
		c.tables[i] = New(h, compared)
	}
	return c
}

// Take adds a batch to the worker's table.
func (c *Collector) Take(worker int, batch []entry.Entry) error { return c.tables[worker].Take(batch) }

// Table is the digest of everything that was taken. The collector must not be used after it.
func (c *Collector) Table() (*Table, error) {
	whole := c.tables[0]
	for _, t := range c.tables[1:] {
		if err := whole.Merge(t); err != nil {
			return nil, err
		}
	}
	return whole, nil
}
