package reconoracle

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Summary is what `touchstone recon compare --json` prints.
type Summary struct {
	Sides []struct {
		Name     string  `json:"name"`
		Source   string  `json:"source"`
		Records  int64   `json:"records"`
		Rejected int64   `json:"rejected"`
		Totals   []Total `json:"totals"`
	} `json:"sides"`
	Matched struct {
		Records int64   `json:"records"`
		Totals  []Total `json:"totals"`
	} `json:"matched"`
	Breaks []struct {
		Break  string  `json:"break"`
		Count  int64   `json:"count"`
		Totals []Total `json:"totals"`
	} `json:"breaks"`
	Plan    string  `json:"plan"`
	Seconds float64 `json:"seconds"`
	Equal   bool    `json:"equal"`
}

// printed is one line of its --breaks file.
type printed struct {
	Break  string `json:"break"`
	Kind   string `json:"kind"`
	Fields []struct {
		Field string `json:"field"`
	} `json:"fields"`
	Primary *printedRow `json:"primary"`
	Channel *printedRow `json:"channel"`
	Shadow  *printedRow `json:"shadow"`
}

type printedRow struct {
	Line     int64  `json:"line"`
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

// Build builds the product below dir, from the repository's root.
func Build(root, dir string) (program string, err error) {
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
		b := Break{Break: p.Break, Kind: p.Kind, Rows: make([]*Row, sides)}
		for i, r := range []*printedRow{p.Primary, p.Channel, p.Shadow}[:sides] {
			if r != nil {
				b.Rows[i] = &Row{Line: r.Line, Minor: r.Amount, Currency: r.Currency}
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

// check holds the summary against the lines.
func (s Summary) check(a Answer, exitedEqual bool) error {
	if s.Equal != exitedEqual || s.Equal != (len(a.Breaks) == 0) {
		return fmt.Errorf("equal %v, exit code 0 %v, %d breaks", s.Equal, exitedEqual, len(a.Breaks))
	}
	counted := map[string]int64{}
	for _, b := range a.Breaks {
		counted[b.Break]++
	}
	for _, b := range s.Breaks {
		if counted[b.Break] != b.Count {
			return fmt.Errorf("summary has %d breaks %s, the file has %d", b.Count, b.Break, counted[b.Break])
		}
		delete(counted, b.Break)
	}
	if len(counted) > 0 {
		return fmt.Errorf("the summary does not have %v", counted)
	}
	return nil
}
