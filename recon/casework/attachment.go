package casework

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// maxAttachment bounds a file.
const maxAttachment = 32 << 20

// Attachments keeps files by the SHA-256 of their content: the same content is kept once, and is never replaced.
type Attachments struct{ dir string }

// NewAttachments gives the attachments in a folder.
func NewAttachments(dir string) (*Attachments, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("open attachments: %w", err)
	}
	return &Attachments{dir}, nil
}

// Put keeps a file and gives its hash, in hex. It returns when the file is on disk.
func (a *Attachments) Put(content io.Reader) (digest string, err error) {
	if a == nil {
		return "", fmt.Errorf("attachment: %w: none are taken here; try: attachments in the configuration", ErrInput)
	}
	f, err := os.CreateTemp(a.dir, "incoming-*")
	if err != nil {
		return "", fmt.Errorf("keep attachment: %w", err)
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if gone := os.Remove(f.Name()); gone != nil && !errors.Is(gone, os.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	hash := sha256.New()
	switch n, err := io.Copy(io.MultiWriter(f, hash), io.LimitReader(content, maxAttachment+1)); {
	case err != nil:
		return "", fmt.Errorf("keep attachment: %w", err)
	case n > maxAttachment:
		return "", fmt.Errorf("attachment: %w: is larger than 32 MiB", ErrInput)
	case n == 0:
		return "", fmt.Errorf("attachment: %w: is empty", ErrInput)
	}
	digest = hex.EncodeToString(hash.Sum(nil))
	if err := f.Sync(); err != nil {
		return "", fmt.Errorf("keep attachment: %w", err)
	}
	if err := a.place(f.Name(), digest); err != nil {
		return "", fmt.Errorf("keep attachment: %w", err)
	}
	return digest, nil
}

func (a *Attachments) place(from, digest string) error {
	to := a.path(digest)
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return err
	}
	if err := os.Link(from, to); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	folder, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func (a *Attachments) path(digest string) string { return filepath.Join(a.dir, digest[:2], digest) }

// Get gives a file's content, once it is proved to have that hash.
func (a *Attachments) Get(digest string) ([]byte, error) {
	if raw, err := hex.DecodeString(digest); a == nil || err != nil || len(raw) != sha256.Size {
		return nil, fmt.Errorf("attachment: %w (got %q)", ErrNotFound, digest)
	}
	data, err := os.ReadFile(a.path(digest))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("attachment %s: %w", digest, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read attachment: %w", err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != digest {
		return nil, fmt.Errorf("attachment %s: the file was changed since it was kept", digest)
	}
	return data, nil
}
