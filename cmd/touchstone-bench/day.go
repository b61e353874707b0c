package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/seed-3356bd69/touchstone/test/recongen"
)

// dayOptions are those of the part that does a whole day.
type dayOptions struct {
	Records   int64   `default:"5000000" help:"Transactions of the day in our books."`
	Seed      uint64  `default:"1" help:"Of the day; equal seeds make equal days."`
	FaultRate float64 `default:"0.00002" help:"Planted groups of every class of fault, as a share of the records."`
	Dir       string  `type:"path" help:"Folder for the day's files; a new one in the system's folder for such things without it. They are removed."`
	Memory    string  `default:"1GiB" help:"Of one reconciliation."`
	Apart     bool    `help:"Make, close and remove one channel after the other: for days that the disk does not hold."`
	Worker    bool    `help:"Let a worker with its queue do the day, in place of one command."`
}

// day closes a whole simulated day from files to cases, with the product's own commands.
func day(ctx context.Context, o options, out io.Writer) (err error) {
	d, err := newDayRun(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(d.dir)) }()
	parts := [][]int{nil}
	for i := range d.channels {
		if d.Apart && i > 0 {
			parts = append(parts, nil)
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], i)
	}
	for _, part := range parts {
		if err := d.part(ctx, part, out); err != nil {
			return err
		}
	}
	if err := d.closeDay(ctx); err != nil {
		return err
	}
	cases, err := checkCases(ctx, d.store, d.planted)
	if err != nil {
		return err
	}
	return d.print(out, cases)
}

// dayRun is one day under way.
type dayRun struct {
	*dayOptions
	dir, binary, config, store string
	channels                   []dayChannel
	planted                    map[fault]int
	classes                    map[recongen.Class]int
	records, bytes             int64 // of both sides
	used                       usage
}

func newDayRun(ctx context.Context, o options) (_ *dayRun, err error) {
	binary, err := filepath.Abs(o.Sidecar)
	if err != nil {
		return nil, fmt.Errorf("find binary: %w", err)
	}
	d := &dayRun{dayOptions: &o.Day, binary: binary, channels: dayChannels(), planted: map[fault]int{}, classes: map[recongen.Class]int{}}
	if d.dir, err = os.MkdirTemp(o.Day.Dir, "touchstone-day"); err != nil {
		return nil, fmt.Errorf("create folder: %w", err)
	}
	d.config, d.store = filepath.Join(d.dir, "recon.yaml"), "sqlite://"+filepath.Join(d.dir, "state.db")
	if err := d.prepare(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(d.dir))
	}
	return d, nil
}

// prepare writes the configuration, and how the lines of each file are read.
func (d *dayRun) prepare(ctx context.Context) error {
	for _, folder := range []string{"bills", "books"} {
		if err := os.Mkdir(filepath.Join(d.dir, folder), 0o755); err != nil {
			return fmt.Errorf("create folder: %w", err)
		}
	}
	text := fmt.Sprintf("role: recon\nstore: %s\narchive: ./archive\ntemp: %s\nmemory: %s\nthreads: 2\n", d.store, d.dir, d.Memory)
	if d.Worker {
		queue, err := d.workerSection()
		if err != nil {
			return err
		}
		text += queue
	}
	text += "channels:\n"
	for _, c := range d.channels {
		if err := c.describe(ctx, filepath.Dir(d.binary), d.dir); err != nil {
			return err
		}
		text += c.section()
	}
	if err := os.WriteFile(d.config, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	return writeSpec(filepath.Join(d.dir, "books.json"), bookLines())
}

// part makes the files of some channels, reconciles them and, where the disk does not hold all, removes them.
func (d *dayRun) part(ctx context.Context, some []int, out io.Writer) error {
	records, size, begin := int64(0), int64(0), time.Now()
	for _, i := range some {
		n, bytes, err := d.make(ctx, i)
		if err != nil {
			return err
		}
		records, size = records+n, size+bytes
	}
	syscall.Sync() // what was just made must not be written out while others are measured
	fmt.Fprintf(out, "made %s records on both sides, %s, in %s\n", humanize.Comma(records), humanize.IBytes(uint64(size)), time.Since(begin).Round(time.Second/10))
	d.records, d.bytes = d.records+records, d.bytes+size
	used, err := d.reconcile(ctx, some)
	if err != nil {
		return err
	}
	d.used.add(used)
	if !d.Apart {
		return nil
	}
	fmt.Fprintf(out, "  %s: %s\n", d.channels[some[0]].name, used.text(records))
	for _, name := range []string{"archive", d.channels[some[0]].bill(), d.channels[some[0]].books()} {
		if err := os.RemoveAll(filepath.Join(d.dir, name)); err != nil {
			return fmt.Errorf("remove files: %w", err)
		}
	}
	return nil
}

// make writes one channel's files and remembers what is planted in them.
func (d *dayRun) make(ctx context.Context, place int) (records, size int64, err error) {
	c := d.channels[place]
	g, err := c.generator(d.dayOptions, place)
	if err != nil {
		return 0, 0, err
	}
	if err := c.write(ctx, d.dir, g); err != nil {
		return 0, 0, err
	}
	for class, n := range plantedFaults(c.name, g, d.planted) {
		d.classes[class] += n
	}
	for _, name := range []string{c.bill(), c.books()} {
		info, err := os.Stat(filepath.Join(d.dir, name))
		if err != nil {
			return 0, 0, fmt.Errorf("look at file: %w", err)
		}
		size += info.Size()
	}
	return g.Rows(recongen.Ours) + g.Rows(recongen.Theirs), size, nil
}

// reconcile lets the product do the statements of some channels.
func (d *dayRun) reconcile(ctx context.Context, some []int) (usage, error) {
	switch {
	case d.Worker:
		return d.work(ctx, some)
	case d.Apart:
		return d.touchstone(ctx, "recon", "run", "--date", simulatedDay, "--channel", d.channels[some[0]].name, d.config)
	}
	return d.touchstone(ctx, "recon", "run", "--date", simulatedDay, d.config)
}

func (d *dayRun) closeDay(ctx context.Context) error {
	used, err := d.touchstone(ctx, "recon", "close", "--date", simulatedDay, d.config)
	d.used.add(used)
	return err
}

// touchstone runs a command that must end well, and tells what it took.
func (d *dayRun) touchstone(ctx context.Context, args ...string) (usage, error) {
	m, err := startMeasured(ctx, d.binary, args...)
	if err != nil {
		return usage{}, err
	}
	used, err := m.wait()
	if err != nil {
		return used, fmt.Errorf("touchstone recon %s: %w", args[1], err)
	}
	return used, nil
}

func (d *dayRun) print(out io.Writer, cases int) error {
	how := "recon run"
	if d.Worker {
		how = "worker"
	}
	_, err := fmt.Fprintf(out, `a day of %s transactions, %d channels, by %s: closed
  both sides    %s records, %s
  used          %s
  planted       %d groups of %d classes, %d faults
  cases         %d: each fault is one case, and nothing else is
`, humanize.Comma(d.Records), len(d.channels), how, humanize.Comma(d.records), humanize.IBytes(uint64(d.bytes)), d.used.text(d.records), total(d.classes), len(d.classes), total(d.planted), cases)
	return err
}

func total[K comparable](counts map[K]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}
