package batch

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Archive keeps raw files by what is in them, in a folder that all workers see. A file is kept for as long as the folder
// is: audit entries cite it by its hash.
type Archive struct {
	Folder string
	shown  map[string]string // paths of decoded texts, by the SHA-256 of the raw file that they stand for
}

const incomingFolder = "incoming"

// archiveName is a file's place below the folder.
func archiveName(sha256 string) string {
	if len(sha256) < 2 {
		return ""
	}
	return sha256[:2] + "/" + sha256
}

// Path is where a file is kept, or the text that it was decoded to.
func (a Archive) Path(sha256 string) string {
	if path, ok := a.shown[sha256]; ok {
		return path
	}
	return filepath.Join(a.Folder, filepath.FromSlash(archiveName(sha256)))
}

// incoming is a file on its way into the archive.
type incoming struct {
	archive Archive
	file    *os.File
	hash    hash.Hash
	size    int64
}

// receive opens a place for a file. The caller must drop it.
func (a Archive) receive() (*incoming, error) {
	folder := filepath.Join(a.Folder, incomingFolder)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("create archive: %w", err)
	}
	f, err := os.CreateTemp(folder, "statement-*")
	if err != nil {
		return nil, fmt.Errorf("create file in archive: %w", err)
	}
	return &incoming{archive: a, file: f, hash: sha256.New()}, nil
}

// Write takes the next bytes.
func (i *incoming) Write(p []byte) (int, error) {
	n, err := i.file.Write(p)
	i.hash.Write(p[:n])
	i.size += int64(n)
	return n, err
}

func (i *incoming) sum() string { return hex.EncodeToString(i.hash.Sum(nil)) }

// keep puts the file where its content belongs. One that is there already is the same.
func (i *incoming) keep() error {
	to := i.archive.Path(i.sum())
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return fmt.Errorf("create archive: %w", err)
	}
	if err := errors.Join(i.file.Sync(), i.file.Chmod(0o444)); err != nil {
		return fmt.Errorf("archive statement: %w", err)
	}
	if err := os.Rename(i.file.Name(), to); err != nil {
		return fmt.Errorf("archive statement: %w", err)
	}
	return syncFolder(filepath.Dir(to))
}

// syncFolder makes a new name in a folder survive the machine.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync archive: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync archive: %w", err)
	}
	return nil
}

// drop gives the place back; a file that was kept stays.
func (i *incoming) drop() error {
	err := os.Remove(i.file.Name())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, i.file.Close())
}

// abandoned is how old a file on its way must be for its process to be gone.
const abandoned = 24 * time.Hour

// Sweep removes what killed processes left on the way in.
func (a Archive) Sweep(now time.Time) error {
	all, err := os.ReadDir(filepath.Join(a.Folder, incomingFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sweep archive: %w", err)
	}
	for _, e := range all {
		info, err := e.Info()
		if err != nil || now.Sub(info.ModTime()) < abandoned {
			continue // gone meanwhile, or still on its way
		}
		if err := os.Remove(filepath.Join(a.Folder, incomingFolder, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sweep archive: %w", err)
		}
	}
	return nil
}
