package resident

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"golang.org/x/sys/unix"
)

const pageSize = 4096

func TestParse(t *testing.T) {
	const text = `00400000-02b5f000 r-xp 00000000 fe:00 247278                             /opt/a b/touchstone (deleted)
Size:              40316 kB
Rss:               20168 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me sd
05a00000-05a60000 rw-p 05600000 fe:00 247278                             /opt/a b/touchstone (deleted)
Rss:                 300 kB
Anonymous:           120 kB
7f0000000000-7f0000001000 rw-p 00000000 00:00 0 
Rss:                   4 kB
Anonymous:             4 kB
7ffd00000000-7ffd00001000 r--p 00000000 00:00 0                          [vvar]
Rss:                   0 kB
Anonymous:             0 kB
`
	got, err := parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	const program = "/opt/a b/touchstone (deleted)"
	want := []mapping{
		{start: 0x400000, end: 0x2b5f000, file: program, resident: 20168 << 10},
		{start: 0x5a00000, end: 0x5a60000, writable: true, file: program, resident: 300 << 10, changed: 120 << 10},
		{start: 0x7f0000000000, end: 0x7f0000001000, writable: true, resident: 4 << 10, changed: 4 << 10},
		{start: 0x7ffd00000000, end: 0x7ffd00001000},
	}
	if !slices.Equal(got, want) {
		t.Errorf("parsed\n%+v\nwant\n%+v", got, want)
	}
}

func TestParseRefusesOtherForms(t *testing.T) {
	for name, text := range map[string]string{
		"no range":       "400000 r-xp 00000000 fe:00 247278 /bin/x\n",
		"no number":      "40zz00-500000 r-xp 00000000 fe:00 247278 /bin/x\n",
		"backwards":      "500000-400000 r-xp 00000000 fe:00 247278 /bin/x\n",
		"no rights":      "400000-500000 r-x 00000000 fe:00 247278 /bin/x\n",
		"nothing before": "Rss: 4 kB\n",
		"other unit":     "400000-500000 r-xp 00000000 fe:00 247278 /bin/x\nAnonymous: 4 MB\n",
	} {
		if got, err := parse(strings.NewReader(text)); !errors.Is(err, errForm) {
			t.Errorf("%s: parsed %+v, error %v; want %v", name, got, err, errForm)
		}
	}
}

func TestProgramGivesBackAndGoesOn(t *testing.T) {
	p := New(slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	before, err := p.GiveBack()
	if err != nil {
		t.Fatal(err)
	}
	again, err := p.GiveBack() // counts what this test alone has used since
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d KiB resident after start, %d KiB used by giving back", before>>10, again>>10)
	if before < 1<<20 || again > before*3/4 {
		t.Errorf("%d bytes of the program were resident, and %d right after they were given back; want at least a quarter fewer", before, again)
	}
}

func TestRunGivesBackOnceStartingIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		time.Sleep(settled / 2)
		if n := testutil.ToFloat64(p.resident); n != 0 {
			t.Errorf("%.0f bytes were given back while the process starts", n)
		}
		time.Sleep(settled)
		synctest.Wait()
		if n := testutil.ToFloat64(p.resident); n == 0 {
			t.Error("nothing was given back after the start")
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestCleanPagesAreGivenBack(t *testing.T) {
	file, mem := mapped(t, unix.PROT_READ)
	if got := residentOf(t, file); got != len(mem) {
		t.Fatalf("%d bytes are resident after they were read, want %d", got, len(mem))
	}
	if was, err := giveBack(file); err != nil || was != int64(len(mem)) {
		t.Fatalf("gave back %d bytes, error %v; want %d", was, err, len(mem))
	}
	if got := residentOf(t, file); got != 0 {
		t.Errorf("%d bytes are resident after they were given back, want none", got)
	}
	if want := bytes.Repeat([]byte{'f'}, len(mem)); !bytes.Equal(mem, want) {
		t.Error("what is mapped again is not what the file holds")
	}
}

// What a dynamic linker has relocated is closed for writing, and is not the file's any more.
func TestChangedPagesStay(t *testing.T) {
	file, mem := mapped(t, unix.PROT_READ|unix.PROT_WRITE)
	mem[pageSize] = 'c'
	if err := unix.Mprotect(mem, unix.PROT_READ); err != nil {
		t.Fatal(err)
	}
	if was, err := giveBack(file); err != nil || was != 0 {
		t.Fatalf("gave back %d bytes, error %v; want none", was, err)
	}
	if mem[pageSize] != 'c' {
		t.Error("a change was lost")
	}
}

func TestWritablePagesStay(t *testing.T) {
	file, mem := mapped(t, unix.PROT_READ|unix.PROT_WRITE)
	if was, err := giveBack(file); err != nil || was != 0 {
		t.Fatalf("gave back %d bytes, error %v; want none", was, err)
	}
	mem[0] = 'c'
	if _, err := giveBack(file); err != nil {
		t.Fatal(err)
	}
	if mem[0] != 'c' {
		t.Error("a change was lost")
	}
}

// mapped maps a new file of eight pages and reads them all.
func mapped(t *testing.T, protection int) (file string, mem []byte) {
	t.Helper()
	const size = 8 * pageSize
	file = filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, bytes.Repeat([]byte{'f'}, size), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	mem, err = unix.Mmap(int(f.Fd()), 0, size, protection, unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(mem) }) // the process ends soon
	if n := bytes.Count(mem, []byte{'f'}); n != size {
		t.Fatalf("read %d bytes of the file, want %d", n, size)
	}
	return file, mem
}

func residentOf(t *testing.T, file string) (n int) {
	t.Helper()
	smaps, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer smaps.Close()
	all, err := parse(smaps)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m.file == file {
			n += int(m.resident)
		}
	}
	return n
}
