package scan

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"
)

// slowIndex finds the same with one look at each byte.
func slowIndex(b []byte, sep byte, quoted bool) (seps, ends, upTo []uint32) {
	inside := false
	for i, c := range b {
		switch {
		case quoted && c == '"':
			inside = !inside
		case inside:
		case c == '\n':
			ends, upTo = append(ends, uint32(i)), append(upTo, uint32(len(seps)))
		case c == sep:
			seps = append(seps, uint32(i))
		}
	}
	return seps, ends, upTo
}

func checkIndex(b []byte, sep byte) error {
	var x index
	for _, quoted := range []bool{true, false} {
		x.build(b, sep, quoted)
		seps, ends, upTo := slowIndex(b, sep, quoted)
		if !slices.Equal(x.sep, seps) || !slices.Equal(x.end, ends) || !slices.Equal(x.upTo, upTo) {
			return fmt.Errorf("sep %q of %q, quoted %v:\ngot  %v %v %v\nwant %v %v %v", sep, b, quoted, x.sep, x.end, x.upTo, seps, ends, upTo)
		}
	}
	return nil
}

func TestIndexFindsWhatASlowLookFinds(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, %s build", seed, Build)
	rng := rand.New(rand.NewPCG(seed, 0))
	alphabet := []byte(",,,-\n\"|a\x00\xff\x81\x0b+.")
	for range 3000 {
		b := make([]byte, rng.IntN(400))
		for i := range b {
			b[i] = alphabet[rng.IntN(len(alphabet))]
		}
		for _, sep := range []byte{',', '|', '\t', 0} {
			if err := errors.Join(checkIndex(b, sep), checkCut(b, sep)); err != nil {
				t.Fatal(err)
			}
		}
	}
	commas := bytes.Repeat([]byte{','}, 1000)
	if err := errors.Join(checkIndex(commas, ','), checkCut(commas, ',')); err != nil {
		t.Error(err)
	}
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte("a,b\n\"c,\n\",d\n"), byte(','))
	f.Fuzz(func(t *testing.T, b []byte, sep byte) {
		if sep == '\n' || sep == '"' {
			return
		}
		if err := checkIndex(b, sep); err != nil {
			t.Error(err)
		}
		if err := checkCut(b, sep); err != nil {
			t.Error(err)
		}
	})
}

// checkCut holds the cutter against the index, line by line.
func checkCut(b []byte, sep byte) error {
	for start := 0; start < len(b); {
		n := bytes.IndexByte(b[start:], '\n')
		if n < 0 {
			n = len(b) - start
		}
		var want []uint32
		for i, c := range b[start : start+n] {
			if c == sep {
				want = append(want, uint32(i))
			}
		}
		for _, need := range []int{0, 1, 3, len(want), len(want) + 2} {
			to := make([]uint32, need+2*wordBytes)
			width, got := cutLine(to, b[start:], len(b)-start, sep, need)
			if known := min(need, len(want)); width != n || got != len(want) || !slices.Equal(to[:known], want[:known]) {
				return fmt.Errorf("sep %q need %d of %q: got %d bytes, %d %v, want %d bytes, %v", sep, need, b[start:start+n], width, got, to[:known], n, want)
			}
		}
		start += n + 1
	}
	return nil
}

func BenchmarkCut(b *testing.B) {
	line := "P20261123661255188269,,payment,38.21,0.23,CNY,paid,2026-11-23 18:44:25,1900000015,HXWzersNZfAsbZxlPBRh-iQOgoo9,goods of the shop 26993581860\n"
	block := bytes.Repeat([]byte(line), 128<<10/len(line))
	run := func(name string, do func()) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(block)))
			start := processorTime()
			for b.Loop() {
				do()
			}
			b.ReportMetric(float64(processorTime()-start)/float64(b.N)/float64(len(block)/len(line)), "cpu-ns/line")
		})
	}
	to := make([]uint32, 256)
	run("plain", func() {
		for rest := block; len(rest) > 0; {
			n, _ := cutLine(to, rest, len(rest), ',', 7)
			rest = rest[n+1:]
		}
	})
	var x index
	run("quoted", func() { x.build(block, ',', true) })
}

// processorTime is that of this process: on a machine that others use too it says more than the clock.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
