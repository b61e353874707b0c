package resident

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// mapping is a part of the address space.
type mapping struct {
	start, end uintptr
	writable   bool
	file       string // "" = none
	resident   int64  // bytes in memory
	changed    int64  // of those, bytes that are no longer the file's
}

// clean tells whether all that is in memory of it can be had from its file again. A part that is only read can still have
// been changed: by a dynamic linker before it was closed for writing, or by a debugger.
func (m mapping) clean() bool { return !m.writable && m.changed == 0 }

var errForm = errors.New("has another form than expected")

// parse reads smaps of /proc.
//
//	55ca7719b000-55ca7719d000 r-xp 00000000 fe:00 247278    /usr/bin/touchstone
//	Rss:                 408 kB
//	Anonymous:             0 kB
func parse(smaps io.Reader) ([]mapping, error) {
	var out []mapping
	lines := bufio.NewScanner(smaps)
	for n := 1; lines.Scan(); n++ {
		name, rest, _ := strings.Cut(lines.Text(), " ")
		if !strings.HasSuffix(name, ":") {
			m, err := parseHead(name, rest)
			if err != nil {
				return nil, fmt.Errorf("smaps:%d: %w", n, err)
			}
			out = append(out, m)
			continue
		}
		if len(out) == 0 {
			return nil, fmt.Errorf("smaps:%d: %w", n, errForm)
		}
		if err := out[len(out)-1].read(name, rest); err != nil {
			return nil, fmt.Errorf("smaps:%d: %s %w", n, name, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read smaps: %w", err)
	}
	return out, nil
}

func parseHead(span, rest string) (mapping, error) {
	from, to, ok := strings.Cut(span, "-")
	start, err := strconv.ParseUint(from, 16, 64)
	end, err2 := strconv.ParseUint(to, 16, 64)
	rights, rest, ok2 := strings.Cut(rest, " ")
	if err := errors.Join(err, err2); err != nil || !ok || !ok2 || len(rights) != 4 || end < start {
		return mapping{}, errForm
	}
	_, file, _ := strings.Cut(rest, "/")
	if file != "" {
		file = "/" + file
	}
	return mapping{start: uintptr(start), end: uintptr(end), writable: rights[1] == 'w', file: file}, nil
}

func (m *mapping) read(name, value string) (err error) {
	switch name {
	case "Rss:":
		m.resident, err = kilobytes(value)
	case "Anonymous:":
		m.changed, err = kilobytes(value)
	}
	return err
}

func kilobytes(value string) (int64, error) {
	digits, ok := strings.CutSuffix(strings.TrimSpace(value), " kB")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !ok {
		return 0, errForm
	}
	return n << 10, nil
}
