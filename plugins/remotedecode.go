package plugins

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/seed-3356bd69/touchstone/plugins/internal/pb"
	"github.com/seed-3356bd69/touchstone/recon"
)

// Decode sends the statement and hands out what comes back. Records and rejects are emitted as their batches arrive; the
// error that Decode returns voids all of them. It returns after r's last Read has returned.
func (r *remote) Decode(ctx context.Context, req DecodeRequest, in io.Reader, emit Emitter) (DecodeResult, error) {
	if err := r.offers(req.Kind); err != nil {
		return DecodeResult{}, err
	}
	if raw, err := hex.DecodeString(req.SHA256); err != nil || len(raw) != sha256.Size {
		return DecodeResult{}, Fail(FailureConfig, "decode request without the file's sha256 in hex (got %q)", req.SHA256)
	}
	defer r.metrics.timed(r.name, OpDecode)()
	call, cancel, stop := bounded(ctx, r.timing.Transfer)
	defer stop()
	defer cancel(errDone)
	dog := newWatchdog(r.timing.Idle, cancel)
	defer dog.stop()
	stream, err := r.rpc.Decode(call, grpc.ForceCodecV2(newWireCodec()))
	if err != nil {
		return DecodeResult{}, r.failed(OpDecode, ctx, call, err)
	}
	feed := &feeder{req: req, in: in, stream: stream, dog: dog, cancel: cancel, done: make(chan struct{})}
	go feed.run()
	take := &taker{
		emit: emit, contract: r.contract, channel: r.desc.Channel, seal: newSeal(), dog: dog, cancel: cancel,
		origin: recon.Origin{File: req.File, SHA256: strings.ToLower(req.SHA256), Adapter: r.desc.Name + " " + r.desc.Version},
	}
	trailer, err := take.receive(stream)
	if err != nil {
		err = r.failed(OpDecode, ctx, call, err)
		cancel(errDone)
	}
	<-feed.done
	if err != nil {
		return DecodeResult{}, err
	}
	return r.conclude(trailer, take, feed)
}

// conclude accepts the trailer, or says why nothing counts.
func (r *remote) conclude(trailer *pb.Trailer, take *taker, feed *feeder) (DecodeResult, error) {
	if err := take.seal.check(trailer); err != nil {
		return DecodeResult{}, r.broke(OpDecode, err)
	}
	res := resultFromWire(trailer)
	res.Digest = hex.EncodeToString(trailer.Digest)
	if trailer.Failure != nil {
		return res, r.reported(OpDecode, trailer.Failure)
	}
	if feed.err != nil {
		return DecodeResult{}, feed.err
	}
	if !feed.complete {
		return DecodeResult{}, r.broke(OpDecode, fmt.Errorf("%w: trailer before the end of the file", ErrContract))
	}
	r.metrics.decoded(r.name, res.Records, res.Rejects)
	return res, nil
}

// feeder is the sending half of one Decode. Its results may be read after done is closed.
type feeder struct {
	req    DecodeRequest
	in     io.Reader
	stream grpc.BidiStreamingClient[pb.DecodeInput, pb.DecodeOutput]
	dog    *watchdog
	cancel context.CancelCauseFunc

	done     chan struct{}
	complete bool  // the whole file, and its end, were sent
	err      error // the host's own trouble with the file
}

func (f *feeder) run() {
	defer close(f.done)
	if !f.send(&pb.DecodeInput{Part: &pb.DecodeInput_Start{Start: &pb.DecodeStart{
		Kind: f.req.Kind, Account: f.req.Account, Date: f.req.Date, File: f.req.File,
		Sha256: strings.ToLower(f.req.SHA256), Hash: hashToWire(f.req.Hash), Settings: f.req.Settings,
	}}}) {
		return
	}
	end, ok := f.body()
	if !ok {
		return
	}
	if got := hex.EncodeToString(end.Sha256); !strings.EqualFold(got, f.req.SHA256) {
		f.fail(fmt.Errorf("read statement: sha256 is %s, not %s as requested", got, f.req.SHA256))
		return
	}
	if f.send(&pb.DecodeInput{Part: &pb.DecodeInput_End{End: end}}) {
		f.complete = f.stream.CloseSend() == nil
	}
}

