package shadow

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// HeaderTag carries a signed Tag on HTTP requests.
const HeaderTag = "X-Gray-Version"

// HeaderEpoch stands beside it on a copy that another proxy made: the epoch of the policy under which it was made. Such
// a copy carries the plain name of the release in HeaderTag.
const HeaderEpoch = "X-Gray-Epoch"

// Side is one of the two sides of anything: run, response, database, row.
type Side string

// The two sides. The primary run answers the client; the shadow run is the candidate's.
const (
	Primary Side = "primary"
	Shadow  Side = "shadow"
)

// Tag is the identity of one gray request.
type Tag struct {
	Release string    // the candidate release under proof, for example "v2"
	Sample  string    // unique id of the sampled request
	Side    Side      // which of the two runs carries it
	Time    time.Time // when the request was tagged, millisecond resolution
	Epoch   uint64    // policy epoch; a rollback raises it
}

// Errors of Verify. All of them mean: untagged.
var (
	ErrTagFormat    = errors.New("malformed tag")
	ErrTagSignature = errors.New("tag signature does not match")
	ErrTagExpired   = errors.New("tag is too old or from the future")
)

const minSigningKey = 16

// Signer signs and verifies tags with HMAC-SHA256. It is safe for concurrent use.
type Signer struct {
	keys   atomic.Pointer[[]*signingKey]
	maxAge time.Duration
}

type signingKey struct {
	key    []byte
	hashes sync.Pool // of *work
}

// NewSigner takes a deployment secret and the age up to which a tag is accepted. The secret is one key of at least 16
// bytes, or several of them, a line each: the first signs, all of them verify.
func NewSigner(secret []byte, maxAge time.Duration) (*Signer, error) {
	s := &Signer{maxAge: maxAge}
	return s, s.Rotate(secret)
}

// Rotate takes a new secret over, or leaves the old one where the new one is no good.
func (s *Signer) Rotate(secret []byte) error {
	var keys []*signingKey
	for line := range bytes.SplitSeq(bytes.TrimSpace(secret), []byte("\n")) {
		if line = bytes.TrimSpace(line); len(line) < minSigningKey {
			return fmt.Errorf("signing key %d has %d bytes, at least %d are needed", len(keys)+1, len(line), minSigningKey)
		}
		keys = append(keys, &signingKey{key: bytes.Clone(line)})
	}
	s.keys.Store(&keys)
	return nil
}

// Sign gives the header value of a tag: "v2;id=...;side=primary;t=<unix ms>;ep=1;sig=<base64url>".
func (s *Signer) Sign(t Tag) string {
	key := (*s.keys.Load())[0]
	w := key.take()
	defer key.hashes.Put(w)
	w.text = appendTag(w.text[:0], t)
	w.sum(w.text)
	w.text = append(w.text, ";sig="...)
	w.text = base64.RawURLEncoding.AppendEncode(w.text, w.mac[:])
	return string(w.text)
}

// appendTag writes what is signed.
func appendTag(b []byte, t Tag) []byte {
	b = append(append(append(b, t.Release...), ";id="...), t.Sample...)
	b = append(append(append(b, ";side="...), t.Side...), ";t="...)
	b = append(strconv.AppendInt(b, t.Time.UnixMilli(), 10), ";ep="...)
	return strconv.AppendUint(b, t.Epoch, 10)
}

// Verify reads a header value; anything but a well-formed, signed, fresh tag is an error and means untagged.
func (s *Signer) Verify(header string, now time.Time) (Tag, error) {
	text, sig, ok := strings.Cut(header, ";sig=")
	if !ok {
		return Tag{}, ErrTagFormat
	}
	if !slices.ContainsFunc(*s.keys.Load(), func(k *signingKey) bool { return hmac.Equal([]byte(sig), []byte(k.mac(text))) }) {
		return Tag{}, ErrTagSignature
	}
	t, err := parseTag(text)
	if err != nil {
		return Tag{}, err
	}
	if age := now.Sub(t.Time); age > s.maxAge || age < -s.maxAge {
		return Tag{}, ErrTagExpired
	}
	return t, nil
}

func (s *signingKey) mac(text string) string {
	sum := s.sum(text)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (s *signingKey) sum(text string) [sha256.Size]byte {
	w := s.take()
	defer s.hashes.Put(w)
	w.text = append(w.text[:0], text...)
	w.sum(w.text)
	return w.mac
}

// work is what one sum is made with: a keyed hash, since making one costs more than using it, and room.
type work struct {
	hash hash.Hash
	text []byte
	mac  [sha256.Size]byte
}

func (s *signingKey) take() *work {
	w, ok := s.hashes.Get().(*work)
	if !ok {
		w = &work{hash: hmac.New(sha256.New, s.key)}
	}
	return w
}

func (w *work) sum(text []byte) {
	w.hash.Reset()
	w.hash.Write(text)
	w.hash.Sum(w.mac[:0])
}

func parseTag(text string) (Tag, error) {
	parts := strings.Split(text, ";")
	if len(parts) != 5 || !ValidRelease(parts[0]) {
		return Tag{}, ErrTagFormat
	}
	values := [4]string{}
	for i, prefix := range []string{"id=", "side=", "t=", "ep="} {
		v, ok := strings.CutPrefix(parts[i+1], prefix)
		if !ok || v == "" {
			return Tag{}, ErrTagFormat
		}
		values[i] = v
	}
	side := Side(values[1])
	ms, errTime := strconv.ParseInt(values[2], 10, 64)
	epoch, errEpoch := strconv.ParseUint(values[3], 10, 64)
	if errTime != nil || errEpoch != nil || (side != Primary && side != Shadow) {
		return Tag{}, ErrTagFormat
	}
	return Tag{Release: parts[0], Sample: values[0], Side: side, Time: time.UnixMilli(ms), Epoch: epoch}, nil
}

// ValidRelease tells whether a release name is safe in a header and in an SQL comment:
// 1 to 32 letters, digits, '.', '_' or '-'.
func ValidRelease(name string) bool {
	if name == "" || len(name) > 32 {
		return false
	}
	for _, r := range name {
		ok := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-'
		if !ok {
			return false
		}
	}
	return true
}

// SQLComment is the static mark of tagged statements: "/* gray='v2' */".
func SQLComment(release string) string { return "/* gray='" + release + "' */" }

// PerMillion is the whole of a percentage with four decimals.
const PerMillion = 1_000_000

// BornGray decides membership of an order: HMAC(salt, key) < threshold, in parts of a million.
// Raising the threshold only ever adds orders.
func BornGray(salt []byte, key string, perMillion uint32) bool {
	return NewDraw(salt).BornGray(key, perMillion)
}

// Draw is BornGray with one salt, for many orders. It is safe for concurrent use.
type Draw struct{ salted signingKey }

// NewDraw takes the salt of a policy.
func NewDraw(salt []byte) *Draw { return &Draw{signingKey{key: bytes.Clone(salt)}} }

// BornGray decides membership of an order.
func (d *Draw) BornGray(key string, perMillion uint32) bool {
	if perMillion == 0 || perMillion >= PerMillion {
		return perMillion > 0
	}
	sum := d.salted.sum(key)
	var n uint64
	for _, b := range sum[:8] {
		n = n<<8 | uint64(b)
	}
	hi := n / (1 << 44) // 20 bits: 0 .. 1,048,575
	return hi*PerMillion/(1<<20) < uint64(perMillion)
}
