package scan

import (
	"encoding/binary"
	"slices"
)

// lookup finds a short text among a few. It remembers the last hit: neighbouring lines mostly say the same.
type lookup struct {
	names []string
	codes []uint16

	word, mask uint64 // the last hit, if it was of at most eight bytes
	size       uint32
	code       uint16 // 0: there was none
}

func (l *lookup) add(name string, code uint16) {
	l.names, l.codes = append(l.names, name), append(l.codes, code)
}

// clone gives a lookup of the same names with a memory of its own.
func (l *lookup) clone() lookup {
	return lookup{names: slices.Clip(l.names), codes: slices.Clip(l.codes)}
}

// find gives a name's code; 0 stands for an unknown one.
func (l *lookup) find(text []byte) uint16 {
	if l.code != 0 && len(text) == int(l.size) && cap(text) >= 8 && binary.LittleEndian.Uint64(text[:8])&l.mask == l.word {
		return l.code
	}
	for i, name := range l.names {
		if string(text) == name {
			l.remember(text, l.codes[i])
			return l.codes[i]
		}
	}
	return 0
}

// remember notes a hit, so that the same bytes in the next line are found by one comparison.
func (l *lookup) remember(text []byte, code uint16) {
	if len(text) > 8 {
		return
	}
	var word [8]byte
	copy(word[:], text)
	l.word, l.mask = binary.LittleEndian.Uint64(word[:]), 1<<(8*len(text))-1
	l.size, l.code = uint32(len(text)), code
}

// hundredths reads text[from:to], "1234.56", as 123456: at most 13 digits with two decimals. The text goes on for eight
// bytes at least. It declines anything else, which is for recon.ParseDecimal to judge.
func hundredths(text []byte, from, to int) (int64, bool) {
	n := to - from
	if n < 4 || n > 16 || to < 8 {
		return 0, false
	}
	last := binary.LittleEndian.Uint64(text[to-8:]) // "01234.56"
	if byte(last>>40) != '.' {
		return 0, false
	}
	digits := last<<8&0x0000ffffffffff00 | last&0xffff000000000000 | '0'
	if n < 8 { // what stands before the number
		before := uint64(1)<<(8*(9-n)) - 1
		digits = digits&^before | zeroDigits&before
	}
	number, ok := eightDigits(digits)
	if n > 8 {
		first, fine := eightDigits(binary.LittleEndian.Uint64(text[from:])<<(8*(16-n)) | zeroDigits>>(8*(n-8)))
		number, ok = number+first*10_000_000, ok && fine
	}
	return int64(number), ok
}

// hundredthsOf reads a whole text.
func hundredthsOf(text []byte) (int64, bool) {
	var b [32]byte
	if len(text) > 16 {
		return 0, false
	}
	return hundredths(b[:], 8, 8+copy(b[8:], text))
}

// eightDigits reads eight digits, the first in the lowest byte.
func eightDigits(v uint64) (uint64, bool) {
	if v&highNibbles != zeroDigits || (v+sixes)&highNibbles != zeroDigits {
		return 0, false
	}
	v &= lowNibbles
	v = v*10 + v>>8
	return (v&0x000000ff000000ff*(100+1000000<<32) + v>>16&0x000000ff000000ff*(1+10000<<32)) >> 32, true
}

const (
	zeroDigits  = 0x3030303030303030
	highNibbles = 0xf0f0f0f0f0f0f0f0
	lowNibbles  = 0x0f0f0f0f0f0f0f0f
	sixes       = 0x0606060606060606
)

// clean tells whether a text is ASCII without control characters.
func clean(text []byte) bool {
	n := len(text)
	if n < 8 {
		for _, c := range text {
			if c-0x20 >= 0x60 {
				return false
			}
		}
		return true
	}
	odd := uint64(0)
	for i := 0; i+8 <= n; i += 8 {
		v := binary.LittleEndian.Uint64(text[i:])
		odd |= (v - 0x20*ones8) | v
	}
	v := binary.LittleEndian.Uint64(text[n-8:])
	odd |= (v - 0x20*ones8) | v
	return odd&(0x80*ones8) == 0
}

const ones8 = 0x0101010101010101

// slashed tells whether a text holds a slash or a backslash.
func slashed(text []byte) bool {
	n := len(text)
	if n < 8 {
		for _, c := range text {
			if c == '/' || c == '\\' {
				return true
			}
		}
		return false
	}
	found := uint64(0)
	for i := 0; i+8 <= n; i += 8 {
		found |= slashIn(binary.LittleEndian.Uint64(text[i:]))
	}
	return (found|slashIn(binary.LittleEndian.Uint64(text[n-8:])))&(0x80*ones8) != 0
}

// slashIn has a high bit set if a byte of v is one of the two. Bits above it may be set too, by a borrow.
func slashIn(v uint64) uint64 {
	a, b := v^'/'*ones8, v^'\\'*ones8
	return (a-ones8)&^a | (b-ones8)&^b
}
