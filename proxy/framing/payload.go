package framing

// Payload follows the body of an answer through its frame.
type Payload struct {
	kind   Body
	left   int64
	chunks Chunks
}

// Payload gives what follows the body of an answer of this kind.
func (h *Head) Payload(kind Body) Payload {
	return Payload{kind: kind, left: h.Length, chunks: Chunks{Extensions: true}}
}

// Done tells whether the body has ended. One that ends with the connection never has.
func (b *Payload) Done() bool {
	switch b.kind {
	case BodyNone:
		return true
	case BodyLength:
		return b.left == 0
	case BodyChunks:
		return b.chunks.Done()
	}
	return false
}

// Follow tells how many bytes of a buffer belong to the body, and hands out what they carry.
func (b *Payload) Follow(buf []byte, piece func([]byte)) (n int, err error) {
	switch b.kind {
	case BodyNone:
		return 0, nil
	case BodyClose:
		n = len(buf)
	case BodyLength:
		n = int(min(int64(len(buf)), b.left))
		b.left -= int64(n)
	case BodyChunks:
		return b.chunked(buf, piece)
	}
	if n > 0 {
		piece(buf[:n])
	}
	return n, nil
}

func (b *Payload) chunked(buf []byte, piece func([]byte)) (n int, err error) {
	for n < len(buf) && !b.chunks.Done() {
		data, m, err := b.chunks.Next(buf[n:])
		if err != nil {
			return 0, err
		}
		if n += m; len(data) > 0 {
			piece(data)
		}
	}
	return n, nil
}
