package recongen

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

const chunkRows = 8192 // rows one worker writes at a time

// Generator writes the sides of one Config, and then the truth about them.
type Generator struct {
	book  *book
	cfg   Config
	order [3]permutation
	lines [3][]int64 // of the planted rows, known once a side is written
}

// New prepares a generator; nothing is made yet.
func New(c Config) (*Generator, error) {
	if c.Format == "" {
		c.Format = FormatCSV
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	b, err := newBook(c)
	if err != nil {
		return nil, err
	}
	g := &Generator{book: b, cfg: c}
	for side := range c.Sides {
		g.order[side] = newPermutation(b.rows[side], mix(c.Seed+uint64(side)*0x5851f42d4c957f2d+c.Order*0x14057b7ef767814f))
	}
	return g, nil
}

// Rows is the number of records of a side.
func (g *Generator) Rows(side int) int64 { return int64(g.book.rows[side]) }

// layout is the form of one file. A row always ends its last line.
type layout interface {
	header(b []byte) []byte
	row(b []byte, k *booking) []byte
	footer(b []byte, t totals) []byte
}

func (g *Generator) layout(side int) layout {
	switch {
	case side == Theirs && g.cfg.Format == FormatWeChat:
		return wechatBill{}
	case side == Theirs && g.cfg.Format == FormatAlipay:
		return newAlipayBill()
	case side == Theirs && g.cfg.Format == FormatUnionPay:
		return unionPayFile{}
	case side == Theirs && g.cfg.Format == FormatNetsUnion:
		return netsUnionFile{}
	case side == Theirs && g.cfg.Format == FormatBank:
		return bankFile{}
	}
	return csvFile{quoted: g.cfg.Quoted, booking: g.cfg.Format != FormatCSV}
}

// chunk is a run of rows of a file, as text.
type chunk struct {
	text    []byte
	lines   int64
	totals  totals
	planted []plantedLine
}

// plantedLine is where in a chunk a planted row begins: its line from 0.
type plantedLine struct {
	index uint64 // of the row among the planted rows of its side
	line  int64
}

// WriteSide writes one side whole. It uses every processor.
func (g *Generator) WriteSide(ctx context.Context, side int, w io.Writer) error {
	if side < 0 || side >= g.cfg.Sides {
		return fmt.Errorf("write side %d: there are %d", side, g.cfg.Sides)
	}
	ctx, stop := context.WithCancel(ctx)
	form := g.layout(side)
	g.lines[side] = make([]int64, g.book.rows[side]-g.book.regular)
	head := form.header(nil)
	line, sum := int64(bytes.Count(head, []byte("\n")))+1, totals{}
	if _, err := w.Write(head); err != nil {
		stop()
		return fmt.Errorf("write header: %w", err)
	}
	free := make(chan []byte, 2*runtime.GOMAXPROCS(0))
	queue := g.produce(ctx, side, form, free)
	defer func() {
		stop()
		for one := range queue {
			<-one
		}
	}()
	for one := range queue {
		c := <-one
		if _, err := w.Write(c.text); err != nil {
			return fmt.Errorf("write rows: %w", err)
		}
		for _, p := range c.planted {
			g.lines[side][p.index] = line + p.line
		}
		line += c.lines
		sum.merge(c.totals)
		select {
		case free <- c.text[:0]:
		default:
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := w.Write(form.footer(nil, sum)); err != nil {
		return fmt.Errorf("write footer: %w", err)
	}
	return nil
}

// produce makes the chunks of a side in parallel and hands them out in order. The queue ends when all are made, or when
// ctx ends.
func (g *Generator) produce(ctx context.Context, side int, form layout, free <-chan []byte) <-chan chan chunk {
	queue := make(chan chan chunk, runtime.GOMAXPROCS(0))
	go func() {
		defer close(queue)
		for from := uint64(0); from < g.book.rows[side]; from += chunkRows {
			one := make(chan chunk, 1)
			select {
			case queue <- one:
			case <-ctx.Done():
				return
			}
			var buffer []byte
			select {
			case buffer = <-free:
			default:
			}
			go func() { one <- g.chunk(side, form, from, buffer) }()
		}
	}()
	return queue
}

func (g *Generator) chunk(side int, form layout, from uint64, buffer []byte) chunk {
	c := chunk{text: buffer}
	for at := from; at < min(from+chunkRows, g.book.rows[side]); at++ {
		r := g.order[side].at(at)
		k := g.book.at(side, r)
		if r >= g.book.regular {
			c.planted = append(c.planted, plantedLine{r - g.book.regular, c.lines})
		}
		start := len(c.text)
		c.text = form.row(c.text, &k)
		c.lines += int64(bytes.Count(c.text[start:], []byte("\n")))
		c.totals.add(&k)
	}
	return c
}

// Sides gives all sides whole, in memory.
func (g *Generator) Sides(ctx context.Context) ([][]byte, error) {
	var all [][]byte
	for side := range g.cfg.Sides {
		var b bytes.Buffer
		if err := g.WriteSide(ctx, side, &b); err != nil {
			return nil, err
		}
		all = append(all, b.Bytes())
	}
	return all, nil
}

// Names gives the names of the files of the sides and of the truth below a folder.
func (g *Generator) Names(dir string) (sides []string, truth string) {
	theirs := "theirs.csv"
	if g.cfg.Format != FormatCSV {
		theirs = fmt.Sprintf("theirs.%s.csv", g.cfg.Format)
	}
	for _, name := range []string{"ours.csv", theirs, "third.csv"}[:g.cfg.Sides] {
		if g.cfg.Gzip {
			name += ".gz"
		}
		sides = append(sides, filepath.Join(dir, name))
	}
	return sides, filepath.Join(dir, "truth.jsonl")
}

// WriteFiles writes the sides, and the truth if wanted, below a folder, which it creates.
func (g *Generator) WriteFiles(ctx context.Context, dir string, withTruth bool) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("create folder: %w", err)
	}
	names, truth := g.Names(dir)
	for side, name := range names {
		if err := writeFile(name, func(w io.Writer) error { return g.writePacked(ctx, side, w) }); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	if !withTruth {
		return nil
	}
	if err := writeFile(truth, g.WriteTruth); err != nil {
		return fmt.Errorf("write %s: %w", truth, err)
	}
	return nil
}

func (g *Generator) writePacked(ctx context.Context, side int, w io.Writer) error {
	if !g.cfg.Gzip {
		return g.WriteSide(ctx, side, w)
	}
	packed, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	err = g.WriteSide(ctx, side, packed)
	return errors.Join(err, packed.Close())
}

func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	err = write(f)
	return errors.Join(err, f.Close())
}

// yuan appends fen with two decimals.
func yuan(b []byte, fen int64) []byte {
	if fen < 0 {
		b, fen = append(b, '-'), -fen
	}
	b = number(b, uint64(fen/100))
	return append(b, '.', byte('0'+fen/10%10), byte('0'+fen%10))
}

// number appends a decimal number.
func number(b []byte, n uint64) []byte {
	var digits [20]byte
	at := len(digits)
	for {
		at--
		digits[at] = byte('0' + n%10)
		if n /= 10; n == 0 {
			return append(b, digits[at:]...)
		}
	}
}

// padded appends the last digits of a number, with zeros in front.
func padded(b []byte, n uint64, digits int) []byte {
	start := len(b)
	b = append(b, "00000000000000000000"[:digits]...)
	for at := len(b) - 1; at >= start; at-- {
		b[at] = byte('0' + n%10)
		n /= 10
	}
	return b
}

// clock appends the day and the time of the day.
func clock(b []byte, second int) []byte {
	b = append(b, day...)
	b = append(b, ' ')
	b = padded(b, uint64(second/3600), 2)
	b = append(b, ':')
	b = padded(b, uint64(second/60%60), 2)
	b = append(b, ':')
	return padded(b, uint64(second%60), 2)
}

// orderNumber appends the merchant's order number, 21 characters.
func orderNumber(b []byte, k *booking) []byte {
	b = padded(append(append(b, 'P'), dayDigits...), k.order, 12)
	if k.joined > 0 {
		b = append(b, '0')
	}
	return b
}

// refundNumber appends the merchant's refund number; a payment has none.
func refundNumber(b []byte, k *booking) []byte {
	if k.kind == "payment" {
		return b
	}
	if k.joined < 0 {
		b = append(b, '0')
	}
	return padded(append(b, 'R'), k.uid, 12)
}

// token appends letters and digits that look like an id of a payer.
func token(b []byte, n uint64, length int) []byte {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-"
	for i := range length {
		if i%10 == 0 && i > 0 {
			n = mix(n)
		}
		b = append(b, letters[n>>(6*(i%10))&63])
	}
	return b
}
