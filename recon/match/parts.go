package match

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/scan"
)

// Parts is a reconciliation in durable parts, kept in a folder: what was done once is not done again, by whoever goes on.
// Any number of processes may do parts of one plan at the same time. One Parts serves one goroutine.
//
//	plan.json                  what is reconciled how, in which parts; the secret of the entries' hashes
//	text-0-….text              what a stream was unpacked to
//	scan-0-3.part              entries of part 3 of side 0, by partition       trailer: what the scan found beside them
//	join-7.part                differences of a range of partitions, by key    trailer: counts and money by class
//
// A part is written beside its name and moved there when it is whole and on the disk. It carries its plan's digest and
// checksums: a damaged or foreign one counts as not done.
type Parts struct {
	dir    string
	secret entry.Secret
	plan   *plan
	void   bool // there is a plan that cannot be used
	cfg    Config
	sides  []*scan.Side
	alone  *os.File // locked

	scatter *scatter      // between two scan parts
	scanned [][]*scanPart // by side and part, open; nil = not looked for yet, or not there
	joined  []SideResult  // of the sides, once all of their parts are there
}

// OpenParts takes a folder, which is made where it is missing. A plan that cannot be read counts as none.
func OpenParts(dir string) (*Parts, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder for parts: %w", err)
	}
	p := &Parts{dir: dir}
	var err error
	if p.plan, p.void, err = readPlan(p.path(planName)); err != nil {
		return nil, err
	}
	if p.plan == nil {
		p.secret = entry.NewSecret()
		return p, nil
	}
	p.secret, err = entry.ParseSecret(p.plan.Secret)
	return p, err
}

func (p *Parts) path(name string) string { return filepath.Join(p.dir, name) }

// Hasher is what the sides' entries must be hashed with. Without parts (nil) nothing of it outlives the run.
func (p *Parts) Hasher() *entry.Hasher {
	if p == nil {
		return entry.NewHasher(entry.NewSecret())
	}
	return entry.NewHasher(p.secret)
}

// Planned tells when the plan was written, which is there already; the zero time = there is none.
func (p *Parts) Planned() time.Time {
	if p.plan == nil {
		return time.Time{}
	}
	return p.plan.Made
}

