package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// kind says what a record tells of its entry.
type kind uint8

const (
	intended  kind = iota + 1 // it may be about to commit
	committed                 // it did; a payload replaces the intent's
	gone                      // it did not commit, or the shadow has it: nothing is left to do
)

// A record is, in little-endian order:
//
//	payload length uint32 | CRC-32C of all that follows uint32 | kind uint8 | entry uint64 | payload
const (
	headerSize = 4 + 4 + 1 + 8
	maxPayload = 64 << 20
)

var errRecord = errors.New("malformed record")

type record struct {
	kind    kind
	seq     uint64
	payload []byte
}

func (r record) bytes() []byte {
	b := make([]byte, headerSize, headerSize+len(r.payload))
	binary.LittleEndian.PutUint32(b, uint32(len(r.payload)))
	b[8] = byte(r.kind)
	binary.LittleEndian.PutUint64(b[9:], r.seq)
	b = append(b, r.payload...)
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[8:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// readRecord reads the next record. io.EOF means a clean end; whatever is cut or damaged is errRecord.
func readRecord(r io.Reader) (record, error) {
	var head [headerSize]byte
	if n, err := io.ReadFull(r, head[:]); err != nil {
		if n == 0 && errors.Is(err, io.EOF) {
			return record{}, io.EOF
		}
		return record{}, fmt.Errorf("%w: cut short: %w", errRecord, err)
	}
	length := binary.LittleEndian.Uint32(head[:])
	rec := record{kind: kind(head[8]), seq: binary.LittleEndian.Uint64(head[9:])}
	if length > maxPayload || rec.kind < intended || rec.kind > gone {
		return record{}, fmt.Errorf("%w: kind %d, %d bytes", errRecord, rec.kind, length)
	}
	payload, err := io.ReadAll(io.LimitReader(r, int64(length)))
	if err != nil || len(payload) < int(length) {
		return record{}, fmt.Errorf("%w: cut short", errRecord)
	}
	table := crc32.MakeTable(crc32.Castagnoli)
	if crc32.Update(crc32.Checksum(head[8:], table), table, payload) != binary.LittleEndian.Uint32(head[4:]) {
		return record{}, fmt.Errorf("%w: checksum", errRecord)
	}
	rec.payload = payload
	return rec, nil
}