// body sends the file in chunks and gives its end.
func (f *feeder) body() (*pb.InputEnd, bool) {
	digest, size, from := sha256.New(), int64(0), &buffers{}
	for {
		chunk := newFrame(partData, from)
		var n int
		err := f.dog.host(func() (err error) { n, err = chunk.read(f.in, inputBuffer); return err })
		digest.Write(chunk.payload())
		size += int64(n)
		if n > 0 && !f.send(chunk) {
			return nil, false
		}
		switch {
		case errors.Is(err, io.EOF):
			return &pb.InputEnd{Size: size, Sha256: digest.Sum(nil)}, true
		case err != nil:
			f.fail(fmt.Errorf("read statement: %w", err))
			return nil, false
		}
	}
}

// fill reads until buf is full or r has nothing more. Unlike io.ReadFull it passes r's own io.ErrUnexpectedEOF on as an
// error: a truncated source is not an ended one.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var more int
		more, err = r.Read(buf[n:])
		n += more
	}
	return n, err
}

// send reports false when the stream is over; the receiving half knows why.
func (f *feeder) send(in any) bool {
	if err := f.stream.SendMsg(in); err != nil {
		return false
	}
	f.dog.progress()
	return true
}

func (f *feeder) fail(err error) {
	f.err = err
	f.cancel(&hostError{err})
}

// taker is the receiving half of one Decode.
type taker struct {
	emit     Emitter
	columns  ColumnEmitter // the same, where it is one
	contract int
	channel  string
	origin   recon.Origin
	seal     *seal
	dog      *watchdog
	cancel   context.CancelCauseFunc
}

// opened is a batch of either contract.
type opened interface {
	size() int
	each(channel string, shared recon.Origin, take func(*recon.Record) error) error
}

func (t *taker) open(payload []byte) (opened, error) {
	if t.contract < 2 {
		return openBatch(payload)
	}
	return openColumns(payload)
}

// receive takes messages until the trailer, after which nothing may come.
func (t *taker) receive(stream grpc.BidiStreamingClient[pb.DecodeInput, pb.DecodeOutput]) (*pb.Trailer, error) {
	t.columns, _ = t.emit.(ColumnEmitter)
	a := &arrival{again: t.columns != nil && t.contract >= 2}
	for {
		if err := stream.RecvMsg(a); err != nil {
			return nil, ending(err)
		}
		t.dog.progress()
		if a.part == partTrailer {
			trailer := &pb.Trailer{}
			if err := proto.Unmarshal(a.bytes, trailer); err != nil {
				return nil, fmt.Errorf("%w: unpack trailer: %w", ErrContract, err)
			}
			return trailer, nothingAfter(stream.Recv())
		}
		if err := t.dog.host(func() error { return t.take(a) }); err != nil {
			return nil, err
		}
	}
}

func (t *taker) take(a *arrival) error {
	switch a.part {
	case partBatch:
		return t.batch(a.bytes)
	case partRejects:
		return t.rejects(a.bytes)
	}
	return fmt.Errorf("%w: message of an unknown part", ErrContract)
}

func (t *taker) batch(payload []byte) error {
	t.seal.add(sealBatch, payload)
	b, err := t.open(payload)
	if err != nil {
		return err
	}
	t.seal.records += int64(b.size())
	if columns, ok := b.(*columnReader); ok && t.columns != nil {
		return t.own(t.columns.Columns(Columns{columns}))
	}
	return b.each(t.channel, t.origin, func(record *recon.Record) error { return t.own(t.emit.Record(*record)) })
}

func (t *taker) rejects(payload []byte) error {
	t.seal.add(sealRejects, payload)
	list := &pb.RejectBatch{}
	if err := proto.Unmarshal(payload, list); err != nil {
		return fmt.Errorf("%w: unpack rejects: %w", ErrContract, err)
	}
	t.seal.rejects += int64(len(list.Rejects))
	for _, r := range list.Rejects {
		if r.Line < 1 {
			return fmt.Errorf("%w: reject without a line", ErrContract)
		}
		if err := t.own(t.emit.Reject(rejectFromWire(r, t.origin))); err != nil {
			return err
		}
	}
	return nil
}

// own marks an error of the host's consumer, so that the adapter is not blamed for it.
func (t *taker) own(err error) error {
	if err != nil {
		t.cancel(&hostError{err})
	}
	return err
}
