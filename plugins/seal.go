package plugins

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"

	"github.com/seed-3356bd69/touchstone/plugins/internal/pb"
)

// The parts a seal distinguishes.
const (
	sealBatch   byte = 'B'
	sealRejects byte = 'R'
)

// seal counts and digests the messages of one decoding. Both sides keep one; the trailer carries the adapter's.
type seal struct {
	digest  hash.Hash
	records int64
	rejects int64
}

func newSeal() *seal { return &seal{digest: sha256.New()} }

// add takes one message. Its kind and length go into the digest, so bytes cannot move between messages.
func (s *seal) add(part byte, payload []byte) {
	var head [5]byte
	head[0] = part
	binary.BigEndian.PutUint32(head[1:], uint32(len(payload)))
	s.digest.Write(head[:])
	s.digest.Write(payload)
}

// check compares what was received with what the adapter says it sent.
func (s *seal) check(t *pb.Trailer) error {
	switch {
	case t.Records != s.records:
		return fmt.Errorf("%w: trailer states %d records, %d came", ErrContract, t.Records, s.records)
	case t.Rejects != s.rejects:
		return fmt.Errorf("%w: trailer states %d rejects, %d came", ErrContract, t.Rejects, s.rejects)
	case !bytes.Equal(t.Digest, s.digest.Sum(nil)):
		return fmt.Errorf("%w: trailer's digest is not that of the batches", ErrContract)
	}
	return nil
}
