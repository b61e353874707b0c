package main

import (
	"crypto/sha1" // WeChat declares SHA-1
	"encoding/hex"
	"hash"
	"io"
	"strings"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/channel"
)

// openBody gives the bill's uncompressed bytes, and the digest that fills while they are read.
func openBody(r io.Reader, declared plugins.Hash) (io.Reader, *bodySum, error) {
	if declared.Type != "" && declared.Type != plugins.HashSHA1 {
		return nil, nil, plugins.Fail(plugins.FailureUnsupported, "bill is declared with a hash of type %q, SHA1 is known", declared.Type)
	}
	body, err := channel.Unpack(r)
	if err != nil {
		return nil, nil, err
	}
	sum := &bodySum{want: declared.Value, digest: sha1.New()}
	return io.TeeReader(body, sum.digest), sum, nil
}

// bodySum compares the bill's digest with the declared one, which is over the uncompressed bytes, byte order mark included.
type bodySum struct {
	want   string
	digest hash.Hash
}

func (s *bodySum) check() error {
	got := hex.EncodeToString(s.digest.Sum(nil))
	if s.want != "" && !strings.EqualFold(got, s.want) {
		return plugins.Fail(plugins.FailureQuarantine, "SHA-1 of the bill is %s, the channel declared %s", got, s.want)
	}
	return nil
}
