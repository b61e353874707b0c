package resident

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/sys/unix"
)

// Program is the running program's file in memory.
type Program struct {
	log      *slog.Logger
	resident prometheus.Gauge
}

const keyError = "error"

// New gives the running program.
func New(log *slog.Logger, registry prometheus.Registerer) *Program {
	return &Program{log: log, resident: promauto.With(registry).NewGauge(prometheus.GaugeOpts{Name: "touchstone_program_resident_bytes",
		Help: "Pages of the program's file that were in memory when those not in use were last given back."})}
}

const (
	settled = 2 * time.Second // starting is over
	every   = time.Minute     // each time what is in use is mapped again, which costs a millisecond
)

// Run gives back what only starting needed, and now and then what has come since and is not used, until ctx ends. Where
// that cannot be done the process goes on without it.
func (p *Program) Run(ctx context.Context) error {
	for wait := settled; pause(ctx, wait); wait = every {
		was, err := p.GiveBack()
		if err != nil {
			p.log.Warn("pages of the program stay in memory", keyError, err)
			break
		}
		p.resident.Set(float64(was))
	}
	<-ctx.Done()
	return nil
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// GiveBack gives all pages of the program's file back and tells how many bytes they were.
func (p *Program) GiveBack() (was int64, err error) {
	program, err := os.Readlink("/proc/self/exe") // as smaps has it, also when the file was deleted
	if err != nil {
		return 0, fmt.Errorf("find the program: %w", err)
	}
	return giveBack(program)
}

func giveBack(file string) (was int64, err error) {
	smaps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return 0, fmt.Errorf("read what is in memory: %w", err)
	}
	defer smaps.Close()
	all, err := parse(smaps)
	if err != nil {
		return 0, err
	}
	for _, m := range all {
		if m.file != file || !m.clean() {
			continue
		}
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, m.start, m.end-m.start, unix.MADV_DONTNEED); errno != 0 {
			return was, fmt.Errorf("give back pages of the program: %w", errno)
		}
		was += m.resident
	}
	return was, nil
}
