package plugins

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"google.golang.org/grpc"

	"github.com/seed-3356bd69/touchstone/plugins/internal/pb"
)

// Fetch copies the statement's bytes to w and checks them against what the adapter says it sent.
func (r *remote) Fetch(ctx context.Context, req FetchRequest, w io.Writer) (FetchResult, error) {
	if err := r.offers(req.Kind); err != nil {
		return FetchResult{}, err
	}
	defer r.metrics.timed(r.name, OpFetch)()
	call, cancel, stop := bounded(ctx, r.timing.Transfer)
	defer stop()
	defer cancel(errDone)
	dog := newWatchdog(r.timing.Idle, cancel)
	defer dog.stop()
	stream, err := r.rpc.Fetch(call, &pb.FetchRequest{Account: req.Account, Kind: req.Kind, Date: req.Date, Settings: req.Settings})
	if err != nil {
		return FetchResult{}, r.failed(OpFetch, ctx, call, err)
	}
	got := &fetched{w: w, limit: r.maxBytes, digest: sha256.New(), dog: dog, cancel: cancel}
	end, err := got.receive(stream)
	if err != nil {
		return FetchResult{}, r.failed(OpFetch, ctx, call, err)
	}
	if end.Failure != nil {
		return FetchResult{}, r.reported(OpFetch, end.Failure)
	}
	res := fetchEndFromWire(end)
	if err := got.check(end, res.Status); err != nil {
		return FetchResult{}, r.broke(OpFetch, err)
	}
	if res.Status == FetchReady {
		res.SHA256 = hex.EncodeToString(end.Sha256)
	}
	return res, nil
}

// fetched is the receiving half of one Fetch.
type fetched struct {
	w      io.Writer
	limit  int64
	size   int64
	digest hash.Hash
	dog    *watchdog
	cancel context.CancelCauseFunc
}

// receive takes chunks until the end message, after which nothing may come.
func (f *fetched) receive(stream grpc.ServerStreamingClient[pb.FetchOutput]) (*pb.FetchEnd, error) {
	for {
		out, err := stream.Recv()
		if err != nil {
			return nil, ending(err)
		}
		f.dog.progress()
		if end := out.GetEnd(); end != nil {
			return end, nothingAfter(stream.Recv())
		}
		if err := f.take(out.GetData()); err != nil {
			return nil, err
		}
	}
}

func (f *fetched) take(data []byte) error {
	f.size += int64(len(data))
	if f.size > f.limit {
		return fmt.Errorf("%w: statement over %d bytes", ErrContract, f.limit)
	}
	f.digest.Write(data)
	err := f.dog.host(func() error { _, err := f.w.Write(data); return err })
	if err != nil {
		f.cancel(&hostError{fmt.Errorf("store statement: %w", err)})
	}
	return err
}

// check holds the end message against the bytes. A day without a file has no bytes, and a file has some.
func (f *fetched) check(end *pb.FetchEnd, status FetchStatus) error {
	switch {
	case status != FetchReady && status != FetchEmpty && status != FetchNotReady:
		return fmt.Errorf("%w: fetch status %q", ErrContract, string(status))
	case (status == FetchReady) != (f.size > 0):
		return fmt.Errorf("%w: %d bytes with status %q", ErrContract, f.size, string(status))
	case end.Size != f.size || !bytes.Equal(end.Sha256, f.digest.Sum(nil)):
		return fmt.Errorf("%w: bytes that came are not the bytes that were sent", ErrContract)
	}
	return nil
}

// nothingAfter checks that a stream ends right after its end message.
func nothingAfter[T any](_ T, err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		return fmt.Errorf("%w: message after the end message", ErrContract)
	}
	return err
}
