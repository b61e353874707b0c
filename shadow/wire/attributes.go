package wire

import (
	"encoding/binary"
	"fmt"
)

var errAttributes = fmt.Errorf("%w: query attributes", errCommand)

// Attribute is one query attribute whose value is text.
type Attribute struct{ Name, Value string }

const (
	typeNull      = 0x06
	maxAttributes = 256
)

// splitAttributes separates the query attributes before a text from the text. Values that are not text are left out.
func splitAttributes(b []byte) ([]Attribute, []byte, error) {
	c := cursor{b: b}
	count := c.lenenc()
	c.lenenc() // parameter sets: always 1
	if c.failed || count > maxAttributes {
		return nil, nil, errAttributes
	}
	if count == 0 {
		return nil, c.b, nil
	}
	nulls := c.take((count + 7) / 8)
	if bound := c.take(1); c.failed || bound[0] != 1 {
		return nil, nil, errAttributes
	}
	kinds, names := make([]byte, count), make([]string, count)
	for i := range kinds {
		kind := c.take(2)
		if c.failed {
			return nil, nil, errAttributes
		}
		kinds[i], names[i] = kind[0], string(c.take(c.lenenc()))
	}
	var all []Attribute
	for i, kind := range kinds {
		if nulls[i/8]&(1<<(i%8)) != 0 {
			continue
		}
		if value, text := c.value(kind); text {
			all = append(all, Attribute{names[i], value})
		}
	}
	if c.failed {
		return nil, nil, errAttributes
	}
	return all, c.b, nil
}

// cursor takes bytes from the front; once short it stays failed.
type cursor struct {
	b      []byte
	failed bool
}

func (c *cursor) take(n uint64) []byte {
	if c.failed || n > uint64(len(c.b)) {
		c.failed = true
		return nil
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) lenenc() uint64 {
	value, size := lenenc(c.b)
	if size == 0 {
		c.failed = true
		return 0
	}
	c.b = c.b[size:]
	return value
}

// value takes one binary value and tells whether it was text.
func (c *cursor) value(kind byte) (string, bool) {
	switch kind {
	case typeNull:
	case 0x01:
		c.take(1)
	case 0x02, 0x0d:
		c.take(2)
	case 0x03, 0x04, 0x09:
		c.take(4)
	case 0x05, 0x08:
		c.take(8)
	case 0x07, 0x0a, 0x0b, 0x0c:
		c.take(c.lenenc())
	default:
		return string(c.take(c.lenenc())), true
	}
	return "", false
}

func le32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }
