package shadow

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func newSigner(t *testing.T, key string) *Signer {
	t.Helper()
	s, err := NewSigner([]byte(key), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTagRoundTrip(t *testing.T) {
	s := newSigner(t, "0123456789abcdef")
	now := time.UnixMilli(1_732_412_345_678)
	want := Tag{Release: "v2", Sample: "s-1", Side: Shadow, Time: now, Epoch: 7}
	got, err := s.Verify(s.Sign(want), now)
	if err != nil || got != want {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func TestForeignTagsAreRefused(t *testing.T) {
	s, other := newSigner(t, "0123456789abcdef"), newSigner(t, "fedcba9876543210")
	now := time.UnixMilli(1_732_412_345_678)
	tag := Tag{Release: "v2", Sample: "s-1", Side: Primary, Time: now, Epoch: 1}
	good := s.Sign(tag)
	for name, c := range map[string]struct {
		header string
		want   error
	}{
		"plain":          {"v2", ErrTagFormat},
		"empty":          {"", ErrTagFormat},
		"other key":      {other.Sign(tag), ErrTagSignature},
		"side changed":   {strings.Replace(good, "side=primary", "side=shadow", 1), ErrTagSignature},
		"epoch changed":  {strings.Replace(good, "ep=1", "ep=2", 1), ErrTagSignature},
		"cut short":      {good[:len(good)-1], ErrTagSignature},
		"signed nothing": {";sig=" + (*s.keys.Load())[0].mac(""), ErrTagFormat},
		"too old":        {s.Sign(Tag{"v2", "s", Primary, now.Add(-time.Hour), 1}), ErrTagExpired},
		"future":         {s.Sign(Tag{"v2", "s", Primary, now.Add(time.Hour), 1}), ErrTagExpired},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := s.Verify(c.header, now); !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestShortSigningKeyIsRefused(t *testing.T) {
	if _, err := NewSigner([]byte("short"), time.Minute); err == nil {
		t.Fatal("a five byte key was accepted")
	}
}

func TestBornGrayIsNestedAndProportional(t *testing.T) {
	salt := []byte("salt")
	counts := map[uint32]int{0: 0, 10_000: 0, 250_000: 0, 500_000: 0, PerMillion: 0}
	for i := range 20_000 {
		key := fmt.Sprintf("ORDER-%d", i)
		member := false
		for _, threshold := range []uint32{0, 10_000, 250_000, 500_000, PerMillion} {
			in := BornGray(salt, key, threshold)
			if member && !in {
				t.Fatalf("%s left the slice when the threshold rose to %d", key, threshold)
			}
			if member = in; in {
				counts[threshold]++
			}
		}
	}
	if counts[0] != 0 || counts[PerMillion] != 20_000 {
		t.Errorf("ends: %v", counts)
	}
	for threshold, want := range map[uint32]int{10_000: 200, 250_000: 5000, 500_000: 10_000} {
		if got := counts[threshold]; got < want*9/10-20 || got > want*11/10+20 {
			t.Errorf("threshold %d: %d of 20000, want about %d", threshold, got, want)
		}
	}
}

func TestReleaseNamesAreSafeInSQL(t *testing.T) {
	for name, want := range map[string]bool{"v2": true, "2026.11-rc_1": true, "": false, "v2'": false, "v2 */": false, strings.Repeat("v", 33): false} {
		if ValidRelease(name) != want {
			t.Errorf("ValidRelease(%q) = %v", name, !want)
		}
	}
}

func TestKeysRotateWithoutRefusingAnybody(t *testing.T) {
	const old, fresh = "old-old-old-old-old", "new-new-new-new-new"
	now := time.Unix(1_700_000_000, 0)
	tag := Tag{Release: "v2", Sample: "s", Side: Primary, Time: now, Epoch: 1}
	first, err := NewSigner([]byte(old), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	second, err := NewSigner([]byte(old), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	known := func(when string, want error) {
		t.Helper()
		if _, err := second.Verify(first.Sign(tag), now); !errors.Is(err, want) {
			t.Errorf("%s: %v", when, err)
		}
	}
	rotate := func(s *Signer, text string) {
		t.Helper()
		if err := s.Rotate([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	rotate(second, old+"\n"+fresh+"\n")
	known("the new key is known beside the old one", nil)
	rotate(first, fresh+"\n"+old)
	known("the new key signs", nil)
	rotate(second, fresh)
	known("the old key is gone", nil)
	rotate(first, old)
	known("the old key signs again", ErrTagSignature)
	if err := first.Rotate([]byte("short\n" + fresh)); err == nil {
		t.Error("a short key was taken")
	}
	known("a bad secret changes nothing", ErrTagSignature)
}
