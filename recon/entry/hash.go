package entry

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/dchest/siphash"

	"github.com/seed-3356bd69/touchstone/recon"
)

// Secret is the deployment's secret: 16 bytes that nobody who chooses order numbers may know. With it he could craft
// records that look alike, or whose sums cancel in a digest.
type Secret [16]byte

// NewSecret draws a secret.
func NewSecret() Secret {
	var s Secret
	rand.Read(s[:]) // it never fails
	return s
}

// ParseSecret reads 32 hexadecimal digits.
func ParseSecret(text string) (Secret, error) {
	var s Secret
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(s) {
		return s, fmt.Errorf("secret: not 32 hexadecimal digits; try: openssl rand -hex 16")
	}
	copy(s[:], raw)
	return s, nil
}

// Hasher makes entries' hashes under a secret. Each kind, and each use, has a subkey of its own, so that the same number as
// a payment and as a refund are different keys. A Hasher is immutable and safe for any number of goroutines.
//
// Keys are hashed by a strongly universal family (see multilinear): for two different keys, chosen by whoever does not see
// hashes, all 127 bits are equal with probability 2^-127, which is proved and not only believed. Such a hash adds up in ways
// that can be foreseen, so nothing is ever summed that has not been through SipHash-2-4, a pseudorandom function, as well.
type Hasher struct {
	keys    *multilinear
	factors *multilinear
	long    subkey // of what is too long for keys
	texts   subkey
	whole   subkey
	sums    subkey
	print   [16]byte
}

type subkey struct{ k0, k1 uint64 }

func (k subkey) hash(text []byte) (lo, hi uint64) { return siphash.Hash128(k.k0, k.k1, text) }

// NewHasher derives the subkeys.
func NewHasher(s Secret) *Hasher {
	master := subkey{binary.LittleEndian.Uint64(s[:8]), binary.LittleEndian.Uint64(s[8:])}
	derive := func(name string) subkey {
		k0, k1 := master.hash([]byte(name))
		return subkey{k0, k1}
	}
	h := &Hasher{
		keys: newMultilinear(derive("keys")), factors: newMultilinear(derive("factors")), long: derive("long keys"), texts: derive("texts"), whole: derive("record"), sums: derive("checksum"),
	}
	print := derive("fingerprint of multilinear keys")
	binary.LittleEndian.PutUint64(h.print[:], print.k0)
	binary.LittleEndian.PutUint64(h.print[8:], print.k1)
	return h
}

// Key hashes a key. kind is the code of its kind.
func (h *Hasher) Key(kind int, id []byte) (tag, rest uint64) {
	if len(id) > maxKey {
		var b [16]byte
		lo, hi := h.long.hash(id)
		binary.LittleEndian.PutUint64(b[:8], lo)
		binary.LittleEndian.PutUint64(b[8:], hi)
		tag, rest, _ = h.keys.hash(kind|longKey, b[:])
		return tag, rest
	}
	tag, rest, _ = h.keys.hash(kind, id)
	return tag, rest
}

// PlainKey hashes a key of ASCII without control characters, as Key does. It declines others, and long ones.
func (h *Hasher) PlainKey(kind int, id []byte) (tag, rest uint64, ok bool) {
	if len(id) > maxKey {
		return 0, 0, false
	}
	tag, rest, odd := h.keys.hash(kind, id)
	return tag, rest, odd == 0
}

// Texts hashes the compared fields that have no place of their own in an entry. They are length-prefixed: see AppendText.
func (h *Hasher) Texts(canonical []byte) uint64 {
	return siphash.Hash(h.texts.k0, h.texts.k1, canonical)
}

// Record hashes all of an entry but its place: what a digest adds up.
func (h *Hasher) Record(e *Entry) (lo, hi uint64) {
	var b [26]byte
	binary.LittleEndian.PutUint64(b[0:], e.Tag)
	binary.LittleEndian.PutUint64(b[8:], e.Rest)
	binary.LittleEndian.PutUint64(b[16:], uint64(e.Amount))
	binary.LittleEndian.PutUint16(b[24:], uint16(e.At.Label()))
	return h.whole.hash(b[:])
}

// Fingerprint tells secrets and ways to hash apart, without telling anything about them.
func (h *Hasher) Fingerprint() [16]byte { return h.print }

// Checksum is a keyed checksum of what is written down: without the secret nobody can make it right for other bytes. The
// parts are told apart: ("a", "bc") has another checksum than ("ab", "c").
func (h *Hasher) Checksum(parts ...[]byte) [16]byte {
	sum := siphash.New128(h.sumKey())
	var length [8]byte
	for _, part := range parts {
		binary.LittleEndian.PutUint64(length[:], uint64(len(part)))
		sum.Write(length[:]) // it never fails
		sum.Write(part)
	}
	return [16]byte(sum.Sum(nil))
}

func (h *Hasher) sumKey() []byte {
	key := binary.LittleEndian.AppendUint64(nil, h.sums.k0)
	return binary.LittleEndian.AppendUint64(key, h.sums.k1)
}

// Of makes the entry of a whole record, as a scan of its line would. place is where it can be read again.
func (h *Hasher) Of(r *recon.Record, place uint64, compared Compared) (Entry, error) {
	label, ok := NewLabel(r.Key.Kind, r.Status, r.Amount.Currency)
	switch {
	case !ok:
		return Entry{}, fmt.Errorf("record %s: kind %q, status %q or currency %q is unknown", r.Key, r.Key.Kind, r.Status, r.Amount.Currency)
	case place > MaxPlace:
		return Entry{}, fmt.Errorf("record %s: place %d is beyond %d", r.Key, place, uint64(MaxPlace))
	}
	e := Entry{Amount: r.Amount.Minor, At: NewAt(place, label)}
	e.Tag, e.Rest = h.Key(int(label>>12), []byte(r.Key.ID))
	if compared != 0 {
		e.Rest ^= h.Texts(compared.Texts(nil, r))
	}
	return e, nil
}
