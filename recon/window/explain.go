package window

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/digest"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// maxDifferences bounds what a result lists; the rest of a window that differs as a whole says nothing more.
const maxDifferences = 1000

// explain fetches the records of the buckets that differ and finds the differences. A difference that the fetched records
// do not show is no agreement: it stays a bucket that differs.
func (w *Windows) explain(ctx context.Context, r *Result, dirty *digest.Buckets) error {
	var fetched [sides][]booking
	for side := range sides {
		records, err := w.cfg.Fetch(ctx, side, r.Start, dirty)
		if err != nil {
			return fmt.Errorf("fetch records of %s: %w", side, err)
		}
		if fetched[side], err = w.bookings(records, dirty); err != nil {
			return err
		}
	}
	differences, touched := differ(fetched)
	if touched.Len() != dirty.Len() {
		return errNotReproduced
	}
	if len(differences) > maxDifferences {
		r.Problem = fmt.Sprintf("%d records differ, the first %d are listed", len(differences), maxDifferences)
		r.Differences = differences[:maxDifferences]
		return nil
	}
	r.Differences, r.Exact = differences, true
	return nil
}

// errNotReproduced is a fetch that gave other records than those that were summed up.
var errNotReproduced = errors.New("the records that were fetched do not show why the buckets differ")

// booking is a fetched record with its entry.
type booking struct {
	record *recon.Record
	entry  entry.Entry
}

func (w *Windows) bookings(records []recon.Record, in *digest.Buckets) ([]booking, error) {
	var all []booking
	for i := range records {
		e, err := w.cfg.Hasher.Of(&records[i], 0, w.cfg.Compared)
		if err != nil {
			return nil, err
		}
		if in.Has(digest.Of(e.Tag)) {
			all = append(all, booking{&records[i], e})
		}
	}
	return all, nil
}

// differ compares multisets of bookings, key by key, and tells in which buckets it found something.
func differ(fetched [sides][]booking) ([]Difference, *digest.Buckets) {
	byKey := map[recon.Key]*[sides][]booking{}
	var keys []recon.Key
	for side, all := range fetched {
		for _, b := range all {
			if byKey[b.record.Key] == nil {
				byKey[b.record.Key] = &[sides][]booking{}
				keys = append(keys, b.record.Key)
			}
			byKey[b.record.Key][side] = append(byKey[b.record.Key][side], b)
		}
	}
	slices.SortFunc(keys, recon.Key.Compare)
	var found []Difference
	touched := &digest.Buckets{}
	for _, key := range keys {
		both := byKey[key]
		bucket := bucketOf(both)
		of := differencesOf(key, both[Primary], both[Shadow])
		if len(of) > 0 {
			touched.Put(bucket)
		}
		found = append(found, of...)
	}
	return found, touched
}

// bucketOf is the bucket of one key's bookings: they all have the same tag.
func bucketOf(both *[sides][]booking) int {
	for _, all := range both {
		if len(all) > 0 {
			return digest.Of(all[0].entry.Tag)
		}
	}
	return 0
}

// differencesOf pairs the copies of one key: equal ones with each other first.
func differencesOf(key recon.Key, primary, shadow []booking) []Difference {
	matched := false
	primary = slices.DeleteFunc(primary, func(p booking) bool {
		i := slices.IndexFunc(shadow, func(s booking) bool { return s.entry.Same(&p.entry) })
		if i >= 0 {
			shadow = slices.Delete(shadow, i, i+1)
			matched = true
		}
		return i >= 0
	})
	var found []Difference
	for len(primary) > 0 || len(shadow) > 0 {
		d := Difference{Key: key}
		if len(primary) > 0 {
			d.Primary, primary = primary[0].record, primary[1:]
		}
		if len(shadow) > 0 {
			d.Shadow, shadow = shadow[0].record, shadow[1:]
		}
		d.Break = breakOf(d, matched)
		matched = matched || (d.Primary != nil && d.Shadow != nil)
		found = append(found, d)
	}
	return found
}

func breakOf(d Difference, copied bool) recon.Break {
	field := recon.FieldPresence
	switch {
	case d.Primary != nil && d.Shadow != nil:
		field = fieldOf(d.Primary, d.Shadow)
	case copied:
		field = recon.FieldOccurrence
	}
	return recon.BreakOf(field, d.Primary != nil, d.Shadow != nil, false)
}

func fieldOf(a, b *recon.Record) recon.Field {
	switch {
	case a.Amount != b.Amount:
		return recon.FieldAmount
	case a.Status != b.Status:
		return recon.FieldStatus
	}
	return recon.FieldOrder
}
