package batch

import (
	"errors"
	"io"
)

// Keep archives what write writes, and gives its SHA-256 in hex and its size.
func (a Archive) Keep(write func(io.Writer) error) (sha256 string, size int64, err error) {
	in, err := a.receive()
	if err != nil {
		return "", 0, err
	}
	defer func() { err = errors.Join(err, in.drop()) }()
	if err := write(in); err != nil {
		return "", 0, err
	}
	return in.sum(), in.size, in.keep()
}

// ArchiveName is the place of a content below the archive's folder.
func ArchiveName(sha256 string) string { return archiveName(sha256) }

// Cited gives the SHA-256 of the archived files that a batch rests on, by what they are to it. file and result are its
// columns.
func Cited(file, result []byte) (map[string]string, error) {
	var b Batch
	if err := errors.Join(decode(file, &b.File), decode(result, &b.Result)); err != nil {
		return nil, err
	}
	cited := map[string]string{b.File.SHA256: "the file of"}
	if b.Result != nil && b.Result.Rules != nil {
		cited[b.Result.Rules.CarriedIn], cited[b.Result.Rules.Carried.Digest] = "what is carried into", "what is carried out of"
	}
	delete(cited, "")
	return cited, nil
}
