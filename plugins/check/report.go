package check

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
)

// Report is what a run of the suite found.
type Report struct {
	Description plugins.Description
	Steps       []*Step
}

// Step is one promise, and what broke it.
type Step struct {
	Name     string
	Problems []string
	Took     time.Duration

	ctx context.Context
}

// gaveUp ends a step at a problem behind which nothing makes sense.
type gaveUp struct{}

// Errorf notes a problem.
func (s *Step) Errorf(format string, args ...any) {
	s.Problems = append(s.Problems, fmt.Sprintf(format, args...))
}

// Error notes a problem.
func (s *Step) Error(args ...any) { s.Problems = append(s.Problems, fmt.Sprint(args...)) }

// Fatalf notes a problem and ends the step.
func (s *Step) Fatalf(format string, args ...any) { s.Errorf(format, args...); panic(gaveUp{}) }

// Fatal notes a problem and ends the step.
func (s *Step) Fatal(args ...any) { s.Error(args...); panic(gaveUp{}) }

func (r *Report) step(ctx context.Context, name string, run func(*Step)) {
	s := &Step{Name: name, ctx: ctx}
	begin := time.Now()
	func() {
		defer func() {
			if trouble := recover(); trouble != nil {
				if _, ok := trouble.(gaveUp); !ok {
					panic(trouble)
				}
			}
		}()
		run(s)
	}()
	s.Took = time.Since(begin)
	r.Steps = append(r.Steps, s)
}

// Failed counts the steps with problems.
func (r Report) Failed() int {
	n := 0
	for _, s := range r.Steps {
		if len(s.Problems) > 0 {
			n++
		}
	}
	return n
}

// Print writes a line a step, and each problem below its own.
func (r Report) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s, channel %s, contract %d\n", r.Description.Name, r.Description.Version, r.Description.Channel, r.Description.Contract)
	for _, s := range r.Steps {
		mark := "ok  "
		if len(s.Problems) > 0 {
			mark = "FAIL"
		}
		fmt.Fprintf(&b, "%s %s (%v)\n", mark, s.Name, s.Took.Round(time.Millisecond))
		for _, p := range s.Problems {
			fmt.Fprintf(&b, "       %s\n", strings.ReplaceAll(p, "\n", "\n       "))
		}
	}
	fmt.Fprintf(&b, "%d of %d steps failed\n", r.Failed(), len(r.Steps))
	_, err := io.WriteString(w, b.String())
	return err
}
