package plugins

import (
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	grpcproto "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// The parts of DecodeInput and DecodeOutput, by their numbers in adapter.proto. Each message has one.
const (
	partData    protowire.Number = 2
	partEnd     protowire.Number = 3
	partBatch   protowire.Number = 1
	partRejects protowire.Number = 2
	partTrailer protowire.Number = 3
)

// Buffers of a connection. A window holds several batches, so that neither side waits for the other between two of them.
const (
	window     = 4 << 20
	wireBuffer = 256 << 10
)

// dialOptions bound and widen the host's end of a connection.
func dialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessage), grpc.MaxCallSendMsgSize(MaxMessage)),
		grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window),
		grpc.WithReadBufferSize(wireBuffer), grpc.WithWriteBufferSize(wireBuffer),
	}
}

// serverOptions do the same for the adapter's end.
func serverOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(MaxMessage), grpc.MaxSendMsgSize(MaxMessage),
		grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(window),
		grpc.ReadBufferSize(wireBuffer), grpc.WriteBufferSize(wireBuffer),
		grpc.ForceServerCodecV2(newWireCodec()),
	}
}

// wireCodec is protobuf, but for the messages that carry a statement and its records: those are sent from where they were
// made, and read where they came in. protobuf's own code would clear a buffer for each and copy its bytes twice.
type wireCodec struct{ rest encoding.CodecV2 }

func newWireCodec() wireCodec { return wireCodec{encoding.GetCodecV2(grpcproto.Name)} }

// Name is protobuf's: the bytes on the wire are.
func (c wireCodec) Name() string { return grpcproto.Name }

// Marshal gives a frame's buffer away; anything else is protobuf's.
func (c wireCodec) Marshal(v any) (mem.BufferSlice, error) {
	if f, ok := v.(*frame); ok {
		return f.release(), nil
	}
	return c.rest.Marshal(v)
}

// Unmarshal fills an arrival; anything else is protobuf's.
func (c wireCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if a, ok := v.(*arrival); ok {
		return a.fill(data)
	}
	return c.rest.Unmarshal(data, v)
}

// buffers hands out the memory of frames, uncleared: nothing of it is sent that was not written before.
type buffers struct{ pool sync.Pool }

// Get gives a buffer of n bytes.
func (b *buffers) Get(n int) *[]byte {
	if held, ok := b.pool.Get().(*[]byte); ok && cap(*held) >= n {
		*held = (*held)[:n]
		return held
	}
	made := make([]byte, n)
	return &made
}

// Put takes one back.
func (b *buffers) Put(held *[]byte) { b.pool.Put(held) }

// frameHead is the room before a payload for its field's tag and length.
const frameHead = 1 + binary.MaxVarintLen32

// frame is a message under way: frameHead bytes of room, then the bytes of its one part.
type frame struct {
	part protowire.Number
	buf  *[]byte
	from *buffers
}

func newFrame(part protowire.Number, from *buffers) *frame {
	f := &frame{part: part, buf: from.Get(frameHead), from: from}
	*f.buf = (*f.buf)[:frameHead]
	return f
}

// mark is the part's sign in a seal.
func (f *frame) mark() byte {
	if f.part == partRejects {
		return sealRejects
	}
	return sealBatch
}

// payload is what the frame carries.
func (f *frame) payload() []byte { return (*f.buf)[frameHead:] }

// read fills the payload with up to n bytes of r, as fill does.
func (f *frame) read(r io.Reader, n int) (int, error) {
	*f.buf = slices.Grow(*f.buf, n)[:frameHead+n]
	got, err := fill(r, f.payload())
	*f.buf = (*f.buf)[:frameHead+got]
	return got, err
}

// release writes the head just before the payload and gives the buffer to the connection, which returns it once it is sent.
func (f *frame) release() mem.BufferSlice {
	var head [frameHead]byte
	written := protowire.AppendVarint(protowire.AppendTag(head[:0], f.part, protowire.BytesType), uint64(len(f.payload())))
	start := frameHead - len(written)
	copy((*f.buf)[start:], written)
	whole := mem.NewBuffer(f.buf, f.from)
	defer whole.Free()
	return mem.BufferSlice{whole.Slice(start, whole.Len())}
}

// arrival is a message that came in: the number of its part and the part's bytes.
type arrival struct {
	part  protowire.Number
	bytes []byte
	again bool   // the bytes are read before the next message comes: its memory may be the same
	held  []byte // that memory
}

func (a *arrival) fill(data mem.BufferSlice) error {
	a.part, a.bytes = 0, nil
	return eachField(a.join(data), func(n protowire.Number, _ uint64, value []byte) error {
		a.part, a.bytes = n, value
		return nil
	})
}

// join gives the message in one piece, which no connection owns.
func (a *arrival) join(data mem.BufferSlice) []byte {
	if a.again {
		a.held = a.held[:0]
		for _, piece := range data {
			a.held = append(a.held, piece.ReadOnlyData()...)
		}
		return a.held
	}
	var whole strings.Builder // its memory is not cleared first
	whole.Grow(data.Len())
	for _, piece := range data {
		whole.Write(piece.ReadOnlyData())
	}
	return unsafe.Slice(unsafe.StringData(whole.String()), whole.Len())
}
