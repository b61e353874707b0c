package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/zip"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// maxFiles bounds the files of an archive: channels send a handful.
const maxFiles = 64

// sample is how much of an archive's file is read to see whether it is what the format describes.
const sample = 256 << 10

// unzip gives the one file of an archive that the format describes. Channels put summaries beside details, under names in
// GBK, in any order: what tells them apart is their text.
func unzip(f *os.File, size int64, o *Options) (io.ReadCloser, error) {
	archive, err := zip.NewReader(f, size)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	files := slices.DeleteFunc(slices.Clone(archive.File), func(f *zip.File) bool { return !f.Mode().IsRegular() })
	if len(files) > maxFiles {
		return nil, fmt.Errorf("the archive holds %d files", len(files))
	}
	if pattern := o.Format.Entry; pattern != "" && len(files) > 1 {
		if files, err = named(files, pattern); err != nil {
			return nil, err
		}
	}
	if len(files) > 1 {
		if files, err = ofFormat(files, o); err != nil {
			return nil, err
		}
	}
	if len(files) != 1 {
		return nil, fmt.Errorf("the archive holds no file")
	}
	r, err := files[0].Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return &bounded{r: r, left: maxUnpacked}, nil
}

// named leaves the files with a name of the pattern; a format with one wants no other file, however its lines look.
func named(files []*zip.File, pattern string) ([]*zip.File, error) {
	var names []string
	fit := slices.DeleteFunc(slices.Clone(files), func(f *zip.File) bool {
		names = append(names, nameOf(f))
		ok, err := path.Match(pattern, path.Base(names[len(names)-1]))
		return err != nil || !ok // the pattern was checked with its format
	})
	if len(fit) == 0 {
		return nil, fmt.Errorf("the archive holds no file %s, but %s", pattern, strings.Join(names, ", "))
	}
	return fit, nil
}

// ofFormat chooses the file whose lines can be read; where there is none, the one without lines that has the header.
func ofFormat(files []*zip.File, o *Options) ([]*zip.File, error) {
	var full, empty []*zip.File
	var names []string
	for _, f := range files {
		names = append(names, nameOf(f))
		fit, lines, err := try(f, o)
		switch {
		case err != nil:
			return nil, err
		case fit && lines:
			full = append(full, f)
		case fit:
			empty = append(empty, f)
		}
	}
	if len(full) == 0 {
		full = empty
	}
	if len(full) != 1 {
		return nil, fmt.Errorf("the archive holds %d files, of which %d are what the format %s describes: %s", len(files), len(full), o.Format.Name, strings.Join(names, ", "))
	}
	return full, nil
}

// try tells whether a file's beginning is what the format describes, and whether it has lines. One all of whose lines are
// rejects is something else.
func try(f *zip.File, o *Options) (fit, lines bool, err error) {
	r, err := f.Open()
	if err != nil {
		return false, false, fmt.Errorf("%w: %w", errDamaged, err)
	}
	defer r.Close() // nothing of it is used
	text, err := io.ReadAll(io.LimitReader(&bounded{r: r, left: maxUnpacked}, sample))
	if err != nil {
		return false, false, err
	}
	whole := len(text) < sample
	h, err := readHead(o, text, whole)
	if err != nil {
		return false, false, notThis(err)
	}
	l, _, err := bind(o, h.names, h.line, h.charset)
	if err != nil {
		return false, false, notThis(err)
	}
	records, rejects := count(l, o, text[h.body:], whole)
	return records > 0 || rejects == 0, records > 0, nil
}

// notThis takes a problem with a file's head for what it says: the format describes another file.
func notThis(err error) error {
	if problem := (*Problem)(nil); errors.As(err, &problem) {
		return nil
	}
	return err
}

// count reads the lines of a sample. A line that the sample cuts is not read.
func count(l *layout, o *Options, rows []byte, whole bool) (records, rejects int64) {
	if !whole {
		rows = rows[:bytes.LastIndexByte(rows, '\n')+1]
	}
	w := newWorker(0, l, o, nothing{})
	s := segment{text: rows, to: len(rows), quoted: o.Format.Lines.Quote && bytes.IndexByte(rows, '"') >= 0}
	stat, err := w.run(context.Background(), s)
	if err != nil {
		return 0, stat.rejects + 1
	}
	return stat.records, stat.rejects
}

// nameOf gives an archive's name of a file, which may be in GBK without saying so.
func nameOf(f *zip.File) string {
	if utf8.ValidString(f.Name) {
		return f.Name
	}
	name, err := simplifiedchinese.GB18030.NewDecoder().String(f.Name)
	if err != nil {
		return fmt.Sprintf("%q", f.Name)
	}
	return name
}
