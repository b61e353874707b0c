package journal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// writerDir makes the test binary a process that writes to a journal until it is killed.
const writerDir = "TOUCHSTONE_TEST_JOURNAL"

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerDir); dir != "" {
		writeForever(dir)
	}
	os.Exit(m.Run())
}

func writeForever(dir string) {
	j, _, _, err := Open(config(dir))
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	for {
		seq, err := j.Intent([]byte(strings.Repeat("x", 300)))
		if err == nil {
			err = j.Outcome(seq, true, nil)
		}
		if err == nil && seq%3 == 0 {
			err = j.Done(seq)
		}
		fmt.Println(seq, err)
	}
}

func config(dir string) Config {
	return Config{Dir: dir, SegmentBytes: 4 << 10, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()}
}

func open(t *testing.T, dir string, change func(*Config)) (*Journal, []Entry, []string) {
	t.Helper()
	cfg := config(dir)
	if change != nil {
		change(&cfg)
	}
	j, left, damaged, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j, left, damaged
}

func intent(t *testing.T, j *Journal, payload string) uint64 {
	t.Helper()
	seq, err := j.Intent([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestOnlyWhatIsNotDoneComesBack(t *testing.T) {
	dir := t.TempDir()
	j, _, _ := open(t, dir, nil)
	for i := range 500 {
		seq := intent(t, j, fmt.Sprint("intent ", i))
		switch i % 5 {
		case 0:
			check(t, j.Outcome(seq, false, nil))
		case 1:
			check(t, j.Outcome(seq, true, nil))
		case 2:
			check(t, j.Outcome(seq, true, fmt.Appendf(nil, "final %d", i)))
		case 3:
			check(t, j.Outcome(seq, true, nil))
			check(t, j.Done(seq))
		}
	}
	check(t, j.Close())
	j, left, damaged := open(t, dir, nil)
	if len(left) != 300 || len(damaged) != 0 {
		t.Fatalf("%d entries, damaged %v", len(left), damaged)
	}
	for _, e := range left {
		i := int(e.Seq) - 1
		want := map[int]string{1: fmt.Sprint("intent ", i), 2: fmt.Sprint("final ", i), 4: fmt.Sprint("intent ", i)}[i%5]
		if got, err := j.Payload(e.Seq); err != nil || string(got) != want || e.Committed != (i%5 != 4) {
			t.Fatalf("entry %+v: %q, %v, want %q", e, got, err, want)
		}
	}
	if seq := intent(t, j, "next"); seq != 501 {
		t.Errorf("numbers go on at %d", seq)
	}
	for _, e := range left {
		check(t, j.Done(e.Seq))
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*.journal")); len(names) > 4 {
		t.Errorf("%d segments are left: %v", len(names), names)
	}
}

func TestKilledProcessLosesNothingItWasToldOf(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), writerDir+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	told := []uint64{}
	for lines := bufio.NewScanner(out); len(told) < 3000 && lines.Scan(); {
		number, failure, _ := strings.Cut(lines.Text(), " ")
		seq, err := strconv.ParseUint(number, 10, 64)
		if err != nil || failure != "<nil>" {
			t.Fatal(lines.Text())
		}
		told = append(told, seq)
	}
	check(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	_, left, damaged := open(t, dir, nil)
	have := map[uint64]bool{}
	for _, e := range left {
		have[e.Seq] = e.Committed
	}
	for _, seq := range told {
		if have[seq] != (seq%3 != 0) {
			t.Fatalf("entry %d of %d: committed %v", seq, len(told), have[seq])
		}
	}
	if len(damaged) > 0 {
		t.Fatal(damaged)
	}
}

func TestTornEndIsCutAtEveryByte(t *testing.T) {
	whole := record{intended, 1, []byte("first")}.bytes()
	torn := record{intended, 2, []byte("second")}.bytes()
	for n := range torn {
		dir := t.TempDir()
		check(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf(pattern, 7)), slices.Concat(whole, torn[:n]), 0o600))
		j, left, damaged := open(t, dir, nil)
		if len(left) != 1 || len(damaged) != 0 {
			t.Fatalf("cut after %d bytes: %v, damaged %v", n, left, damaged)
		}
		if got, err := j.Payload(1); err != nil || string(got) != "first" {
			t.Fatalf("%q, %v", got, err)
		}
	}
}

func TestDamageInTheMiddleIsKeptAsideAndTold(t *testing.T) {
	records := slices.Concat(record{intended, 1, []byte("first")}.bytes(), record{intended, 2, []byte("second")}.bytes(), record{intended, 3, []byte("third")}.bytes())
	first := headerSize + len("first")
	for at := first; at < first+headerSize+len("second"); at++ {
		dir := t.TempDir()
		bad := bytes.Clone(records)
		bad[at] ^= 0x41
		check(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf(pattern, 7)), bad, 0o600))
		_, left, damaged := open(t, dir, nil)
		if len(left) != 1 || len(damaged) != 1 {
			t.Fatalf("byte %d: %v, damaged %v", at, left, damaged)
		}
		if kept, err := os.ReadFile(damaged[0]); err != nil || !bytes.Equal(kept, bad) {
			t.Fatalf("kept aside: %d bytes, %v", len(kept), err)
		}
	}
}

