package reconoracle

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Summary is what `touchstone recon compare --json` prints.
type Summary struct {
	Equal bool `json:"equal"`
	Sides []struct {
		Records  int64   `json:"records"`
		Rejected int64   `json:"rejected"`
		Totals   []Total `json:"totals"`
	} `json:"sides"`
	Matched struct {
		Records int64   `json:"records"`
		Totals  []Total `json:"totals"`
	} `json:"matched"`
	Breaks []struct {
		Break string             `json:"break"`
		Count int64              `json:"count"`
		Sides map[string][]Total `json:"sides"`
	} `json:"breaks"`
	Plan    string  `json:"plan"`
	Seconds float64 `json:"seconds"`
}

// SideNames are what the product calls its sides, in their order.
func SideNames() []string { return []string{"primary", "channel", "shadow"} }

// printed is one line of its --breaks file.
type printed struct {
	Break  string `json:"break"`
	Kind   string `json:"kind"`
	Key    string `json:"key"`
	Fields []struct {
		Field string `json:"field"`
	} `json:"fields"`
	Sides map[string]struct {
		Amount struct {
			Minor    int64  `json:"minor"`
			Currency string `json:"currency"`
		} `json:"amount"`
		Origin struct {
			Line int64 `json:"line"`
		} `json:"origin"`
	} `json:"sides"`
}

// Build builds the product below dir, from the repository's root, unless a built one is given.
func Build(root, dir, built string) (program string, err error) {
	if built != "" {
		return built, nil
	}
	program = filepath.Join(dir, "touchstone")
	build := exec.Command("go", "build", "-o", program, "./cmd/touchstone")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build touchstone: %w: %s", err, out)
	}
	return program, nil
}

// Command asks the built program, with more flags if wanted, and gives its answer. Whatever it says more than once (exit
// code, summary, lines) must agree.
func Command(ctx context.Context, program, dir string, q Question, sides []string, more ...string) (Answer, Summary, error) {
	breaks := filepath.Join(dir, "breaks.jsonl")
	args := slices.Concat([]string{"recon", "compare"}, sides, q.Flags(), []string{"--json", "--breaks", breaks}, more)
	cmd := exec.CommandContext(ctx, program, args...)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) {
		return Answer{}, Summary{}, fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, complaints.String())
	}
	var s Summary
	if err := json.Unmarshal(out.Bytes(), &s); err != nil {
		return Answer{}, s, fmt.Errorf("read summary: %w", err)
	}
	a, err := readBreaks(breaks, len(sides))
	if err != nil {
		return a, s, err
	}
	for _, side := range s.Sides {
		a.Sides = append(a.Sides, Side{Records: side.Records, Totals: side.Totals})
	}
	return a, s, s.check(a, exit == nil)
}

func readBreaks(name string, sides int) (Answer, error) {
	f, err := os.Open(name)
	if err != nil {
		return Answer{}, fmt.Errorf("open breaks: %w", err)
	}
	defer f.Close()
	a := Answer{}
	for decoder := json.NewDecoder(bufio.NewReader(f)); decoder.More(); {
		var p printed
		if err := decoder.Decode(&p); err != nil {
			return a, fmt.Errorf("read breaks: %w", err)
		}
		b := Break{Break: p.Break, Kind: p.Kind, Key: p.Key, Rows: make([]*Row, sides)}
		for i, name := range SideNames()[:sides] {
			if r, ok := p.Sides[name]; ok {
				b.Rows[i] = &Row{Line: r.Origin.Line, Minor: r.Amount.Minor, Currency: r.Amount.Currency}
			}
		}
		if !slices.Contains(b.Rows, nil) {
			for _, field := range p.Fields {
				b.Fields = append(b.Fields, field.Field)
			}
			slices.Sort(b.Fields)
		}
		a.Breaks = append(a.Breaks, b)
	}
	return a, nil
}

// check holds the summary against the lines, in number and to the cent, and what came out of each side against what went in.
func (s Summary) check(a Answer, exitedEqual bool) error {
	if s.Equal != exitedEqual || s.Equal != (len(a.Breaks) == 0) {
		return fmt.Errorf("equal %v, exit code 0 %v, %d breaks", s.Equal, exitedEqual, len(a.Breaks))
	}
	listed, stated := map[string]int64{}, map[string]int64{}
	for _, b := range a.Breaks {
		listed[b.Break]++
		for i, r := range b.Rows {
			if r != nil {
				listed[strings.Join([]string{b.Break, SideNames()[i], b.Kind, r.Currency}, " ")] += r.Minor
			}
		}
	}
	for _, b := range s.Breaks {
		stated[b.Break] = b.Count
		for side, totals := range b.Sides {
			for _, t := range totals {
				stated[strings.Join([]string{b.Break, side, t.Kind, t.Currency}, " ")] = t.Minor
			}
		}
	}
	if !maps.Equal(listed, stated) {
		return fmt.Errorf("the summary states %v, the breaks add up to %v", stated, listed)
	}
	return s.conserved()
}

// conserved wants every record of each side among what matched and what broke, in number and in money.
func (s Summary) conserved() error {
	for i, side := range s.Sides {
		out := Side{}
		take := func(totals []Total) {
			for _, t := range totals {
				out.take(t)
			}
		}
		take(s.Matched.Totals)
		for _, b := range s.Breaks {
			take(b.Sides[SideNames()[i]])
		}
		slices.SortFunc(out.Totals, compareTotals)
		if in := slices.SortedFunc(slices.Values(side.Totals), compareTotals); out.Records != side.Records || !slices.Equal(out.Totals, in) {
			return fmt.Errorf("side %d: %d records %v went in, %d records %v came out", i+1, side.Records, in, out.Records, out.Totals)
		}
	}
	return nil
}
