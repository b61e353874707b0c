package egress

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// page is what guards together know of the calls of one sample. Its places are in the order in which they were taken,
// and are never given back.
type page struct {
	Opened   bool    `json:"opened,omitempty"` // whoever sampled the request said so: a page without it has lost its start
	Gone     bool    `json:"gone,omitempty"`   // the verdict is out, and nothing is left
	Full     bool    `json:"full,omitempty"`   // more calls than the bound: what is missing cannot be told from what is not there
	Primary  []entry `json:"primary,omitempty"`
	Shadowed []entry `json:"shadowed,omitempty"`
}

// entry is one call. Until it is done it only holds its place.
type entry struct {
	ID   string      `json:"id"`
	Done bool        `json:"done,omitempty"`
	Call shadow.Call `json:"call"`
}

func find(list []entry, id string) *entry {
	for i := range list {
		if list[i].ID == id {
			return &list[i]
		}
	}
	return nil
}

func next(list []entry, operation string) int {
	n := 1
	for _, e := range list {
		if e.Call.Operation == operation {
			n++
		}
	}
	return n
}

// counterpart is the stable call that a shadow call answers to; nil = there is none.
func (p *page) counterpart(operation string, ordinal int) *entry {
	for i, e := range p.Primary {
		if e.Call.Operation == operation && e.Call.Ordinal == ordinal {
			return &p.Primary[i]
		}
	}
	return nil
}

// calls gives both sides' calls. A replayed answer stands in the store once, with the stable call.
func (p *page) calls() (primary, shadowed []shadow.Call) {
	for _, e := range p.Primary {
		primary = append(primary, e.Call)
	}
	for _, e := range p.Shadowed {
		call := e.Call
		if from := p.counterpart(call.Operation, call.Ordinal); call.Fate == shadow.CallReplayed && from != nil {
			x := from.Call.Exchange
			call.Exchange.Status, call.Exchange.ResponseHeader, call.Exchange.Response, call.Exchange.Failure = x.Status, x.ResponseHeader, x.Response, x.Failure
		}
		shadowed = append(shadowed, call)
	}
	return primary, shadowed
}

const (
	maxPage   = 4 << 20  // bytes of a page as it is stored
	largeBody = 16 << 10 // bytes of a body that goes first when a page is too long
)

// sealer keeps what is in the store from being read or made by others: recordings are whole, with card numbers and
// credentials, since nothing else can be replayed.
type sealer struct{ aead cipher.AEAD }

func newSealer(secret []byte) (sealer, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, "touchstone recordings", 32)
	if err != nil {
		return sealer{}, fmt.Errorf("derive key of recordings: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, fmt.Errorf("set up cipher of recordings: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return sealer{}, fmt.Errorf("set up cipher of recordings: %w", err)
	}
	return sealer{aead}, nil
}

// seal writes a page; one that is too long loses its long bodies, which are then truncated for whoever reads it.
func (s sealer) seal(sample string, p page) ([]byte, error) {
	plain, err := json.Marshal(p)
	if err == nil && len(plain) > maxPage {
		p.Primary, p.Shadowed = shortened(p.Primary), shortened(p.Shadowed)
		plain, err = json.Marshal(p)
	}
	if err != nil {
		return nil, fmt.Errorf("encode recordings: %w", err)
	}
	if len(plain) > maxPage {
		return nil, fmt.Errorf("recordings of a sample have %d bytes, at most %d", len(plain), maxPage)
	}
	return s.aead.Seal(nil, nil, plain, []byte(sample)), nil
}

func (s sealer) open(sample string, sealed []byte) (p page, err error) {
	if len(sealed) == 0 {
		return p, nil
	}
	plain, err := s.aead.Open(nil, nil, sealed, []byte(sample))
	if err == nil {
		err = json.Unmarshal(plain, &p)
	}
	if err != nil {
		return p, fmt.Errorf("read recordings: %w", err)
	}
	return p, nil
}

func shortened(list []entry) []entry {
	out := make([]entry, len(list))
	for i, e := range list {
		for _, b := range []*shadow.Body{&e.Call.Exchange.Request, &e.Call.Exchange.Response} {
			if len(b.Bytes) > largeBody {
				b.Bytes, b.Truncated = nil, true
			}
		}
		out[i] = e
	}
	return out
}