func TestFullJournalRefusesAndRecovers(t *testing.T) {
	j, _, _ := open(t, t.TempDir(), func(c *Config) { c.MaxBytes = 10_000 })
	var all []uint64
	for {
		seq, err := j.Intent(make([]byte, 500))
		if errors.Is(err, ErrFull) {
			break
		}
		check(t, err)
		all = append(all, seq)
	}
	if len(all) < 15 || len(all) > 20 {
		t.Fatalf("%d entries of 500 bytes in 10,000", len(all))
	}
	for _, seq := range all {
		check(t, j.Done(seq))
	}
	intent(t, j, "room again")
	few, _, _ := open(t, t.TempDir(), func(c *Config) { c.MaxPending = 1 })
	intent(t, few, "one")
	if _, err := few.Intent(nil); !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
}

// A file that may not grow stands for a full disk: the write fails in the middle of a record.
func TestDiskThatFillsInTheMiddleOfARecordLeavesTheRestReadable(t *testing.T) {
	dir := t.TempDir()
	j, _, _ := open(t, dir, func(c *Config) { c.SegmentBytes = 1 << 20 })
	kept := intent(t, j, "kept")
	var old syscall.Rlimit
	check(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old))
	check(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1000, Max: old.Max}))
	_, full := j.Intent(make([]byte, 5000))
	check(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old))
	if full == nil {
		t.Fatal("the disk was not full")
	}
	later := intent(t, j, "later")
	check(t, j.Close())
	j, left, damaged := open(t, dir, nil)
	if len(left) != 2 || len(damaged) != 0 {
		t.Fatalf("%v, damaged %v", left, damaged)
	}
	for seq, want := range map[uint64]string{kept: "kept", later: "later"} {
		if got, err := j.Payload(seq); err != nil || string(got) != want {
			t.Fatalf("%q, %v", got, err)
		}
	}
}

func TestSecondProcessIsKeptOut(t *testing.T) {
	dir := t.TempDir()
	j, _, _ := open(t, dir, nil)
	if _, _, _, err := Open(config(dir)); !errors.Is(err, ErrInUse) {
		t.Fatal(err)
	}
	check(t, j.Close())
	if _, err := j.Intent(nil); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	if err := j.Done(99); !errors.Is(err, ErrUnknown) {
		t.Fatal(err)
	}
	open(t, dir, nil)
}

func FuzzRecord(f *testing.F) {
	f.Add(record{intended, 1, []byte("payload")}.bytes())
	f.Add(record{kind: gone, seq: 9}.bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		rec, err := readRecord(bytes.NewReader(b))
		if err == nil && !bytes.HasPrefix(b, rec.bytes()) {
			t.Fatalf("%+v is not what %q says", rec, b)
		}
	})
}

func BenchmarkIntent(b *testing.B) {
	j, _, _, err := Open(Config{Dir: b.TempDir(), Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	payload := make([]byte, 500)
	for b.Loop() {
		seq, err := j.Intent(payload)
		if err != nil {
			b.Fatal(err)
		}
		if err := j.Done(seq); err != nil {
			b.Fatal(err)
		}
	}
}
