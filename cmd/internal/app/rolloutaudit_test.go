package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/comparer/gate"
	"github.com/seed-3356bd69/touchstone/comparer/rollout"
	"github.com/seed-3356bd69/touchstone/recon/audit"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// fullDisk names the configuration of a rollout that this process carries out on a disk that fills up.
const fullDisk = "TOUCHSTONE_TEST_FULL_DISK"

func TestMain(m *testing.M) {
	audit.LogTo(slog.New(slog.DiscardHandler))
	if path := os.Getenv(fullDisk); path != "" {
		if err := climbOnFullDisk(context.Background(), path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// inHand is a control plane whose only subscriber has all that is published in force.
type inHand struct{ policy shadow.Policy }

func (p *inHand) Publish(_ context.Context, policy shadow.Policy) error {
	p.policy = policy
	return nil
}

func (p *inHand) InForce() (shadow.Policy, uint64) { return p.policy, p.policy.Epoch }

func (p *inHand) Subscribers() []rollout.Subscriber {
	return []rollout.Subscriber{{Name: "pay-1", State: "acked", Settled: true, Epoch: p.policy.Epoch}}
}

// openLadder is the wiring of openRollout with a control plane in the test's hands.
func openLadder(ctx context.Context, cfg *config.Comparer, plane *inHand) (*rollout.Ladder, *rolloutAudit, error) {
	if err := os.MkdirAll(string(cfg.Data), 0o755); err != nil {
		return nil, nil, err
	}
	log, err := openAudit(ctx, cfg.Gate.Rollout.Audit, audit.Config{Who: "test", Patience: rolloutPatience})
	if err != nil {
		return nil, nil, err
	}
	steps, err := ladderConfig(cfg)
	if err != nil {
		return nil, nil, err
	}
	entries := newRolloutAudit(log)
	ladder, err := rollout.Open(ctx, steps, rollout.Deps{
		Audit: entries, Publisher: plane, Metrics: rollout.NewMetrics(prometheus.NewRegistry()), Clock: rollout.NewClock(), Log: slog.New(slog.DiscardHandler),
	})
	return ladder, entries, err
}

// climbOnFullDisk takes a promotion and a rollback through a disk that takes no more, and gives the audit what it is owed
// when there is room again.
func climbOnFullDisk(ctx context.Context, path string) error {
	cfg, err := config.LoadComparer(path)
	if err != nil {
		return err
	}
	plane := &inHand{}
	ladder, entries, err := openLadder(ctx, cfg, plane)
	if err == nil {
		err = ladder.Publish(ctx)
	}
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ) // as on a full disk: the write fails, the process lives
	if err := roomFor(0); err != nil {
		return err
	}
	if err := ladder.Step(ctx, ladder.Terms(), gate.Decision{Verdict: gate.Pass, Judged: 1000}); err == nil || !strings.Contains(err.Error(), "audit promoted: ") || plane.policy.Epoch != 1 {
		return fmt.Errorf("promoted on a full disk: %+v, %w", plane.policy, err)
	}
	began := time.Now()
	err = ladder.Step(ctx, ladder.Terms(), gate.Decision{Verdict: gate.Rollback, Reasons: []string{"a cent"}, Judged: 1000, Bad: 1})
	if !errors.Is(err, rollout.ErrOwed) || !plane.policy.RolledBack || time.Since(began) > 2*rolloutPatience {
		return fmt.Errorf("not rolled back on a full disk, or its entry is not owed: %+v after %s, %w", plane.policy, time.Since(began), err)
	}
	if err := roomFor(unix.RLIM_INFINITY); err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(settleEvery) {
		if err = ladder.Settle(ctx); err == nil || time.Now().After(deadline) {
			return errors.Join(err, entries.Close(ctx))
		}
	}
}

// roomFor bounds what a file may grow to.
func roomFor(bytes uint64) error {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &l); err != nil {
		return err
	}
	l.Cur = min(bytes, l.Max)
	return unix.Setrlimit(unix.RLIMIT_FSIZE, &l)
}

func TestAFullDiskStopsAPromotionAndNoRollback(t *testing.T) {
	t.Parallel()
	r := newComparerRig(t)
	r.addRollout("http://127.0.0.1:1")
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), fullDisk+"="+filepath.Join(r.folder, "comparer.yaml"))
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	r.checkAudit("begun", "rolled-back")
}

// audited are the changes in the log, which must be whole and as its witness saw it.
func (r *comparerRig) audited() (changes []string) {
	r.t.Helper()
	cfg := r.config.Gate.Rollout.Audit
	verifier, err := audit.ReadVerifier(cfg.Key.Path() + ".pub")
	if err != nil {
		r.t.Fatal(err)
	}
	witness, err := audit.NewFolder(string(cfg.Witness))
	if err != nil {
		r.t.Fatal(err)
	}
	if report, err := audit.Verify(r.t.Context(), string(cfg.Folder), verifier, witness); err != nil || !report.Whole() {
		r.t.Fatalf("%+v %v", report, err)
	}
	found, err := audit.Find(r.t.Context(), string(cfg.Folder), verifier, "pay/v2")
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range found {
		changes = append(changes, strings.TrimPrefix(f.Entry.Action, "rollout "))
	}
	return changes
}

// checkAudit holds the log to these changes.
func (r *comparerRig) checkAudit(changes ...string) {
	r.t.Helper()
	if got := r.audited(); !slices.Equal(got, changes) {
		r.t.Errorf("the log has %q, want %q", got, changes)
	}
}

