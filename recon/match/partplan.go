package match

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"

	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/scan"
)

// plan is what all who work on the parts of one reconciliation agree in. It is written once.
type plan struct {
	Layout      int            `json:"layout"` // of the files
	Build       string         `json:"build"`
	Made        time.Time      `json:"made"`
	Secret      string         `json:"secret"` // of the entries' hashes, hexadecimal
	Compared    entry.Compared `json:"compared"`
	Unique      bool           `json:"unique"`
	Differences bool           `json:"differences"` // they are wanted, not only their numbers
	Partitions  int            `json:"partitions"`
	Joins       int            `json:"joins"` // parts of the join: ranges of partitions
	PartSize    int64          `json:"part_size"`
	Sides       []planSide     `json:"sides"`

	id [sha256.Size]byte // digest of the whole plan
}

// planSide is one side of a plan.
type planSide struct {
	Name    string    `json:"name"`
	Stamp   string    `json:"stamp"`   // of its file: see scan.Side
	Reading string    `json:"reading"` // how it is read
	Text    *planText `json:"text,omitempty"`
	Blocks  int       `json:"blocks"`
	Parts   int       `json:"parts"`
}

// planText is what a stream was unpacked to.
type planText struct {
	File string `json:"file"`
	Size int64  `json:"size"`
	Sum  uint64 `json:"sum"`
}

// layout is the number of the form of part files.
const layout = 1

// build tells programs apart: another one may read a line otherwise.
func build() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	text := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" || s.Key == "vcs.modified" {
			text += " " + s.Value
		}
	}
	return text + " " + scan.Build
}

// blocks are those of a part of a side.
func (s *planSide) blocks(part int) (from, to int) {
	return part * s.Blocks / s.Parts, (part + 1) * s.Blocks / s.Parts
}

// partitions are those of a part of the join.
func (p *plan) partitions(part int) (from, to int) {
	return part * p.Partitions / p.Joins, (part + 1) * p.Partitions / p.Joins
}

func (p *plan) has(part Part) bool {
	switch part.Stage {
	case StageScan:
		return part.Side >= 0 && part.Side < len(p.Sides) && part.N >= 0 && part.N < p.Sides[part.Side].Parts
	case StageJoin:
		return part.Side == 0 && part.N >= 0 && part.N < p.Joins
	}
	return false
}

// All lists the parts of the plan in the order in which one process does them. Begin or Take came before.
func (p *Parts) All() []Part {
	var all []Part
	for side := range p.plan.Sides {
		for n := range p.plan.Sides[side].Parts {
			all = append(all, Part{StageScan, side, n})
		}
	}
	for n := range p.plan.Joins {
		all = append(all, Part{StageJoin, 0, n})
	}
	return all
}

// readPlan gives nil where there is none. void: there is one that cannot be used, cut off, damaged or of another program.
func readPlan(path string) (_ *plan, void bool, err error) {
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("read plan: %w", err)
	}
	body, sum, ok := bytes.Cut(text, []byte("\n"))
	digest := sha256.Sum256(body)
	if !ok || strings.TrimSpace(string(sum)) != hex.EncodeToString(digest[:]) {
		return nil, true, nil
	}
	out := &plan{id: digest}
	if err := json.Unmarshal(body, out); err != nil || out.Layout != layout || !out.sane() {
		return nil, true, nil
	}
	return out, false, nil
}

func (p *plan) sane() bool {
	for i := range p.Sides {
		if p.Sides[i].Parts < 1 || p.Sides[i].Blocks < 0 {
			return false
		}
	}
	_, err := entry.ParseSecret(p.Secret)
	return err == nil && p.Joins > 0 && p.Partitions > 0 && len(p.Sides) > 1
}

// write puts the plan in its place, unless one is there.
func (p *plan) write(to *Parts) error {
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode plan: %w", err)
	}
	p.id = sha256.Sum256(body)
	f, err := to.partial("plan")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(f, "%s\n%x\n", body, p.id); err != nil {
		return errors.Join(fmt.Errorf("write plan: %w", err), f.drop())
	}
	return f.keep(planName, os.Link) // a second one is an error: its parts would be foreign
}

// OtherPlanError tells in what a plan differs from the sides and the configuration that it was to be used for.
type OtherPlanError struct {
	Dir  string
	What string
}

func (e *OtherPlanError) Error() string {
	return fmt.Sprintf("the plan of %s is another one: %s; try: the same configuration on every machine, or an empty folder", e.Dir, e.What)
}

// Begin takes the sides. Where there is no plan for them it makes one: streams are unpacked into the folder then.
func (p *Parts) Begin(ctx context.Context, cfg Config, sides ...*scan.Side) error {
	if err := p.use(cfg, sides); err != nil {
		return err
	}
	if p.plan != nil {
		err := p.fits()
		if _, is := errors.AsType[*OtherPlanError](err); !is {
			return errors.Join(err, p.room())
		}
		p.plan, p.void = nil, true
	}
	if p.void {
		if err := p.remove(ownName.MatchString); err != nil {
			return err
		}
		p.void = false
	}
	return p.begin(ctx)
}

// Take takes the sides for a plan that is there. One that is of something else is an OtherPlanError.
func (p *Parts) Take(cfg Config, sides ...*scan.Side) error {
	if err := p.use(cfg, sides); err != nil {
		return err
	}
	if p.plan == nil {
		return &OtherPlanError{p.dir, "there is none"}
	}
	return p.fits()
}

func (p *Parts) use(cfg Config, sides []*scan.Side) error {
	if len(sides) < 2 || len(sides) > maxSides {
		return fmt.Errorf("reconcile %d sides: 2 to %d", len(sides), maxSides)
	}
	p.cfg, p.sides, p.joined = cfg.withDefaults(), sides, nil
	return nil
}

