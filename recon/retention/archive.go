package retention

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

// Trouble says what is the matter with a file of an archive.
type Trouble string

// The troubles. An uncited file does no harm.
const (
	Damaged Trouble = "damaged" // it is not what its name says, or cannot be read
	Missing Trouble = "missing" // something cites it, and it is not there
	Uncited Trouble = "uncited" // nothing cites it
)

// Remark is one file that a check has something to say about.
type Remark struct {
	Trouble Trouble `json:"trouble"`
	SHA256  string  `json:"sha256"`
	Path    string  `json:"path"`
	Why     string  `json:"why,omitempty"`
}

// Summary is what a check saw.
type Summary struct {
	Files   int   `json:"files"`
	Bytes   int64 `json:"bytes"`
	Damaged int   `json:"damaged"`
	Missing int   `json:"missing"`
	Uncited int   `json:"uncited"`
}

// stored is one file of an archive.
type stored struct {
	sha256, path string
	linked       bool        // it, or its folder, is a link to other storage
	info         fs.FileInfo // of what a link points to
	err          error       // why there is none
}

// walk goes through the files of a folder AB/AB…, in order. Files and folders may be links to other storage.
func walk(folder string, do func(stored) error) error {
	folders, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read archive: %w", err)
	}
	prefix, name := regexp.MustCompile(`^[0-9a-f]{2}$`), regexp.MustCompile(`^[0-9a-f]{64}$`)
	for _, f := range folders {
		if !prefix.MatchString(f.Name()) {
			continue // incoming
		}
		files, err := os.ReadDir(filepath.Join(folder, f.Name()))
		if err != nil {
			return fmt.Errorf("read archive: %w", err)
		}
		for _, e := range files {
			if !name.MatchString(e.Name()) {
				continue
			}
			one := stored{sha256: e.Name(), path: filepath.Join(folder, f.Name(), e.Name()), linked: (f.Type()|e.Type())&fs.ModeSymlink != 0}
			one.info, one.err = os.Stat(one.path)
			if err := do(one); err != nil {
				return err
			}
		}
	}
	return nil
}

// Check reads every file of an archive, at most so many bytes a second (0 = no bound), and holds it against its name and
// against what is cited.
func Check(ctx context.Context, folder string, cited Citations, perSecond int64, tell func(Remark) error) (s Summary, err error) {
	p := newPace(perSecond)
	seen := map[string]bool{}
	err = walk(folder, func(f stored) error {
		seen[f.sha256] = true
		s.Files++
		damage, err := f.damage(ctx, p)
		if err != nil {
			return err
		}
		if f.info != nil {
			s.Bytes += f.info.Size()
		}
		switch _, is := cited[f.sha256]; {
		case damage != "":
			s.Damaged++
			return tell(Remark{Damaged, f.sha256, f.path, damage})
		case !is:
			s.Uncited++
			return tell(Remark{Uncited, f.sha256, f.path, ""})
		}
		return nil
	})
	if err != nil {
		return s, err
	}
	var missing []string
	for sha256 := range cited {
		if !seen[sha256] {
			missing = append(missing, sha256)
		}
	}
	slices.Sort(missing)
	for _, sha256 := range missing {
		s.Missing++
		if err := tell(Remark{Missing, sha256, filepath.Join(folder, sha256[:min(2, len(sha256))], sha256), cited[sha256]}); err != nil {
			return s, err
		}
	}
	return s, nil
}

// damage says what is wrong with the file. An error is the end of the check itself.
func (f *stored) damage(ctx context.Context, p *pace) (string, error) {
	if f.err != nil {
		return "cannot be read: " + f.err.Error(), nil
	}
	damage, err := hashFile(ctx, f.path, f.sha256, p)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		return "cannot be read: " + err.Error(), nil
	}
	return damage, nil
}

// Weigh adds up the sizes of an archive's files.
func Weigh(folder string) (bytes int64, err error) {
	err = walk(folder, func(f stored) error {
		if f.err == nil {
			bytes += f.info.Size()
		}
		return nil
	})
	return bytes, err
}

// abandoned is how old an uncited file must be for the pull that brought it to be over.
const abandoned = 24 * time.Hour

// Sweep takes files that nothing cites out of an archive: those of pulls that never committed. Unless dry, they go to
// incoming, from where Archive.Sweep removes them a day later; until then they can be put back. What is behind a link is left
// alone. It tells each.
func Sweep(ctx context.Context, folder string, cited Citations, now time.Time, dry bool, tell func(Remark) error) (s Summary, err error) {
	err = walk(folder, func(f stored) error {
		s.Files++
		if _, is := cited[f.sha256]; is || f.linked || f.err != nil || now.Sub(f.info.ModTime()) < abandoned {
			return ctx.Err()
		}
		if !dry {
			moved, err := f.moveOut(folder, now)
			if err != nil || !moved {
				return err
			}
		}
		s.Uncited++
		s.Bytes += f.info.Size()
		return errors.Join(tell(Remark{Uncited, f.sha256, f.path, ""}), ctx.Err())
	})
	return s, err
}

// moveOut moves a file to incoming, as one that just came there. A pull may bring the same content again at that very
// moment: its file is young, and goes back.
func (f *stored) moveOut(folder string, now time.Time) (bool, error) {
	to := filepath.Join(folder, "incoming", "swept-"+f.sha256)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return false, fmt.Errorf("sweep archive: %w", err)
	}
	if err := os.Rename(f.path, to); err != nil {
		return false, fmt.Errorf("sweep archive: %w", err)
	}
	info, err := os.Stat(to)
	if err == nil && now.Sub(info.ModTime()) < abandoned {
		return false, os.Rename(to, f.path)
	}
	if err == nil {
		err = os.Chtimes(to, now, now)
	}
	if err != nil {
		return false, errors.Join(fmt.Errorf("sweep archive: %w", err), os.Rename(to, f.path))
	}
	return true, nil
}