// Alone keeps other processes that ask for the same out of the folder, and removes what a killed one was about to write.
func (p *Parts) Alone() error {
	f, err := os.OpenFile(p.path(lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("lock folder for parts: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return errors.Join(fmt.Errorf("%s: another run works in this folder; try: wait for its end, or another folder", p.dir), f.Close())
	}
	p.alone = f
	return p.remove(func(name string) bool { // a text is written before its plan
		return partialName.MatchString(name) || (p.plan == nil && ownName.MatchString(name))
	})
}

// Close gives everything back. The folder stays as it is.
func (p *Parts) Close() error {
	var errs []error
	for side := range p.scanned {
		for n := range p.scanned[side] {
			errs = append(errs, p.forget(side, n))
		}
	}
	if p.scatter != nil {
		errs = append(errs, p.scatter.close())
		p.scatter = nil
	}
	if p.alone != nil {
		errs = append(errs, p.alone.Close())
		p.alone = nil
	}
	return errors.Join(errs...)
}

// Names of files in the folder. No other file is ever touched.
const (
	planName = "plan.json"
	lockName = "lock"
)

var (
	ownName     = regexp.MustCompile(`^(plan\.json|text-[0-9]+-[0-9a-f]+\.text|scan-[0-9]+-[0-9]+\.part|join-[0-9]+\.part)$`)
	partialName = regexp.MustCompile(`^(plan|text|scan|join)-[0-9]+\.partial$`)
)

// Clear removes the plan and all of its parts. Other files of the folder stay, and so does the folder.
func (p *Parts) Clear() error {
	err := p.remove(func(name string) bool { return ownName.MatchString(name) || partialName.MatchString(name) })
	if p.alone != nil {
		err = errors.Join(err, os.Remove(p.path(lockName)))
	}
	if err != nil {
		return fmt.Errorf("clear folder for parts: %w", err)
	}
	return nil
}

func (p *Parts) remove(which func(name string) bool) error {
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		return fmt.Errorf("look at folder for parts: %w", err)
	}
	for _, e := range entries {
		if !which(e.Name()) {
			continue
		}
		if err := os.Remove(p.path(e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove part: %w", err)
		}
	}
	return nil
}

// Reconcile does what is not done yet of a reconciliation, and gives what Reconcile would have given. It begins anew where
// the plan is of other sides, or of another way to read or compare them.
func (p *Parts) Reconcile(ctx context.Context, cfg Config, sides ...*scan.Side) (*Result, error) {
	if err := p.Begin(ctx, cfg, sides...); err != nil {
		return nil, err
	}
	return p.Run(ctx)
}

// Run does all parts that are not there, and finishes. Begin came before.
func (p *Parts) Run(ctx context.Context) (*Result, error) {
	for _, part := range p.All() {
		if _, err := p.Do(ctx, part); err != nil {
			return nil, err
		}
	}
	return p.Finish(ctx)
}

// There counts the parts that are there, as far as their names tell.
func (p *Parts) There() (there, all int) {
	parts := p.All()
	for _, part := range parts {
		if p.exists(part) {
			there++
		}
	}
	return there, len(parts)
}

// Outcome is what became of a part that was to be done.
type Outcome string

// The outcomes.
const (
	PartDone   Outcome = "done"
	PartThere  Outcome = "there"  // it was done before
	PartRedone Outcome = "redone" // what was there is damaged
	PartFailed Outcome = "failed"
)

// Outcomes lists them.
func Outcomes() []Outcome { return []Outcome{PartDone, PartThere, PartRedone, PartFailed} }

// Do does a part, unless it is there. A join needs all scans.
func (p *Parts) Do(ctx context.Context, part Part) (Outcome, error) {
	if p.plan == nil || !p.plan.has(part) {
		return PartFailed, fmt.Errorf("the plan of %s has no part %s", p.dir, part)
	}
	outcome, err := PartThere, error(nil)
	if part.Stage == StageScan {
		outcome, err = p.doScan(ctx, part)
	} else {
		outcome, err = p.doJoin(ctx, part)
	}
	if err != nil {
		return PartFailed, err
	}
	p.tell(part)
	return outcome, nil
}

// tell says how far the reconciliation is once a part is there.
func (p *Parts) tell(part Part) {
	if p.cfg.Progress == nil {
		return
	}
	told := Progress{}
	if part.Stage == StageScan {
		told.Side = p.sides[part.Side].Name()
	}
	for _, other := range p.All() {
		if other.Stage != part.Stage || other.Side != part.Side {
			continue
		}
		told.All++
		if p.exists(other) {
			told.Done++
		}
	}
	p.cfg.Progress(told)
}

// exists tells whether there is a file of a part, whatever is in it.
func (p *Parts) exists(part Part) bool {
	_, err := os.Stat(p.path(part.file()))
	return err == nil
}

// attempts bounds how often parts are made again that are found to be damaged.
const attempts = 3

// mended does something that reads parts, and makes those again that turn out to be damaged.
func (p *Parts) mended(ctx context.Context, do func() error) (redone bool, err error) {
	for range attempts {
		err = do()
		bad, is := errors.AsType[*damaged](err)
		if !is {
			return redone, err
		}
		redone = true
		if err := p.again(ctx, bad.part); err != nil {
			return redone, err
		}
	}
	return redone, fmt.Errorf("parts are damaged again and again; try: another disk: %w", err)
}

// again makes a part that is damaged once more.
func (p *Parts) again(ctx context.Context, part Part) error {
	if part.Stage == StageScan {
		if err := p.forget(part.Side, part.N); err != nil {
			return err
		}
		p.joined = nil
	}
	if err := os.Remove(p.path(part.file())); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove damaged part: %w", err)
	}
	_, err := p.Do(ctx, part)
	return err
}

// HasParts tells whether a folder has a plan.
func HasParts(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, planName))
	return err == nil
}

// Current tells whether the folder's plan is still the one that parts are done of.
func (p *Parts) Current() bool {
	now, _, err := readPlan(p.path(planName))
	return err == nil && now != nil && p.plan != nil && now.id == p.plan.id
}

// RemoveParts removes a folder of parts, if it is there. It stays where somebody else's files are in it.
func RemoveParts(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := (&Parts{dir: dir}).Clear(); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTEMPTY) {
		return fmt.Errorf("remove folder of parts: %w", err)
	}
	return nil
}
