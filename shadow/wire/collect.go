package wire

import (
	"encoding/binary"
	"fmt"
)

// maxCollected bounds one packet that is copied: what is longer is not looked at whole.
const maxCollected = 15 << 10

// Collected is a copy of one result set, as the server sent it.
type Collected struct {
	Columns []Column
	Rows    [][]byte // payloads: text rows, or binary ones of an executed statement
	Over    bool     // it was more than the session wanted, or not one result set
	room    int
}

// Column is what the server says of a column.
type Column struct {
	Name     string
	Type     byte
	Unsigned bool
}

const flagUnsigned = 1 << 5

// definition takes a column's definition.
func (c *Collected) definition(b []byte, length int) {
	if c == nil || !c.take(b, length) {
		return
	}
	column, err := readColumn(b)
	if err != nil {
		c.Over = true
		return
	}
	c.Columns = append(c.Columns, column)
}

func (c *Collected) row(b []byte, length int) {
	if c != nil && c.take(b, length) {
		c.Rows = append(c.Rows, append([]byte(nil), b...))
	}
}

func (c *Collected) take(b []byte, length int) bool {
	if c.room -= length; c.room < 0 || len(b) < length {
		c.Over, c.Rows = true, nil
	}
	return !c.Over
}

// readColumn reads a definition: six texts, of which the fifth is the name, and at the end what has a fixed length.
func readColumn(b []byte) (Column, error) {
	rest, name := b, ""
	for range 5 {
		n, size := lenenc(rest)
		if size == 0 || n > uint64(len(rest)-size) {
			return Column{}, fmt.Errorf("%w: column definition", errAnswer)
		}
		name, rest = string(rest[size:size+int(n)]), rest[size+int(n):]
	}
	const fixed = 12 // collation, length, type, flags, decimals, filler
	if len(rest) < fixed {
		return Column{}, fmt.Errorf("%w: column definition", errAnswer)
	}
	end := rest[len(rest)-fixed:]
	return Column{Name: name, Type: end[6], Unsigned: binary.LittleEndian.Uint16(end[7:])&flagUnsigned != 0}, nil
}
