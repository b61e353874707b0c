package plugins

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/proto"

	"github.com/seed-3356bd69/touchstone/plugins/internal/pb"
	"github.com/seed-3356bd69/touchstone/recon"
)

// streamEmitter packs what the author emits into sealed messages.
type streamEmitter struct {
	send    func(*pb.DecodeOutput) error
	batch   packer
	columns *columnWriter // the same, where the contract has it: called without an interface, a record stays on the stack
	rejects []*pb.Reject
	seal    *seal
}

func newStreamEmitter(contract int, send func(*pb.DecodeOutput) error) *streamEmitter {
	e := &streamEmitter{send: send, seal: newSeal()}
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
	payload, err := e.batch.take()
	if err != nil {
		return err
	}
	e.seal.add(sealBatch, payload)
	return e.send(&pb.DecodeOutput{Part: &pb.DecodeOutput_Batch{Batch: payload}})
}

func (e *streamEmitter) flushRejects() error {
	if len(e.rejects) == 0 {
		return nil
	}
	payload, err := proto.MarshalOptions{Deterministic: true}.Marshal(&pb.RejectBatch{Rejects: e.rejects})
	if err != nil {
		return fmt.Errorf("pack rejects: %w", err)
	}
	e.rejects = e.rejects[:0]
	e.seal.add(sealRejects, payload)
	return e.send(&pb.DecodeOutput{Part: &pb.DecodeOutput_Rejects{Rejects: payload}})
}
