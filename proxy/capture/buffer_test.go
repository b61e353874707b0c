package capture

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func read(t *testing.T, b *Buffer, text string) {
	t.Helper()
	got, err := io.ReadAll(b.Body(io.NopCloser(iotest.OneByteReader(strings.NewReader(text)))))
	if err != nil || string(got) != text {
		t.Fatalf("the reader got %q, %v", got, err)
	}
}

func TestBodyUpToTheLimitIsKeptWhole(t *testing.T) {
	for name, c := range map[string]struct {
		text      string
		kept      string
		truncated bool
	}{
		"empty":      {"", "", false},
		"at limit":   {"12345", "12345", false},
		"over limit": {"123456", "12345", true},
	} {
		t.Run(name, func(t *testing.T) {
			b := NewBuffer(5, NewBudget(100))
			read(t, b, c.text)
			got, end := b.Snapshot()
			if string(got.Bytes) != c.kept || got.Truncated != c.truncated || got.Size != int64(len(c.text)) || end != Complete {
				t.Fatalf("got %q %+v end %d", got.Bytes, got, end)
			}
		})
	}
}

func TestBudgetBoundsAllBodiesTogether(t *testing.T) {
	budget := NewBudget(8)
	first, second := NewBuffer(100, budget), NewBuffer(100, budget)
	read(t, first, "123456")
	read(t, second, "123456")
	if got, _ := second.Snapshot(); !got.Truncated || string(got.Bytes) != "12" {
		t.Fatalf("second body: %+v", got)
	}
	first.Release()
	first.Release()
	second.Release()
	if budget.Used() != 0 {
		t.Fatalf("%d bytes are still held", budget.Used())
	}
}

func TestBrokenBodyIsToldFromACompleteOne(t *testing.T) {
	b := NewBuffer(10, NewBudget(10))
	broken := io.MultiReader(strings.NewReader("ab"), iotest.ErrReader(errors.New("reset")))
	if _, err := io.ReadAll(b.Body(io.NopCloser(broken))); err == nil {
		t.Fatal("the error did not reach the reader")
	}
	if got, end := b.Snapshot(); end != Broken || string(got.Bytes) != "ab" {
		t.Fatalf("got %q, end %d", got.Bytes, end)
	}
}
