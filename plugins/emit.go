package plugins

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/seed-3356bd69/touchstone/plugins/internal/pb"
	"github.com/seed-3356bd69/touchstone/recon"
)

// streamEmitter packs what the author emits into sealed messages.
type streamEmitter struct {
	send    func(*frame) error
	from    *buffers
	batch   packer
	columns *columnWriter // the same, where the contract has it: called without an interface, a record stays on the stack
	rejects []*pb.Reject
	seal    *seal
}

func newStreamEmitter(contract int, send func(*frame) error) *streamEmitter {
	e := &streamEmitter{send: send, from: &buffers{}, seal: newSeal()}
	if contract < 2 {
		e.batch = newBatchWriter()
		return e
	}
	e.columns = newColumnWriter()
	e.batch = e.columns
	return e
}

// Record packs one record.
func (e *streamEmitter) Record(r recon.Record) error {
	if e.columns == nil {
		return e.old(r)
	}
	if err := e.columns.add(&r); err != nil {
		return err
	}
	e.seal.records++
	if e.columns.full() {
		return e.flushBatch()
	}
	return nil
}

// Row packs one row.
func (e *streamEmitter) Row(r *Row) error {
	if e.columns == nil {
		return e.old(r.record())
	}
	if err := e.columns.row(r); err != nil {
		return err
	}
	e.seal.records++
	if e.columns.full() {
		return e.flushBatch()
	}
	return nil
}

// old is Record for contract 1.
func (e *streamEmitter) old(r recon.Record) error {
	if err := e.batch.add(&r); err != nil {
		return err
	}
	e.seal.records++
	if e.batch.full() {
		return e.flushBatch()
	}
	return nil
}

// Reject packs one reject.
func (e *streamEmitter) Reject(r recon.Reject) error {
	if r.Origin.Line < 1 || r.Origin.Line > math.MaxUint32 {
		return fmt.Errorf("%w: reject of line %d", ErrContract, r.Origin.Line)
	}
	e.rejects = append(e.rejects, rejectToWire(r))
	e.seal.rejects++
	if len(e.rejects) >= rejectBatch {
		return e.flushRejects()
	}
	return nil
}

func (e *streamEmitter) flush() error {
	if err := e.flushBatch(); err != nil {
		return err
	}
	return e.flushRejects()
}

func (e *streamEmitter) flushBatch() error {
	if e.batch.empty() {
		return nil
	}
	return e.part(partBatch, sealBatch, e.batch.take)
}

func (e *streamEmitter) flushRejects() error {
	if len(e.rejects) == 0 {
		return nil
	}
	return e.part(partRejects, sealRejects, func(to []byte) ([]byte, error) {
		to, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend(to, &pb.RejectBatch{Rejects: e.rejects})
		if err != nil {
			return nil, fmt.Errorf("pack rejects: %w", err)
		}
		e.rejects = e.rejects[:0]
		return to, nil
	})
}

// part seals and sends what take appends.
func (e *streamEmitter) part(part protowire.Number, mark byte, take func(to []byte) ([]byte, error)) error {
	f := newFrame(part, e.from)
	whole, err := take(*f.buf)
	if err != nil {
		return err
	}
	*f.buf = whole
	e.seal.add(mark, f.payload())
	return e.send(f)
}
