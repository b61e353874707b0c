package plugins

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/seed-3356bd69/touchstone/plugins/internal/pb"
	"github.com/seed-3356bd69/touchstone/recon"
)

// streamEmitter packs what the author emits into sealed messages, which a sender digests and sends meanwhile.
type streamEmitter struct {
	batch   packer
	columns *columnWriter // the same, where the contract has it: called without an interface, a record stays on the stack
	rejects []*pb.Reject
	from    *buffers
	sender  *sender
	records int64
	refused int64
}

func newStreamEmitter(contract int, send func(*frame) error) *streamEmitter {
	e := &streamEmitter{from: &buffers{}, sender: newSender(send)}
	if contract < 2 {
		e.batch = newBatchWriter()
		return e
	}
	e.columns = newColumnWriter(MaxBatch)
	e.batch = e.columns
	return e
}

// Record packs one record.
func (e *streamEmitter) Record(r recon.Record) error {
	if e.columns == nil {
		return e.added(e.batch.add(&r))
	}
	return e.added(e.columns.add(&r))
}

// Row packs one row.
func (e *streamEmitter) Row(r *Row) error {
	if e.columns == nil {
		return e.Record(r.record())
	}
	return e.added(e.columns.row(r))
}

func (e *streamEmitter) added(err error) error {
	if err != nil {
		return err
	}
	e.records++
	if e.columns != nil && !e.columns.full() || e.columns == nil && !e.batch.full() {
		return nil
	}
	return e.flushBatch()
}

// Reject packs one reject.
func (e *streamEmitter) Reject(r recon.Reject) error {
	if r.Origin.Line < 1 || r.Origin.Line > math.MaxUint32 {
		return fmt.Errorf("%w: reject of line %d", ErrContract, r.Origin.Line)
	}
	e.rejects = append(e.rejects, rejectToWire(r))
	e.refused++
	if len(e.rejects) >= rejectBatch {
		return e.flushRejects()
	}
	return nil
}

// end sends what is left and waits until all of it is sent. It gives the seal of the whole.
func (e *streamEmitter) end() (*seal, error) {
	err := e.flushBatch()
	if err == nil {
		err = e.flushRejects()
	}
	s, sent := e.sender.end()
	s.records, s.rejects = e.records, e.refused
	if err == nil {
		err = sent
	}
	return s, err
}

func (e *streamEmitter) flushBatch() error {
	if e.batch.empty() {
		return nil
	}
	return e.part(partBatch, e.batch.take)
}

func (e *streamEmitter) flushRejects() error {
	if len(e.rejects) == 0 {
		return nil
	}
	return e.part(partRejects, func(to []byte) ([]byte, error) {
		to, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend(to, &pb.RejectBatch{Rejects: e.rejects})
		if err != nil {
			return nil, fmt.Errorf("pack rejects: %w", err)
		}
		e.rejects = e.rejects[:0]
		return to, nil
	})
}

// part hands what take appends to the sender.
func (e *streamEmitter) part(part protowire.Number, take func(to []byte) ([]byte, error)) error {
	f := newFrame(part, e.from)
	whole, err := take(*f.buf)
	if err != nil {
		return err
	}
	*f.buf = whole
	return e.sender.put(f)
}