// A witness whose storage hangs keeps nobody longer than they wait, and not the next one either.
func TestAHungWitnessHoldsNobody(t *testing.T) {
	t.Parallel()
	r := newComparerRig(t)
	r.addRollout("http://127.0.0.1:1")
	_, entries, err := openLadder(t.Context(), r.config, &inHand{})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(string(r.config.Gate.Rollout.Audit.Witness), "touchstone-audit.checkpoints")
	mend := hang(t, file)
	entry := rollout.Entry{Time: time.Now(), Change: rollout.Promoted, By: rollout.Gate, Policy: shadow.Policy{Service: "pay", Candidate: "v2"}}
	for _, want := range []string{"not confirmed", "still waits"} {
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		err := entries.Append(ctx, entry)
		cancel()
		if !errors.Is(err, audit.ErrUnconfirmed) || !strings.Contains(err.Error(), want) || time.Since(began) > rolloutPatience {
			t.Errorf("after %s: %v, want %q", time.Since(began), err, want)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := entries.Close(ctx); err == nil {
		t.Error("closed while an entry is on its way")
	}
	mend()
	if err := entries.Append(t.Context(), entry); err != nil {
		t.Errorf("after the storage is back: %v", err)
	}
	if err := entries.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// hang puts a full pipe in the place of a file: what is written to it waits until mend puts the file back.
func hang(t *testing.T, file string) (mend func()) {
	t.Helper()
	if err := errors.Join(os.Rename(file, file+".kept"), unix.Mkfifo(file, 0o600)); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(file, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := pipe.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = pipe.Write(make([]byte, 4096))
	}
	return func() {
		if err := os.Rename(file+".kept", file); err != nil {
			t.Fatal(err)
		}
		if _, err := pipe.Read(make([]byte, 64<<10)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = pipe.Close() })
	}
}

func TestALogThatCannotBeOpenedStopsTheStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(*comparerRig) error
		want  string
	}{
		"another writes it": {func(r *comparerRig) error {
			log, err := openAudit(t.Context(), r.config.Gate.Rollout.Audit, audit.Config{Who: "another comparer"})
			if err == nil {
				t.Cleanup(func() { _ = log.Close(context.Background()) })
			}
			return err
		}, "another comparer"},
		"its witness is away": {func(r *comparerRig) error { return os.Remove(string(r.config.Gate.Rollout.Audit.Witness)) }, "witness"},
		"it is a file": {func(r *comparerRig) error {
			return os.WriteFile(string(r.config.Gate.Rollout.Audit.Folder), nil, 0o600)
		}, "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newComparerRig(t)
			r.addRollout("http://127.0.0.1:1")
			if err := c.spoil(r); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			err := RunComparer(ctx, r.config, Process{Log: slog.New(slog.DiscardHandler), Version: "test"})
			if err == nil || !strings.HasPrefix(err.Error(), "gate.rollout.audit: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestEntriesOfARollout(t *testing.T) {
	policy := shadow.Policy{Service: "pay", Stable: "v1", Candidate: "v2", Epoch: 3, Gray: 10_000}
	e := rollout.Entry{
		Time: time.Date(2026, 11, 27, 8, 0, 0, 123_456_789, time.FixedZone("", 8*3600)), Change: rollout.Promoted, By: "bob", Stage: 2, Policy: policy,
		Hash: policy.Hash(), Before: "cafe", Reasons: []string{"a", "b"}, Judged: 812, Bad: 1, Bound: 0.0005,
	}
	got, err := auditEntry(e)
	if err != nil {
		t.Fatal(err)
	}
	line, err := got.Encode()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(line), `","time":`)
	want := `"2026-11-27T00:00:00.123456Z","actor":"bob","action":"rollout promoted","subject":"pay/v2","basis":{"bad":"1","bound":"0.0005","epoch":"3","gray":"1 %",` +
		`"judged":"812","policy":"` + policy.Hash() + `","policy_before":"cafe","reasons":"a\nb","serve":"0 %","stage":"2"}}`
	if rest != want {
		t.Errorf("got  %s\nwant %s", rest, want)
	}
	kept, err := json.Marshal(e) // as what is owed survives the process
	if err != nil {
		t.Fatal(err)
	}
	var again rollout.Entry
	if err := json.Unmarshal(kept, &again); err != nil {
		t.Fatal(err)
	}
	if twice, err := auditEntry(again); err != nil || twice.ID != got.ID {
		t.Errorf("the same change is %s and %s: %v", got.ID, twice.ID, err)
	}
	e.Bad++
	if other, err := auditEntry(e); err != nil || other.ID == got.ID {
		t.Errorf("another change is %s too: %v", other.ID, err)
	}
}

// An entry that the log refuses would be owed for ever, and one in another spelling would look like tampering.
func TestEveryEntryFitsTheLog(t *testing.T) {
	for name, reasons := range map[string][]string{
		"long":       slices.Repeat([]string{strings.Repeat("x", 1000)}, 100),
		"escaped":    {strings.Repeat("\x01", 100_000)},
		"not UTF-8":  {strings.Repeat("\xff", 100_000), "\xe4\xbd"},
		"cut inside": {strings.Repeat("x", maxReasons-1) + "你好"},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := auditEntry(rollout.Entry{Time: time.Now(), Change: rollout.RolledBack, By: "gate\xff", Reasons: reasons})
			if err != nil {
				t.Fatal(err)
			}
			line, err := e.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := audit.Decode(line); err != nil {
				t.Error(err)
			}
		})
	}
}
