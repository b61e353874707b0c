package dualwrite

import (
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"testing"
)

// executed builds the data of an execution: statement id, flags, iterations, nulls, types, values.
func executed(nulls []byte, bound bool, types []byte, values ...byte) []byte {
	b := []byte{1, 0, 0, 0, 0, 1, 0, 0, 0}
	b = append(b, nulls...)
	if !bound {
		return append(append(b, 0), values...)
	}
	return append(append(append(b, 1), types...), values...)
}

func TestParametersOfEveryType(t *testing.T) {
	for name, c := range map[string]struct {
		kind, flag byte
		value      []byte
		want       string
	}{
		"tiny":           {typeTiny, 0, []byte{0xff}, "-1"},
		"unsigned tiny":  {typeTiny, unsignedFlag, []byte{0xff}, "255"},
		"short":          {typeShort, 0, []byte{0x00, 0x80}, "-32768"},
		"year":           {typeYear, unsignedFlag, []byte{0xea, 0x07}, "2026"},
		"long":           {typeLong, 0, []byte{0xfe, 0xff, 0xff, 0xff}, "-2"},
		"medium":         {typeInt24, unsignedFlag, []byte{1, 2, 3, 0}, "197121"},
		"longlong":       {typeLongLong, 0, []byte{0, 0, 0, 0, 0, 0, 0, 0x80}, "-9223372036854775808"},
		"big unsigned":   {typeLongLong, unsignedFlag, []byte{255, 255, 255, 255, 255, 255, 255, 255}, "18446744073709551615"},
		"float":          {typeFloat, 0, binary.LittleEndian.AppendUint32(nil, math.Float32bits(1.5)), "1.5"},
		"double":         {typeDouble, 0, binary.LittleEndian.AppendUint64(nil, math.Float64bits(0.1)), "0.1"},
		"decimal":        {0xf6, 0, []byte("\x0512.50"), "12.50"},
		"text":           {0xfd, 0, []byte("\x02\xc3\xa9"), "é"},
		"long text":      {0xfe, 0, append([]byte{0xfc, 3, 0}, "abc"...), "abc"},
		"date":           {typeDate, 0, []byte{4, 0xea, 7, 11, 24}, "2026-11-24"},
		"zero date":      {typeDate, 0, []byte{0}, "0000-00-00"},
		"datetime":       {typeDateTime, 0, []byte{7, 0xea, 7, 11, 24, 1, 2, 3}, "2026-11-24 01:02:03"},
		"midnight":       {typeStamp, 0, []byte{4, 0xea, 7, 11, 24}, "2026-11-24 00:00:00"},
		"microseconds":   {typeDateTime, 0, []byte{11, 0xea, 7, 11, 24, 1, 2, 3, 0x40, 0xe2, 1, 0}, "2026-11-24 01:02:03.123456"},
		"time":           {typeTime, 0, []byte{8, 1, 1, 0, 0, 0, 2, 3, 4}, "-26:03:04"},
		"time and micro": {typeTime, 0, []byte{12, 0, 0, 0, 0, 0, 2, 3, 4, 5, 0, 0, 0}, "02:03:04.000005"},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := readExecution(executed([]byte{0}, true, []byte{c.kind, c.flag}, c.value...), 1, nil, nil, false)
			if err != nil || e.sets[0][0].text != c.want {
				t.Fatalf("got %+v, %v", e, err)
			}
			again, err := readExecution(executed([]byte{0}, false, nil, c.value...), 1, e.types, nil, false)
			if err != nil || again.sets[0][0].text != c.want {
				t.Fatalf("with remembered types: %+v, %v", again, err)
			}
			if len(c.value) > 1 {
				if _, err := readExecution(executed([]byte{0}, true, []byte{c.kind, c.flag}, c.value[:len(c.value)-1]...), 1, nil, nil, false); !errors.Is(err, errParams) {
					t.Fatalf("cut short: %v", err)
				}
			}
		})
	}
}

func TestNullsAndLongDataTakeNoBytes(t *testing.T) {
	types := []byte{typeTiny, 0, 0xfe, 0, typeTiny, 0}
	e, err := readExecution(executed([]byte{1}, true, types, 7), 3, nil, map[int][]byte{1: []byte("sent ahead")}, false)
	want := []paramValue{{null: true}, {text: "sent ahead"}, {text: "7"}}
	if err != nil || !reflect.DeepEqual(e.sets[0], want) {
		t.Fatalf("%+v, %v", e, err)
	}
	for name, data := range map[string][]byte{
		"types never told": executed([]byte{0}, false, nil, 1, 2, 3),
		"left over":        executed([]byte{7}, true, types, 1),
		"unknown type":     executed([]byte{6}, true, []byte{0x77, 0, 1, 0, 1, 0}, 1),
		"nothing":          nil,
	} {
		if _, err := readExecution(data, 3, nil, nil, false); !errors.Is(err, errParams) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzExecution(f *testing.F) {
	f.Add(executed([]byte{0}, true, []byte{typeTime, 0}, 8, 1, 1, 0, 0, 0, 2, 3, 4), 1)
	f.Add(executed([]byte{0}, true, []byte{0xfe, 0}, 0xfe, 255, 255, 255, 255, 255, 255, 255, 255), 1)
	f.Fuzz(func(t *testing.T, data []byte, count int) {
		count = max(0, count) % 65536
		e, err := readExecution(data, count, nil, nil, false)
		if err == nil && len(e.sets[0]) != count {
			t.Fatalf("%d values of %d", len(e.sets[0]), count)
		}
	})
}
