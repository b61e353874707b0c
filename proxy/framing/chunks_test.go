package framing

import (
	"errors"
	"strings"
	"testing"
)

// follow feeds a body in pieces of so many bytes.
func follow(c *Chunks, text string, size int) (payload string, used int, err error) {
	for used < len(text) && !c.Done() {
		buf := []byte(text[used:min(used+size, len(text))])
		for len(buf) > 0 && !c.Done() {
			piece, n, err := c.Next(buf)
			if err != nil {
				return payload, used, err
			}
			payload, used, buf = payload+string(piece), used+n, buf[n:]
		}
	}
	return payload, used, nil
}

func TestChunksInPiecesOfAnySize(t *testing.T) {
	const body = "3\r\nabc\r\n00A\r\n0123456789\r\n0\r\nX-T: v\r\n\r\n"
	for size := 1; size <= len(body)+4; size++ {
		var c Chunks
		payload, used, err := follow(&c, body+"NEXT", size)
		if err != nil || payload != "abc0123456789" || used != len(body) || !c.Done() {
			t.Fatalf("pieces of %d: %q, %d of %d, %v", size, payload, used, len(body), err)
		}
	}
}

func TestBadChunksAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want error
	}{
		"extension":             {"3;a=b\r\nabc\r\n0\r\n\r\n", ErrChunkExt},
		"extension of the last": {"0;a\r\n\r\n", ErrChunkExt},
		"blank before the size": {" 3\r\nabc\r\n", ErrChunk},
		"blank after the size":  {"3 \r\nabc\r\n", ErrChunk},
		"no size":               {"\r\nabc\r\n", ErrChunk},
		"prefix":                {"0x3\r\nabc\r\n", ErrChunk},
		"sign":                  {"+3\r\nabc\r\n", ErrChunk},
		"bare LF after size":    {"3\nabc\r\n", ErrChunk},
		"CR CR LF after size":   {"3\r\r\nabc\r\n", ErrChunk},
		"too little data":       {"4\r\nabc\r\n0\r\n\r\n", ErrChunk},
		"too much data":         {"2\r\nabc\r\n", ErrChunk},
		"bare LF after data":    {"3\r\nabc\n0\r\n\r\n", ErrChunk},
		"size beyond int64":     {strings.Repeat("f", 17) + "\r\n", ErrChunk},
		"zeros without end":     {strings.Repeat("0", 17) + "\r\n", ErrChunk},
		"length in the trailer": {"0\r\nContent-Length: 5\r\n\r\n", ErrTrailer},
		"trailer folded":        {"0\r\nX: a\r\n b\r\n\r\n", ErrTrailer},
		"bare LF in trailer":    {"0\r\nX: a\n\r\n", ErrTrailer},
		"endless trailer":       {"0\r\nX: " + strings.Repeat("a", maxTrailer), ErrTrailer},
	} {
		t.Run(name, func(t *testing.T) {
			var chunks Chunks
			if _, _, err := follow(&chunks, c.body, 5); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestExtensionsOfAnswersMeanNothing(t *testing.T) {
	c := Chunks{Extensions: true}
	if payload, _, err := follow(&c, "3;a=\"b\"\r\nabc\r\n0;x\r\n\r\n", 2); err != nil || payload != "abc" || !c.Done() {
		t.Errorf("%q, %v", payload, err)
	}
}
