package dualwrite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/seed-3356bd69/touchstone/shadow/wire"
)

var errParams = errors.New("parameters cannot be read")

// Types of parameters on the wire.
const (
	typeDecimal  = 0x00
	typeTiny     = 0x01
	typeShort    = 0x02
	typeLong     = 0x03
	typeFloat    = 0x04
	typeDouble   = 0x05
	typeNull     = 0x06
	typeStamp    = 0x07
	typeLongLong = 0x08
	typeInt24    = 0x09
	typeDate     = 0x0a
	typeTime     = 0x0b
	typeDateTime = 0x0c
	typeYear     = 0x0d
	typeVarchar  = 0x0f
	typeBit      = 0x10
)

const unsignedFlag = 0x80

// paramValue is one decoded parameter.
type paramValue struct {
	null bool
	text string
}

// reader takes bytes from the front; once short it stays failed.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.failed, r.b = true, nil
		return make([]byte, min(max(n, 0), 8))
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) uint(width int) uint64 {
	var b [8]byte
	copy(b[:], r.take(width))
	return binary.LittleEndian.Uint64(b[:])
}

func (r *reader) lenenc() uint64 {
	switch n := r.uint(1); n {
	case 0xfc:
		return r.uint(2)
	case 0xfd:
		return r.uint(3)
	case 0xfe:
		return r.uint(8)
	default:
		return n
	}
}

func (r *reader) lenencBytes() []byte {
	n := r.lenenc()
	if n > uint64(len(r.b)) {
		r.failed = true
		return nil
	}
	return r.take(int(n))
}

// execution is the data of a ComStmtExecute behind the code.
type execution struct {
	types   []byte // two bytes for each parameter; as remembered when the execution does not bring them
	sets    [][]paramValue
	release string // of query attributes
	order   string
}

const (
	flagAttributes = 0x08 // of an execution: the number of parameters, with query attributes among them, is said
	maxParams      = 1 << 16
)

// readExecution decodes the parameters. Long data replaces values that were sent ahead. Where parameters are attributed,
// each type comes with a name, and those behind the statement's own are query attributes.
func readExecution(data []byte, own int, known []byte, long map[int][]byte, attributed bool) (execution, error) {
	r := &reader{b: data}
	r.take(4)
	flags := r.uint(1)
	r.take(4) // iterations
	count, names := own, []string(nil)
	if attributed && (own > 0 || flags&flagAttributes != 0) {
		if count = int(r.lenenc()); count > maxParams || count < own {
			return execution{}, errParams
		}
	}
	if count == 0 {
		return execution{sets: [][]paramValue{nil}}, nil
	}
	nulls := r.take((count + 7) / 8)
	e := execution{types: known}
	if r.uint(1) == 1 {
		e.types, names = r.types(count, attributed)
	}
	if r.failed || len(e.types) != 2*count {
		return execution{}, errParams
	}
	var values []paramValue
	for i := range count {
		v := paramValue{null: nulls[i/8]&(1<<(i%8)) != 0}
		if sent, ok := long[i]; ok {
			v = paramValue{text: string(sent)}
		} else if !v.null {
			if err := readParam(r, e.types[2*i], e.types[2*i+1]&unsignedFlag != 0, &v); err != nil {
				return execution{}, err
			}
		}
		values = append(values, v)
	}
	if r.failed || len(r.b) != 0 {
		return execution{}, errParams
	}
	e.attributes(values[own:], names)
	e.sets = [][]paramValue{values[:own]}
	return e, nil
}

// attributes takes the release and order from the parameters behind the statement's own; names are of all parameters.
func (e *execution) attributes(values []paramValue, names []string) {
	for i, v := range values {
		if at := len(names) - len(values) + i; at >= 0 && !v.null {
			release, order := attributes([]wire.Attribute{{Name: names[at], Value: v.text}})
			e.release, e.order = e.release+release, e.order+order
		}
	}
}

// types reads the types of parameters, with their names where they have some.
func (r *reader) types(count int, named bool) (types []byte, names []string) {
	for range count {
		types = append(types, r.take(2)...)
		if named {
			names = append(names, string(r.lenencBytes()))
		}
	}
	return types, names
}

