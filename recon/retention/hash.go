package retention

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// hashFile says what is wrong with a file whose name is its SHA-256; "" = nothing.
func hashFile(ctx context.Context, path, name string, p *pace) (damage string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := sha256.New()
	buffer := make([]byte, 1<<20)
	for {
		n, err := f.Read(buffer)
		sum.Write(buffer[:n])
		switch {
		case errors.Is(err, io.EOF):
			if got := hex.EncodeToString(sum.Sum(nil)); got != name {
				return "is damaged: its content has the SHA-256 " + got, nil
			}
			return "", nil
		case err != nil:
			return "", fmt.Errorf("read %s: %w", path, err)
		}
		if err := p.wait(ctx, n); err != nil {
			return "", err
		}
	}
}

// pace bounds how fast files are read. A nil one has no bound.
type pace struct {
	perSecond int64
	begun     time.Time
	read      int64
}

func newPace(perSecond int64) *pace {
	if perSecond <= 0 {
		return nil
	}
	return &pace{perSecond: perSecond, begun: time.Now()}
}

// wait waits until so many more bytes may have been read.
func (p *pace) wait(ctx context.Context, n int) error {
	if p == nil {
		return ctx.Err()
	}
	p.read += int64(n)
	ahead := time.Duration(float64(p.read)/float64(p.perSecond)*float64(time.Second)) - time.Since(p.begun)
	if ahead <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(ahead)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
