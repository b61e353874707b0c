package recongen

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Config says what is made. Equal values make equal bytes.
type Config struct {
	Seed    uint64
	Order   uint64            // of the rows: another order of the same rows
	Records int64             // rows of the first side; the others have as many but for the planted faults
	Sides   int               // 2 or 3
	Rates   map[Class]float64 // planted groups of a class, as a share of Records; a share above zero plants at least one
	Format  Format            // "" = FormatCSV
	Gzip    bool              // files in one gzip stream each
	Quoted  bool              // CSV: one row in sixteen has separators, quotes and line ends in its subject
	Keys    int64             // order numbers in all, so that they have copies with other contents; 0 = one a booking; not with planted faults
	Shift   time.Duration     // added to the time of every row of the second side, whole seconds, at most 10 minutes
}

// EveryClass gives all classes one rate.
func EveryClass(rate float64) map[Class]float64 {
	rates := map[Class]float64{}
	for _, s := range shapes() {
		rates[s.class] = rate
	}
	return rates
}

func (c Config) check() error {
	switch {
	case c.Records < 1:
		return fmt.Errorf("records: at least 1 (got %d)", c.Records)
	case c.Records > maxRecords:
		return fmt.Errorf("records: at most %d (got %d)", int64(maxRecords), c.Records)
	case c.Sides != 2 && c.Sides != 3:
		return fmt.Errorf("sides: 2 or 3 (got %d)", c.Sides)
	case !slices.Contains(Formats(), c.Format):
		return fmt.Errorf("format: one of %v (got %q)", Formats(), c.Format)
	case c.Quoted && c.Format != FormatCSV:
		return errors.New("quoted: the channels' bills have no quotes; leave it out or write CSV")
	case c.Keys < 0 || (c.Keys > 0 && len(c.Rates) > 0):
		return fmt.Errorf("keys: not negative, and only without planted faults (got %d)", c.Keys)
	case c.Shift < 0 || c.Shift > edit || c.Shift%time.Second != 0:
		return fmt.Errorf("shift: whole seconds, 0s to %s (got %s)", edit, c.Shift)
	}
	for class, rate := range c.Rates {
		if _, err := ParseClass(string(class)); err != nil {
			return err
		}
		if math.IsNaN(rate) || rate < 0 || rate > 1 {
			return fmt.Errorf("rate of %s: 0 to 1 (got %v)", class, rate)
		}
		if rate > 0 && !slices.Contains(c.Format.Classes(), class) {
			return fmt.Errorf("rate of %s: lines of %s cannot show it; try: 0", class, c.Format)
		}
	}
	return nil
}