// What stands before a value of a bulk execution.
const (
	bulkValue = iota
	bulkNull
)

const bulkTypes = 128 // flag: the types follow

// readBulk decodes the parameters of MariaDB's bulk execution: one set behind another.
func readBulk(data []byte, count int, known []byte) (execution, error) {
	r := &reader{b: data}
	r.take(4)
	flags := r.uint(2)
	e := execution{types: known}
	if flags&bulkTypes != 0 {
		e.types, _ = r.types(count, false)
	}
	if r.failed || count == 0 || len(e.types) != 2*count {
		return execution{}, errParams
	}
	for len(r.b) > 0 && !r.failed {
		set := make([]paramValue, count)
		for i := range set {
			switch r.uint(1) {
			case bulkNull:
				set[i].null = true
			case bulkValue:
				if err := readParam(r, e.types[2*i], e.types[2*i+1]&unsignedFlag != 0, &set[i]); err != nil {
					return execution{}, err
				}
			default: // DEFAULT, or none at all: only the server knows what was written
				return execution{}, errParams
			}
		}
		e.sets = append(e.sets, set)
	}
	if r.failed {
		return execution{}, errParams
	}
	return e, nil
}

func readParam(r *reader, kind byte, unsigned bool, v *paramValue) error {
	switch kind {
	case typeNull:
		v.null = true
	case typeTiny:
		v.text = integer(r.uint(1), 8, unsigned)
	case typeShort, typeYear:
		v.text = integer(r.uint(2), 16, unsigned)
	case typeLong, typeInt24:
		v.text = integer(r.uint(4), 32, unsigned)
	case typeLongLong:
		v.text = integer(r.uint(8), 64, unsigned)
	case typeFloat:
		v.text = strconv.FormatFloat(float64(math.Float32frombits(uint32(r.uint(4)))), 'g', -1, 64)
	case typeDouble:
		v.text = strconv.FormatFloat(math.Float64frombits(r.uint(8)), 'g', -1, 64)
	case typeDate, typeDateTime, typeStamp:
		v.text = dateTime(r, kind)
	case typeTime:
		v.text = clock(r)
	case typeDecimal, typeVarchar, typeBit, 0xf2, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff:
		v.text = string(r.lenencBytes())
	default:
		return fmt.Errorf("%w: type %#x", errParams, kind)
	}
	return nil
}

func integer(u uint64, bits int, unsigned bool) string {
	if unsigned {
		return strconv.FormatUint(u, 10)
	}
	shift := 64 - bits
	return strconv.FormatInt(int64(u<<shift)>>shift, 10)
}

func dateTime(r *reader, kind byte) string {
	n := r.uint(1)
	var year, month, day, hour, minute, second, micro uint64
	if n >= 4 {
		year, month, day = r.uint(2), r.uint(1), r.uint(1)
	}
	if n >= 7 {
		hour, minute, second = r.uint(1), r.uint(1), r.uint(1)
	}
	if n >= 11 {
		micro = r.uint(4)
	}
	if n != 0 && n != 4 && n != 7 && n != 11 {
		r.failed = true
	}
	text := fmt.Sprintf("%04d-%02d-%02d", year, month, day)
	if kind != typeDate {
		text += fmt.Sprintf(" %02d:%02d:%02d", hour, minute, second)
	}
	if micro > 0 {
		text += fmt.Sprintf(".%06d", micro)
	}
	return text
}

func clock(r *reader) string {
	n := r.uint(1)
	var sign string
	var days, hour, minute, second, micro uint64
	if n >= 8 {
		if r.uint(1) == 1 {
			sign = "-"
		}
		days, hour, minute, second = r.uint(4), r.uint(1), r.uint(1), r.uint(1)
	}
	if n >= 12 {
		micro = r.uint(4)
	}
	if n != 0 && n != 8 && n != 12 {
		r.failed = true
	}
	text := fmt.Sprintf("%s%02d:%02d:%02d", sign, days*24+hour, minute, second)
	if micro > 0 {
		text += fmt.Sprintf(".%06d", micro)
	}
	return text
}