// fits holds the plan against the sides, and gives them the texts that streams were unpacked to.
func (p *Parts) fits() error {
	c, have := &p.cfg, p.plan
	differs := func(what string, args ...any) error {
		return &OtherPlanError{p.dir, fmt.Sprintf(what, args...)}
	}
	switch {
	case have.Build != build():
		return differs("it was made by another program (%s)", have.Build)
	case have.Compared != c.Compared || have.Unique != c.Unique || have.Differences != (c.Each != nil):
		return differs("other fields are compared, or other breaks reported")
	case c.Parts > 0 && c.Parts != have.Partitions, c.PartSize > 0 && c.PartSize != have.PartSize:
		return differs("it has other parts")
	case len(have.Sides) != len(p.sides):
		return differs("it has %d sides", len(have.Sides))
	}
	texts := make([]*os.File, len(p.sides))
	defer func() {
		for _, f := range texts {
			if f != nil {
				_ = f.Close() // what is mapped stays
			}
		}
	}()
	for i, side := range p.sides {
		reading, err := side.Reading()
		if err != nil {
			return err
		}
		switch s := &have.Sides[i]; {
		case s.Stamp != side.Stamp():
			return differs("%s was %s, and is %s", side.Name(), stampText(s.Stamp), stampText(side.Stamp()))
		case s.Reading != reading:
			return differs("%s is read in another way: another format, account, date or secret", side.Name())
		case s.Text == nil:
		default:
			if texts[i], err = p.openText(s.Text); err != nil {
				return differs("%v", err)
			}
		}
	}
	return p.over(texts)
}

func stampText(stamp string) string {
	if stamp == "" {
		return "a stream"
	}
	return stamp
}

// over gives the sides the texts that they were unpacked to.
func (p *Parts) over(texts []*os.File) error {
	for i, f := range texts {
		if f != nil {
			if err := p.sides[i].Over(f); err != nil {
				return err
			}
		}
		blocks, err := p.sides[i].Blocks()
		if err != nil {
			return err
		}
		if want := p.plan.Sides[i].Blocks; blocks != want {
			return fmt.Errorf("%s has %d blocks, its plan %d", p.sides[i].Name(), blocks, want)
		}
	}
	p.scanned = make([][]*scanPart, len(p.sides))
	for i := range p.scanned {
		p.scanned[i] = make([]*scanPart, p.plan.Sides[i].Parts)
	}
	return nil
}

const (
	defaultPartSize = 256 << 20 // bytes of text; a part of the join has half as many bytes of entries
	maxParts        = 128       // of a side: their files are open at the same time
)

// begin makes the plan.
func (p *Parts) begin(ctx context.Context) error {
	next := &plan{
		Layout: layout, Build: build(), Made: time.Now().UTC(), Secret: hex.EncodeToString(p.secret[:]), Compared: p.cfg.Compared, Unique: p.cfg.Unique,
		Differences: p.cfg.Each != nil, PartSize: p.cfg.PartSize,
	}
	if next.PartSize <= 0 {
		next.PartSize = defaultPartSize
	}
	for i := range p.sides {
		s, err := p.side(ctx, i, next.PartSize)
		if err != nil {
			return err
		}
		next.Sides = append(next.Sides, s)
	}
	next.Partitions = p.cfg.partitions(mostRecords(p.sides))
	next.Joins = 1
	for all := p.estimate(); next.Joins < next.Partitions && int64(next.Joins)*next.PartSize/2 < all; {
		next.Joins *= 2
	}
	p.plan = next
	if err := errors.Join(p.room(), p.over(make([]*os.File, len(p.sides)))); err != nil {
		p.plan = nil
		return err
	}
	if err := next.write(p); err != nil {
		p.plan = nil
		return err
	}
	return nil
}

// side plans one side. A stream is unpacked.
func (p *Parts) side(ctx context.Context, i int, partSize int64) (s planSide, err error) {
	side := p.sides[i]
	s = planSide{Name: side.Name(), Stamp: side.Stamp()}
	if s.Reading, err = side.Reading(); err != nil {
		return s, err
	}
	if side.Streams() {
		if s.Text, err = p.unpack(ctx, i); err != nil {
			return s, err
		}
	}
	if s.Blocks, err = side.Blocks(); err != nil {
		return s, err
	}
	s.Parts = int(max(1, min(maxParts, (side.Size()+partSize-1)/partSize, int64(s.Blocks))))
	return s, nil
}

// estimate guesses what the entries of all sides take.
func (p *Parts) estimate() (n int64) {
	for _, side := range p.sides {
		n += side.Estimate() * entry.Size
	}
	return n
}

// room asserts that the disk has room for the parts that are not there yet.
func (p *Parts) room() error {
	need := int64(0)
	for i, side := range p.sides {
		missing := 0
		for n := range p.plan.Sides[i].Parts {
			if !p.exists(Part{StageScan, i, n}) {
				missing++
			}
		}
		need += side.Estimate() * entry.Size * int64(missing) / int64(p.plan.Sides[i].Parts)
	}
	need += need / 4 // the guess may be low
	if free := freeBytes(p.dir); free < need {
		return fmt.Errorf("parts need about %s in %s, where %s are free; try: a folder with more room", humanize.IBytes(uint64(need)), p.dir, humanize.IBytes(uint64(free)))
	}
	return nil
}

// freeBytes is the room on a folder's disk; 0 if nobody knows.
func freeBytes(dir string) int64 {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0
	}
	return int64(s.Bavail) * s.Bsize
}
