package rules

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/seed-3356bd69/touchstone/recon"
)

// Item is one record that waits for its other side.
type Item struct {
	Side       int // 0 internal, 1 channel: the side that has it
	Occurrence int
	Since      Day // whose batch first had it
	Due        Day // whose batch is the last that may bring the other side
	Told       Day // whose batch told the break, since its term was over; NoDay: it is not over
	Record     *recon.Record
}

// compare orders items as they are written.
func (i *Item) compare(o *Item) int {
	return cmp.Or(i.Record.Key.Compare(o.Record.Key), cmp.Compare(i.Side, o.Side), cmp.Compare(i.Since, o.Since), cmp.Compare(i.Occurrence, o.Occurrence))
}

// CarriedOut describes the bytes that a day carries out: they are what the next day carries in.
type CarriedOut struct {
	Digest string `json:"digest"` // SHA-256 of all bytes, hex
	Bytes  int64  `json:"bytes"`
	Items  int64  `json:"items"`
	Nets   int    `json:"nets"` // sums of settlements that no line has confirmed yet
}

const (
	carryMagic = "touchstone carried 1\n"
	tagEnd     = 0
	tagItem    = 1
	tagOverdue = 2 // an item with the day that told its break
)

// carryWriter writes items in their order, then how many there were and of which kinds, then the nets.
type carryWriter struct {
	to    *bufio.Writer
	hash  hash.Hash
	enc   Encoder
	last  *Item
	kinds seen
	items int64
	bytes int64
}

func newCarryWriter(to io.Writer, batch Batch, day Day) *carryWriter {
	w := &carryWriter{hash: sha256.New()}
	w.to = bufio.NewWriterSize(io.MultiWriter(to, w.hash), 1<<16)
	w.enc.Text(carryMagic)
	for _, text := range []string{batch.Channel, batch.Account, batch.Kind} {
		w.enc.Text(text)
	}
	w.enc.Number(int64(day))
	return w
}

func (w *carryWriter) item(i *Item) error {
	if w.last != nil && w.last.compare(i) >= 0 {
		return fmt.Errorf("carry out %s: not behind %s", i.Record.Key, w.last.Record.Key)
	}
	w.last = i
	w.kinds.add(i.Side, i.Record.Key.Kind)
	w.items++
	if i.Told == NoDay {
		w.enc.Number(tagItem)
	} else {
		w.enc.Number(tagOverdue)
		w.enc.Number(int64(i.Told))
	}
	w.enc.Number(int64(i.Side))
	w.enc.Number(int64(i.Occurrence))
	w.enc.Number(int64(i.Since))
	w.enc.Number(int64(i.Due))
	w.enc.Record(i.Record)
	return w.flush(1 << 12)
}

// flush hands bytes on once there are that many.
func (w *carryWriter) flush(atLeast int) error {
	if len(w.enc.Bytes()) < atLeast {
		return nil
	}
	n, err := w.to.Write(w.enc.Bytes())
	w.bytes += int64(n)
	w.enc.Reset()
	if err != nil {
		return fmt.Errorf("write carried out: %w", err)
	}
	return nil
}

func (w *carryWriter) end(nets []Net) (CarriedOut, error) {
	w.enc.Number(tagEnd)
	w.enc.Number(w.items)
	for _, kinds := range w.kinds {
		w.enc.Number(int64(kinds))
	}
	w.enc.Number(int64(len(nets)))
	for i := range nets {
		nets[i].encode(&w.enc)
	}
	if err := w.flush(0); err != nil {
		return CarriedOut{}, err
	}
	if err := w.to.Flush(); err != nil {
		return CarriedOut{}, fmt.Errorf("write carried out: %w", err)
	}
	return CarriedOut{Digest: hex.EncodeToString(w.hash.Sum(nil)), Bytes: w.bytes, Items: w.items, Nets: len(nets)}, nil
}

// carryReader reads what a carryWriter wrote, and refuses anything else.
type carryReader struct {
	closer io.Closer
	dec    *Decoder
	day    Day
	last   *Item
	items  int64
	kinds  seen  // of the items, once they are read
	nets   []Net // the same
	ended  bool
}

