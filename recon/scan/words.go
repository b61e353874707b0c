package scan

import (
	"encoding/binary"
	"slices"
)

// wordOf packs a text of at most eight bytes into a number. It reads the bytes behind the text too, which are there in all
// but the last cells of a file.
func wordOf(text []byte) (uint64, bool) {
	n := len(text)
	if n > 8 || cap(text) < 8 {
		return 0, false
	}
	return binary.LittleEndian.Uint64(text[:8]) & (1<<(8*n) - 1), true
}

// lookup finds a short text among a few. It remembers the last hit: neighbouring lines mostly say the same.
type lookup struct {
	names []string
	codes []uint16

	word uint64 // the last hit, if it was a short one
	size int
	code uint16
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
	word, short := wordOf(text)
	if short && word == l.word && len(text) == l.size && l.code != 0 {
		return l.code
	}
	for i, name := range l.names {
		if string(text) == name {
			if short {
				l.word, l.size, l.code = word, len(text), l.codes[i]
			}
			return l.codes[i]
		}
	}
	return 0
}

// hundredths reads "1234.56" as 123456: at most seven digits with two decimals, eight bytes in all. It declines anything
// else, which is for recon.ParseDecimal to judge.
func hundredths(text []byte) (int64, bool) {
	n := len(text)
	word, ok := wordOf(text)
	if !ok || n < 4 || text[n-3] != '.' {
		return 0, false
	}
	below := uint64(1)<<(8*(n-3)) - 1
	digits := word&below | word>>8&^below // the point is gone: n-1 digits
	digits = digits<<(8*(9-n)) | zeroDigits>>(8*(n-1))
	if (digits&highNibbles) != zeroDigits || (digits+sixes)&highNibbles != zeroDigits {
		return 0, false
	}
	digits &= lowNibbles
	digits = digits*10 + digits>>8
	digits = (digits&0x000000ff000000ff*(100+1000000<<32) + digits>>16&0x000000ff000000ff*(1+10000<<32)) >> 32
	return int64(digits), true
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
