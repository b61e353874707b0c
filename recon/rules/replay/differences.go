package replay

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"os"

	"golang.org/x/sync/errgroup"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/rules"
	"github.com/seed-3356bd69/touchstone/recon/unnamed"
)

// Differences keeps differences: in memory up to a limit, then in a file without a name. Add is what match.Config.Each asks
// for; Close gives the file back.
type Differences struct {
	dir    string
	memory int
	enc    rules.Encoder
	held   bytes.Buffer
	file   *os.File
	filed  int64 // bytes in the file
	count  int64
}

// New keeps at most that many bytes in memory; dir "" is the system's folder for temporary files.
func New(memory int, dir string) *Differences { return &Differences{dir: dir, memory: memory} }

// Count is the number of differences.
func (k *Differences) Count() int64 { return k.count }

// Add keeps one difference. Nothing is added once All was asked for.
func (k *Differences) Add(d *match.Difference) error {
	k.enc.Number(int64(len(d.Records)))
	k.enc.Word(string(d.Break))
	k.enc.Word(string(d.Class))
	k.enc.Word(string(d.Key.Kind))
	k.enc.Text(d.Key.ID)
	k.enc.Number(int64(d.Occurrence))
	for _, r := range d.Records {
		if r == nil {
			k.enc.Number(0)
			continue
		}
		k.enc.Number(1)
		k.enc.Record(r)
	}
	k.enc.Number(int64(len(d.Fields)))
	for _, f := range d.Fields {
		k.enc.Word(string(f.Field))
		for _, v := range f.Values { // one a side
			k.enc.Text(v)
		}
	}
	k.held.Write(k.enc.Bytes()) // it never fails
	k.enc.Reset()
	k.count++
	if k.held.Len() < k.memory {
		return nil
	}
	return k.spill()
}

func (k *Differences) spill() (err error) {
	if k.file == nil {
		if k.file, err = unnamed.File(k.dir); err != nil {
			return fmt.Errorf("keep differences: %w", err)
		}
	}
	n, err := k.held.WriteTo(k.file)
	k.filed += n
	if err != nil {
		return fmt.Errorf("keep differences: %w", err)
	}
	return nil
}

// All gives the differences from the beginning; each time other values, which the caller may keep. They are read a little
// ahead of the caller.
func (k *Differences) All() iter.Seq2[*match.Difference, error] {
	return func(yield func(*match.Difference, error) bool) {
		group, ctx := errgroup.WithContext(context.Background())
		ctx, stop := context.WithCancel(ctx)
		ahead := make(chan []*match.Difference, 4)
		group.Go(func() error {
			defer close(ahead)
			return k.read(ctx, ahead)
		})
		defer func() {
			stop()
			_ = group.Wait() // nobody asks for more
		}()
		for block := range ahead {
			for _, d := range block {
				if !yield(d, nil) {
					return
				}
			}
		}
		if err := group.Wait(); err != nil {
			yield(nil, fmt.Errorf("read kept differences: %w", err))
		}
	}
}

// blockSize is how many differences are handed over at a time.
const blockSize = 256

// read decodes everything, block by block, until nobody wants more.
func (k *Differences) read(ctx context.Context, to chan<- []*match.Difference) error {
	var from io.Reader = bytes.NewReader(k.held.Bytes())
	if k.file != nil {
		from = io.MultiReader(io.NewSectionReader(k.file, 0, k.filed), from)
	}
	dec := rules.NewDecoder(from)
	for left := k.count; left > 0; {
		block := make([]*match.Difference, min(left, blockSize))
		for i := range block {
			block[i] = decode(dec)
		}
		if err := dec.Err(); err != nil {
			return err
		}
		left -= int64(len(block))
		select {
		case to <- block:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

func decode(dec *rules.Decoder) *match.Difference {
	one := &struct { // mostly all that a difference takes, in one piece of memory
		match.Difference
		sides  [2]*recon.Record
		record recon.Record
	}{}
	d, free := &one.Difference, &one.record
	if n := dec.Length(); n == len(one.sides) {
		d.Records = one.sides[:]
	} else {
		d.Records = make([]*recon.Record, n)
	}
	d.Break = recon.Break(dec.Word())
	d.Class = recon.Class(dec.Word())
	d.Key = recon.Key{Kind: recon.Kind(dec.Word()), ID: dec.Text()}
	d.Occurrence = int(dec.Number())
	for i := range d.Records {
		if dec.Number() == 1 {
			if free == nil {
				free = &recon.Record{}
			}
			dec.Record(free)
			d.Records[i], free = free, nil
		}
	}
	for range dec.Length() {
		f := match.FieldValues{Field: recon.Field(dec.Word()), Values: make([]string, len(d.Records))}
		for i := range f.Values {
			f.Values[i] = dec.Text()
		}
		d.Fields = append(d.Fields, f)
	}
	return d
}

// Close gives back what was kept.
func (k *Differences) Close() error {
	k.held = bytes.Buffer{}
	if k.file == nil {
		return nil
	}
	err := k.file.Close()
	k.file = nil
	return err
}
