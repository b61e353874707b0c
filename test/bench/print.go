package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

const mib = 1 << 20

// table prints what was measured, one line a contender. Memory is each program's own, without mapped files.
func table(out io.Writer, files []fileSet, contenders []contender) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "wall s\tCPU s\tM records/s\tMB/s\town MiB\tpeak MiB\tbytes/record\t\t")
	for i, c := range contenders {
		m, f := medians(c.runs), files[i]
		fmt.Fprintf(w, "%.2f\t%.2f\t%.1f\t%.0f\t%.0f\t%.0f\t%.1f\t  %s\t\n", m.wall, m.cpu, float64(f.records)/m.wall/1e6, float64(f.bytes)/m.wall/1e6,
			m.anon/mib, m.peak/mib, m.anon/float64(f.records), c.title)
	}
	return w.Flush()
}

// goal is a ratio that is wanted.
type goal struct {
	what          string
	got           float64
	atLeast, most float64 // 0 = no such bound
}

func (g goal) String() string {
	verdict := func(ok bool) string {
		if ok {
			return "reached"
		}
		return "missed"
	}
	switch {
	case g.atLeast > 0:
		return fmt.Sprintf("%6.2f  at least %g: %s  %s", g.got, g.atLeast, verdict(g.got >= g.atLeast), g.what)
	case g.most > 0:
		return fmt.Sprintf("%6.2f  at most %g: %s  %s", g.got, g.most, verdict(g.got <= g.most), g.what)
	}
	return fmt.Sprintf("%6.2f  %s", g.got, g.what)
}

func goals(out io.Writer, list ...goal) {
	fmt.Fprintln(out)
	for _, g := range list {
		fmt.Fprintln(out, g)
	}
}

func (cmd *peersCmd) print(out io.Writer, files fileSet, contenders []contender) error {
	fmt.Fprintf(out, "%d records in %d MB, medians of %d rounds, %d threads; all answers are what was planted\n\n", files.records, files.bytes/1e6, cmd.Rounds, cmd.Threads)
	if err := table(out, []fileSet{files, files, files, files}, contenders); err != nil {
		return err
	}
	ours, join, classes, sha := medians(contenders[0].runs), medians(contenders[1].runs), medians(contenders[2].runs), medians(contenders[3].runs)
	goals(out,
		goal{what: "times faster than DuckDB's full outer join", got: join.wall / ours.wall, atLeast: 3},
		goal{what: "times faster than DuckDB's query for all classes", got: classes.wall / ours.wall, atLeast: 5},
		goal{what: "times the processor time of SHA-256", got: ours.cpu / sha.cpu, most: 1.5},
		goal{what: "bytes of memory a record, mapped files not counted", got: ours.anon / float64(files.records), most: 40},
	)
	return nil
}
