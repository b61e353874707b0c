package match

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon"
)

// Side is a named stream of records. A recon.Reject among the errors is a line that could not be read: it is kept
// and the stream goes on; any other error ends the join.
type Side struct {
	Name    string
	Records iter.Seq2[recon.Record, error]
}

// Group is one booking as the sides have it: one key, one occurrence number.
type Group struct {
	Key        recon.Key       `json:"key"`
	Occurrence int             `json:"occurrence"` // from 1; copies of the same line are numbered, never removed
	Records    []*recon.Record `json:"records"`    // one a side, in the order of the sides; nil = absent
}

// has tells which sides have the booking.
func (g Group) has() []bool {
	has := make([]bool, len(g.Records))
	for i, r := range g.Records {
		has[i] = r != nil
	}
	return has
}

// Joined is the result of a join.
type Joined struct {
	Sides   []string
	In      []Totals         // what each side delivered
	Rejects [][]recon.Reject // what each side could not read
	Groups  []Group          // by key, then occurrence
}

const checkEvery = 4096 // records between two looks at the context

// Join reads every side once and groups the records by key.
func Join(ctx context.Context, sides ...Side) (*Joined, error) {
	j := &Joined{In: make([]Totals, len(sides)), Rejects: make([][]recon.Reject, len(sides))}
	byKey := map[recon.Key][][]*recon.Record{}
	for i, side := range sides {
		j.Sides = append(j.Sides, side.Name)
		if err := j.read(ctx, i, len(sides), side, byKey); err != nil {
			return nil, fmt.Errorf("read side %s: %w", side.Name, err)
		}
	}
	keys := make([]recon.Key, 0, len(byKey))
	for k := range byKey {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, recon.Key.Compare)
	for _, k := range keys {
		j.Groups = append(j.Groups, align(k, byKey[k], content)...)
	}
	return j, j.conserved()
}

func (j *Joined) read(ctx context.Context, i, n int, side Side, byKey map[recon.Key][][]*recon.Record) error {
	seen := 0
	for r, err := range side.Records {
		if seen++; seen%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		var reject recon.Reject
		switch {
		case errors.As(err, &reject):
			j.Rejects[i] = append(j.Rejects[i], reject)
			continue
		case err != nil:
			return err
		}
		if err := j.In[i].Add(&r); err != nil {
			return err
		}
		lists := byKey[r.Key]
		if lists == nil {
			lists = make([][]*recon.Record, n)
			byKey[r.Key] = lists
		}
		lists[i] = append(lists[i], &r)
	}
	return ctx.Err()
}

// conserved asserts that what came out is what went in, side by side, in number and in money.
func (j *Joined) conserved() error {
	for i, name := range j.Sides {
		var out Totals
		for _, g := range j.Groups {
			if r := g.Records[i]; r != nil {
				if err := out.Add(r); err != nil {
					return err
				}
			}
		}
		if !out.Equal(j.In[i]) {
			return fmt.Errorf("conservation broken on side %s: in %s, out %s", name, j.In[i], out)
		}
	}
	return nil
}
