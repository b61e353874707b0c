package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/test/bench/internal/duck"
	"github.com/seed-3356bd69/touchstone/test/recongen"
	"github.com/seed-3356bd69/touchstone/test/reconoracle"
)

// planted gives what a comparison of amount, currency and status must count between the sides of a set of files.
func planted(g *recongen.Generator) (duck.Counts, error) {
	counts := duck.Counts{}
	for b, err := range reconoracle.Truth(reconoracle.Money(), g.Truth()) {
		if err != nil {
			return nil, err
		}
		c := counts[b.Break]
		c.Count++
		if b.Rows[0] != nil {
			c.Ours += b.Rows[0].Minor
		}
		if b.Rows[1] != nil {
			c.Theirs += b.Rows[1].Minor
		}
		counts[b.Break] = c
	}
	return counts, nil
}

// agree compares counts of breaks; what matched is not a break.
func agree(got, want duck.Counts) error {
	got = maps.Clone(got)
	delete(got, "matched")
	var errs []error
	for _, class := range slices.Sorted(maps.Keys(merged(got, want))) {
		if got[class] != want[class] {
			errs = append(errs, fmt.Errorf("%s: %d breaks, %d and %d fen; planted are %d, %d and %d", class,
				got[class].Count, got[class].Ours, got[class].Theirs, want[class].Count, want[class].Ours, want[class].Theirs))
		}
	}
	return errors.Join(errs...)
}

func merged(a, b duck.Counts) duck.Counts {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// checkClasses wants a peer's answer to be what was planted.
func checkClasses(want duck.Counts) func(run) error {
	return func(r run) error {
		got, err := decode(r)
		if err != nil {
			return err
		}
		return agree(got, want)
	}
}

// checkJoin wants the classes that a plain join can tell.
func checkJoin(want duck.Counts) func(run) error {
	return func(r run) error {
		got, err := decode(r)
		if err != nil {
			return err
		}
		return agree(joinable(got), joinable(want))
	}
}

// joinable are the classes that a plain join can tell: it multiplies the copies of a key, and so their mismatches.
func joinable(all duck.Counts) duck.Counts {
	some := duck.Counts{}
	for _, class := range []recon.Break{recon.MissingAtChannel, recon.MissingInternally, recon.StatusMismatch} {
		if c, ok := all[string(class)]; ok {
			some[string(class)] = c
		}
	}
	return some
}

func decode(r run) (duck.Counts, error) {
	if r.code != 0 {
		return nil, fmt.Errorf("exit code %d: %s", r.code, r.stderr)
	}
	var got duck.Counts
	if err := json.Unmarshal(r.stdout, &got); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return got, nil
}
