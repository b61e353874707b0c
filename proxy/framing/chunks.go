package framing

// Chunks follows a chunked body to its end. The zero value stands before the first chunk.
type Chunks struct {
	Extensions bool // allow them: in answers, where they mean nothing and hurt nobody

	state   chunkState
	digits  int
	size    int64 // of the chunk that is read
	trailer []byte
}

type chunkState byte

const (
	chunkSize chunkState = iota // digits
	chunkExt
	chunkSizeLF
	chunkData
	chunkDataCR
	chunkDataLF
	chunkTrailer
	chunkDone
)

const (
	maxSizeDigits = 15
	maxExtension  = 256
	maxTrailer    = 8 << 10
)

// Done tells whether the body has ended.
func (c *Chunks) Done() bool { return c.state == chunkDone }

// Next follows the body into a buffer. It gives the next piece of the payload, empty where the buffer holds only frame,
// and how many bytes of the buffer it went; it stops behind each piece and at the end of the body.
func (c *Chunks) Next(buf []byte) (payload []byte, n int, err error) {
	for n < len(buf) && c.state != chunkDone {
		if c.state == chunkData {
			take := min(int64(len(buf)-n), c.size)
			payload = buf[n : n+int(take)]
			if c.size -= take; c.size == 0 {
				c.state = chunkDataCR
			}
			return payload, n + int(take), nil
		}
		if err := c.step(buf[n]); err != nil {
			return nil, n, err
		}
		n++
	}
	return nil, n, nil
}

func (c *Chunks) step(b byte) error {
	switch c.state {
	case chunkSize:
		return c.sizeByte(b)
	case chunkExt:
		return c.extensionByte(b)
	case chunkSizeLF:
		return c.sizeEnd(b)
	case chunkDataCR:
		c.state = chunkDataLF
		return orNil(b != '\r', ErrChunk)
	case chunkDataLF:
		c.state, c.digits = chunkSize, 0
		return orNil(b != '\n', ErrChunk)
	}
	return c.trailerByte(b)
}

func (c *Chunks) sizeByte(b byte) error {
	if v, ok := hex(b); ok {
		if c.digits++; c.digits > maxSizeDigits {
			return ErrChunk
		}
		c.size = c.size<<4 | int64(v)
		return nil
	}
	if c.digits == 0 {
		return ErrChunk
	}
	switch b {
	case '\r':
		c.state = chunkSizeLF
	case ';':
		if !c.Extensions {
			return ErrChunkExt
		}
		c.state, c.digits = chunkExt, 0
	default:
		return ErrChunk
	}
	return nil
}

func (c *Chunks) extensionByte(b byte) error {
	if b == '\r' {
		c.state = chunkSizeLF
		return nil
	}
	c.digits++
	return orNil(classes[b]&classText == 0 || c.digits > maxExtension, ErrChunk)
}

func (c *Chunks) sizeEnd(b byte) error {
	c.state = chunkData
	if c.size == 0 {
		c.state, c.trailer = chunkTrailer, c.trailer[:0]
	}
	return orNil(b != '\n', ErrChunk)
}

// trailerByte reads lines up to the empty one. A field of the trailer must not say anything about the frame.
func (c *Chunks) trailerByte(b byte) error {
	c.trailer = append(c.trailer, b)
	if len(c.trailer) > maxTrailer {
		return ErrTrailer
	}
	if b != '\n' {
		return nil
	}
	switch line := c.trailer; {
	case len(line) < 2 || line[len(line)-2] != '\r':
		return ErrTrailer
	case len(line) == 2:
		c.state = chunkDone
		return nil
	default:
		f, err := parseField(line)
		if err != nil || f.Is("Content-Length") || f.Is("Transfer-Encoding") || f.Is("Host") {
			return ErrTrailer
		}
	}
	c.trailer = c.trailer[:0]
	return nil
}

func hex(b byte) (byte, bool) {
	switch {
	case b >= '0' && b <= '9':
		return b - '0', true
	case b >= 'a' && b <= 'f':
		return b - 'a' + 10, true
	case b >= 'A' && b <= 'F':
		return b - 'A' + 10, true
	}
	return 0, false
}
