package plugins

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/seed-3356bd69/touchstone/plugins/internal/pb"
)

// server is the adapter's side of the wire: it turns the author's plain Go into streams.
type server struct {
	pb.UnimplementedAdapterServer
	adapter  Adapter
	contract int // as negotiated
}

// Describe answers with the adapter's description or its failure.
func (s *server) Describe(ctx context.Context, _ *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	d, err := s.adapter.Describe(ctx)
	if err != nil {
		return &pb.DescribeResponse{Failure: failureToWire(err)}, ended(ctx)
	}
	return descriptionToWire(d)
}

// ended gives the status of a call that the host gave up, or nil.
func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return status.FromContextError(err).Err()
	}
	return nil
}

// Fetch streams what the adapter writes, then the end.
func (s *server) Fetch(req *pb.FetchRequest, stream grpc.ServerStreamingServer[pb.FetchOutput]) error {
	chunks := &chunkWriter{send: func(data []byte) error {
		return stream.Send(&pb.FetchOutput{Part: &pb.FetchOutput_Data{Data: data}})
	}, digest: sha256.New()}
	out := bufio.NewWriterSize(chunks, inputBuffer)
	res, err := s.adapter.Fetch(stream.Context(), FetchRequest{
		Account: req.Account, Kind: req.Kind, Date: req.Date, Settings: req.Settings,
	}, out)
	if err == nil {
		err = out.Flush()
	}
	if gone := ended(stream.Context()); gone != nil {
		return gone
	}
	end := &pb.FetchEnd{
		Status: string(res.Status), Hash: hashToWire(res.Hash), Size: chunks.size, Sha256: chunks.digest.Sum(nil),
		RetryAfterMs: res.RetryAfter.Milliseconds(),
	}
	if err != nil {
		end.Failure = failureToWire(err)
	}
	return stream.Send(&pb.FetchOutput{Part: &pb.FetchOutput_End{End: end}})
}

// chunkWriter sends bytes in messages of at most MaxChunk.
type chunkWriter struct {
	send   func([]byte) error
	digest hash.Hash
	size   int64
}

// Write sends p whole or fails.
func (w *chunkWriter) Write(p []byte) (int, error) {
	sent := 0
	for sent < len(p) {
		part := p[sent:min(len(p), sent+MaxChunk)]
		if err := w.send(part); err != nil {
			return sent, err
		}
		w.digest.Write(part)
		w.size += int64(len(part))
		sent += len(part)
	}
	return sent, nil
}

// Decode feeds the adapter from the stream and answers with what it emits, sealed by the trailer.
func (s *server) Decode(stream grpc.BidiStreamingServer[pb.DecodeInput, pb.DecodeOutput]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	start := first.GetStart()
	if start == nil {
		return status.Error(codes.InvalidArgument, "stream does not begin with its start")
	}
	in := newStreamReader(func(a *arrival) error { return stream.RecvMsg(a) })
	out := newStreamEmitter(s.contract, func(f *frame) error { return stream.SendMsg(f) })
	res, err := s.adapter.Decode(stream.Context(), DecodeRequest{
		Kind: start.Kind, Account: start.Account, Date: start.Date, File: start.File,
		SHA256: start.Sha256, Hash: hashFromWire(start.Hash), Settings: start.Settings,
	}, in, out)
	sealed, sent := out.end()
	if err == nil {
		err = sent
	}
	if err == nil && !in.atEnd() {
		err = errors.New("decode returned before the end of the file")
	}
	if gone := ended(stream.Context()); gone != nil {
		return gone
	}
	trailer := resultToWire(res)
	trailer.Records, trailer.Rejects, trailer.Digest = sealed.records, sealed.rejects, sealed.digest.Sum(nil)
	if err != nil {
		trailer.Failure = failureToWire(err)
	}
	return stream.Send(&pb.DecodeOutput{Part: &pb.DecodeOutput_Trailer{Trailer: trailer}})
}

// streamReader is the statement as an io.Reader. It ends with io.EOF only after the host said how long the file is and
// what its digest is, and both agree with what came: a broken stream is never a short file.
type streamReader struct {
	recv   func(*arrival) error
	came   arrival
	rest   []byte // of it
	digest hash.Hash
	size   int64
	err    error
}

func newStreamReader(recv func(*arrival) error) *streamReader {
	return &streamReader{recv: recv, came: arrival{again: true}, digest: sha256.New()}
}

// Read gives the next bytes of the statement.
func (r *streamReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		r.next()
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *streamReader) next() {
	err := r.recv(&r.came)
	switch {
	case errors.Is(err, io.EOF):
		r.err = io.ErrUnexpectedEOF
	case err != nil:
		r.err = err
	case r.came.part == partEnd:
		r.err = r.close(r.came.bytes)
	case r.came.part == partData:
		r.rest = r.came.bytes
		r.digest.Write(r.rest)
		r.size += int64(len(r.rest))
	}
}

func (r *streamReader) close(payload []byte) error {
	end := &pb.InputEnd{}
	if err := proto.Unmarshal(payload, end); err != nil {
		return fmt.Errorf("unpack end of file: %w", err)
	}
	if end.Size != r.size || string(end.Sha256) != string(r.digest.Sum(nil)) {
		return errors.New("bytes that came are not the bytes that were sent")
	}
	return io.EOF
}

// atEnd tells whether the whole statement was read. It may read on to see the end.
func (r *streamReader) atEnd() bool {
	var one [1]byte
	n, err := r.Read(one[:])
	return n == 0 && errors.Is(err, io.EOF)
}