// openCarried opens the bytes of an earlier day of this batch; nil where nothing is carried in.
func openCarried(c CarriedIn, batch Batch, day Day, watch io.Writer) (*carryReader, error) {
	if c.Open == nil {
		return nil, nil
	}
	from, err := c.Open()
	if err != nil {
		return nil, fmt.Errorf("open carried in: %w", err)
	}
	r := &carryReader{closer: from, dec: NewDecoder(io.TeeReader(from, watch))}
	if err := r.head(batch, day); err != nil {
		return nil, errors.Join(fmt.Errorf("carried in: %w", err), from.Close())
	}
	return r, nil
}

func (r *carryReader) close() error {
	if r == nil {
		return nil
	}
	return r.closer.Close()
}

func (r *carryReader) head(batch Batch, day Day) error {
	if magic := r.dec.Text(); magic != carryMagic {
		return errors.Join(errors.New("these are no bytes that a day carried out"), r.dec.Err())
	}
	got := Batch{Channel: r.dec.Text(), Account: r.dec.Text(), Kind: r.dec.Text()}
	r.day = Day(r.dec.Number())
	switch {
	case r.dec.Err() != nil:
		return r.dec.Err()
	case got != batch:
		return fmt.Errorf("it is of batch %s, not %s", got, batch)
	case r.day >= day:
		return fmt.Errorf("it was carried out on %s, which is not before %s", r.day, day)
	}
	return nil
}

// String prints "wechat/1900000001/trade".
func (b Batch) String() string { return b.Channel + "/" + b.Account + "/" + b.Kind }

// next gives the next item; nil at the end.
func (r *carryReader) next() (*Item, error) {
	if r == nil || r.ended {
		return nil, nil
	}
	told := NoDay
	switch r.dec.Number() {
	case tagItem:
	case tagOverdue:
		told = Day(r.dec.Number())
	default:
		return nil, r.end()
	}
	read := &struct { // one piece of memory
		Item
		record recon.Record
	}{}
	i := &read.Item
	*i = Item{Side: int(r.dec.Number()), Occurrence: int(r.dec.Number()), Since: Day(r.dec.Number()), Due: Day(r.dec.Number()), Told: told, Record: &read.record}
	r.dec.Record(i.Record)
	r.items++
	switch {
	case r.dec.Err() != nil:
		return nil, fmt.Errorf("carried in, item %d: %w", r.items, r.dec.Err())
	case i.Side != internal && i.Side != channel, r.last != nil && r.last.compare(i) >= 0, i.Since > r.day, i.Told > r.day:
		return nil, fmt.Errorf("carried in, item %d: %s of side %d since %s is out of order", r.items, i.Record.Key, i.Side, i.Since)
	}
	r.last = i
	return i, nil
}

func (r *carryReader) end() error {
	items := r.dec.Number()
	for side := range r.kinds {
		r.kinds[side] = uint16(r.dec.Number())
	}
	for range r.dec.Length() {
		r.nets = append(r.nets, decodeNet(r.dec))
	}
	r.ended = true
	switch {
	case r.dec.Err() != nil:
		return fmt.Errorf("carried in: %w", r.dec.Err())
	case items != r.items:
		return fmt.Errorf("carried in: %d items, its end says %d", r.items, items)
	case !r.dec.Ended():
		return errors.New("carried in: something follows its end")
	}
	return nil
}

// skip goes on to the end without looking at items.
func (r *carryReader) skip() error {
	for {
		numbers := 4
		switch r.dec.Number() {
		case tagItem:
		case tagOverdue:
			numbers++
		default:
			return r.end()
		}
		for range numbers {
			r.dec.Number()
		}
		r.dec.skipRecord()
		r.items++
	}
}

// verify goes over all that is carried in before anything is decided, and gives its nets: bytes that are not those whose
// digest was written down are not worked with.
func verify(c CarriedIn, batch Batch, day Day) ([]Net, seen, error) {
	sum := sha256.New()
	r, err := openCarried(c, batch, day, sum)
	if r == nil {
		return nil, seen{}, err
	}
	if err := r.skip(); err != nil {
		return nil, seen{}, errors.Join(err, r.close())
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != c.Digest {
		return nil, seen{}, errors.Join(fmt.Errorf("carried in: its SHA-256 is %s, not %q as the day that carried it out said", got, c.Digest), r.close())
	}
	return r.nets, r.kinds, r.close()
}
