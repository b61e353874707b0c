package audit

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// entryVersion is the form that Encode writes. A reader knows every version that was ever written.
const entryVersion = 1

// maxEntry bounds an entry's bytes; the log's format has room for 65,535.
const maxEntry = 32 << 10

// Entry is one decision, or one write that is about to happen. Its canonical form is JSON with the fields in this order,
// the facts of Basis sorted by name, no spaces, times in UTC: equal entries have equal bytes.
type Entry struct {
	Version int               `json:"v"`
	ID      string            `json:"id"` // of the entry: one that comes twice says so by its id
	Time    time.Time         `json:"time"`
	Trace   string            `json:"trace,omitempty"`   // trace id, hex
	Actor   string            `json:"actor"`             // a person, or the part of the program that decided
	Action  string            `json:"action"`            // for example "case close"
	Subject string            `json:"subject"`           // id of the case, batch, payment or operation
	Also    []string          `json:"also,omitempty"`    // further subjects: the case of a repair
	SHA256  string            `json:"sha256,omitempty"`  // of the file, attachment or content that it rests on, hex
	Archive string            `json:"archive,omitempty"` // where those bytes are kept
	Basis   map[string]string `json:"basis,omitempty"`   // what was known and why it was decided
}

// ErrEntry means that an entry lacks something or is too large.
var ErrEntry = errors.New("not an audit entry")

// Encode gives the canonical form. The version is set here, and the time brought to UTC and microseconds. What is no UTF-8
// is replaced: a channel's words in another charset must not make an entry that cannot be read again.
func (e Entry) Encode() ([]byte, error) {
	e = e.inUTF8()
	e.Version, e.Time = entryVersion, e.Time.UTC().Truncate(time.Microsecond)
	if err := e.check(); err != nil {
		return nil, err
	}
	line, err := encode(e)
	if err != nil {
		return nil, fmt.Errorf("encode audit entry %s: %w", e.ID, err)
	}
	if len(line) > maxEntry {
		return nil, fmt.Errorf("%w: %s has %d bytes, at most %d", ErrEntry, e.ID, len(line), maxEntry)
	}
	return line, nil
}

// encode is how an entry, and each word in it, is spelled.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func (e Entry) inUTF8() Entry {
	for _, text := range []*string{&e.ID, &e.Trace, &e.Actor, &e.Action, &e.Subject, &e.SHA256, &e.Archive} {
		*text = strings.ToValidUTF8(*text, replacement)
	}
	e.Also = slices.Clone(e.Also)
	for i := range e.Also {
		e.Also[i] = strings.ToValidUTF8(e.Also[i], replacement)
	}
	basis := maps.Clone(e.Basis)
	for name, value := range e.Basis {
		delete(basis, name)
		basis[strings.ToValidUTF8(name, replacement)] = strings.ToValidUTF8(value, replacement)
	}
	e.Basis = basis
	return e
}

const replacement = "\ufffd"

func (e Entry) check() error {
	for _, f := range []struct{ name, value string }{
		{"id", e.ID}, {"actor", e.Actor}, {"action", e.Action}, {"subject", e.Subject},
	} {
		if f.value == "" {
			return fmt.Errorf("%w: %s: is missing (entry %q)", ErrEntry, f.name, e.ID)
		}
	}
	if e.Time.IsZero() {
		return fmt.Errorf("%w: time: is missing (entry %q)", ErrEntry, e.ID)
	}
	if digest, err := hex.DecodeString(e.SHA256); err != nil || (e.SHA256 != "" && len(digest) != 32) {
		return fmt.Errorf("%w: sha256: is none (got %q)", ErrEntry, e.SHA256)
	}
	return nil
}

// Decode reads a canonical form; any other spelling of the same entry is an error.
func Decode(data []byte) (Entry, error) {
	var e Entry
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Entry{}, fmt.Errorf("%w: something follows it", ErrEntry)
	}
	if e.Version != entryVersion {
		return Entry{}, fmt.Errorf("%w: version %d is not known, try a newer touchstone", ErrEntry, e.Version)
	}
	again, err := e.Encode()
	if err != nil {
		return Entry{}, err
	}
	if !bytes.Equal(again, data) {
		return Entry{}, fmt.Errorf("%w: %s is not in its canonical form", ErrEntry, e.ID)
	}
	return e, nil
}

// About tells whether an entry is about this subject.
func (e Entry) About(subject string) bool {
	return e.Subject == subject || slices.Contains(e.Also, subject)
}
