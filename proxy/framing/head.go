package framing

import (
	"bytes"
	"net/textproto"
)

// Field is one field of a head. Name and Value lie in the buffer that was parsed; Line is the whole line with its CRLF.
type Field struct {
	Name, Value, Line []byte
}

// Is tells whether the field has this name, in any case.
func (f Field) Is(name string) bool { return equalFold(f.Name, name) }

// Head is the head of one message. Its slices lie in the buffer that was parsed and are good as long as that is.
// A Head is reused from message to message.
type Head struct {
	Method, Target []byte // of a request
	Status         int    // of an answer
	Minor          int    // 0 or 1, of HTTP/1.x
	First          []byte // request or status line without CRLF
	Fields         []Field

	Host    []byte // of a request; nil = none
	Length  int64  // Content-Length; -1 = none
	Chunked bool
	Close   bool // the sender closes the connection after this message
	Unusual bool // a request that asks for more than to be passed on: upgrade, expectation, trailers, named hop fields
}

// Body says how long the body of a message is.
type Body int

// The ways a body can end.
const (
	BodyNone   Body = iota // there is none
	BodyLength             // after Head.Length bytes
	BodyChunks             // with its last chunk
	BodyClose              // with the connection; only of answers
)

// Value gives the first value of a field, or nil.
func (h *Head) Value(name string) []byte {
	for i := range h.Fields {
		if h.Fields[i].Is(name) {
			return h.Fields[i].Value
		}
	}
	return nil
}

// Count gives how often a field is there.
func (h *Head) Count(name string) int {
	n := 0
	for i := range h.Fields {
		if h.Fields[i].Is(name) {
			n++
		}
	}
	return n
}

// Header gives a copy of all fields with canonical names.
func (h *Head) Header() map[string][]string {
	return h.HeaderInto(make(map[string][]string, len(h.Fields)), func(Field) bool { return false })
}

// HeaderInto is Header in an empty map, which it gives back, without the fields that are to be left out.
func (h *Head) HeaderInto(out map[string][]string, without func(Field) bool) map[string][]string {
	values := make([]string, len(h.Fields))
	text := h.text()
	for i, f := range h.Fields {
		line := text[:len(f.Line)]
		if text = text[len(f.Line):]; without(f) {
			continue
		}
		name := textproto.CanonicalMIMEHeaderKey(line[:len(f.Name)])
		at := cap(f.Line) - cap(f.Value) // both lie in one buffer
		values[i] = line[at : at+len(f.Value)]
		if known, ok := out[name]; ok {
			out[name] = append(known, values[i])
		} else {
			out[name] = values[i : i+1 : i+1]
		}
	}
	return out
}

// text is a copy of all lines of fields, which stand one behind the other.
func (h *Head) text() string {
	if len(h.Fields) == 0 {
		return ""
	}
	size := 0
	for i := range h.Fields {
		size += len(h.Fields[i].Line)
	}
	return string(h.Fields[0].Line[:size])
}

// RequestBody tells how the body of a request ends.
func (h *Head) RequestBody() Body {
	switch {
	case h.Chunked:
		return BodyChunks
	case h.Length > 0:
		return BodyLength
	}
	return BodyNone
}

// AnswerBody tells how the body of an answer to a request of this method ends.
func (h *Head) AnswerBody(method []byte) Body {
	switch {
	case h.Status < 200 || h.Status == 204 || h.Status == 304 || string(method) == "HEAD":
		return BodyNone
	case h.Chunked:
		return BodyChunks
	case h.Length >= 0:
		return BodyLength
	}
	return BodyClose
}

// ParseRequest reads the head of a request from the start of a buffer. It gives the head's length in bytes; 0 without an
// error means that it is not all there yet. With an error the connection must not be read any further.
func (h *Head) ParseRequest(buf []byte) (int, error) {
	h.reset()
	n, fields, err := h.split(buf)
	if n == 0 || err != nil {
		return 0, err
	}
	if err := h.requestLine(); err != nil {
		return 0, err
	}
	if err := h.fields(fields); err != nil {
		return 0, err
	}
	return n, h.checkRequest()
}

// ParseAnswer reads the head of an answer from the start of a buffer, as ParseRequest does.
func (h *Head) ParseAnswer(buf []byte) (int, error) {
	h.reset()
	n, fields, err := h.split(buf)
	if n == 0 || err != nil {
		return 0, err
	}
	if err := h.statusLine(); err != nil {
		return 0, err
	}
	return n, h.fields(fields)
}

func (h *Head) reset() {
	*h = Head{Fields: h.Fields[:0], Length: -1}
}

// split finds the first line and the fields. What is there is refused as soon as it is wrong, so that nobody waits for
// the rest of it.
func (h *Head) split(buf []byte) (n int, fields []byte, err error) {
	end := bytes.Index(buf, []byte("\r\n\r\n"))
	if end < 0 {
		return 0, nil, early(buf)
	}
	line := bytes.IndexByte(buf, '\n') // there is one
	if line == 0 || buf[line-1] != '\r' {
		return 0, nil, ErrBareLF
	}
	h.First = buf[:line-1]
	return end + 4, buf[line+1 : end+2], nil
}

// early looks at a head whose end has not come: a lone line feed shows already that it is none of ours.
func early(buf []byte) error {
	for rest := buf; ; {
		at := bytes.IndexByte(rest, '\n')
		if at < 0 {
			return nil
		}
		if at == 0 || rest[at-1] != '\r' {
			return ErrBareLF
		}
		rest = rest[at+1:]
	}
}

func (h *Head) requestLine() error {
	method, rest, ok := bytes.Cut(h.First, space)
	target, version, ok2 := bytes.Cut(rest, space)
	if !ok || !ok2 || !isToken(method) || len(target) == 0 {
		return ErrRequestLine
	}
	for _, b := range target {
		if b <= ' ' || b == 0x7f {
			return ErrRequestLine
		}
	}
	h.Method, h.Target = method, target
	return h.version(version)
}

func (h *Head) version(v []byte) error {
	switch string(v) {
	case "HTTP/1.1":
		h.Minor = 1
	case "HTTP/1.0":
		h.Close = true
	default:
		return ErrVersion
	}
	return nil
}

// statusLine reads "HTTP/1.1 200 OK"; the reason may be missing, with its space or without.
func (h *Head) statusLine() error {
	version, rest, ok := bytes.Cut(h.First, space)
	if !ok || len(rest) < 3 || (len(rest) > 3 && rest[3] != ' ') || !isText(rest) {
		return ErrStatusLine
	}
	for _, b := range rest[:3] {
		if b < '0' || b > '9' {
			return ErrStatusLine
		}
		h.Status = h.Status*10 + int(b-'0')
	}
	if h.Status < 100 {
		return ErrStatusLine
	}
	return h.version(version)
}

// fields reads lines up to the end of the head, without the empty one.
func (h *Head) fields(lines []byte) error {
	for len(lines) > 0 {
		at := bytes.IndexByte(lines, '\n')
		if at < 1 || lines[at-1] != '\r' {
			return ErrBareLF
		}
		if len(h.Fields) == MaxFields {
			return ErrTooManyFields
		}
		f, err := parseField(lines[:at+1])
		if err != nil {
			return err
		}
		h.Fields = append(h.Fields, f)
		if err := h.note(f); err != nil {
			return err
		}
		lines = lines[at+1:]
	}
	if h.Chunked && (h.Length >= 0 || h.Minor == 0) {
		return ErrBothLengths
	}
	return nil
}

// parseField reads "Name: value\r\n".
func parseField(line []byte) (Field, error) {
	if line[0] == ' ' || line[0] == '\t' {
		return Field{}, ErrFold
	}
	name, value, ok := bytes.Cut(line[:len(line)-2], colon)
	if !ok || !isToken(name) {
		return Field{}, ErrFieldName
	}
	value = trim(value)
	if !isText(value) {
		return Field{}, ErrFieldValue
	}
	return Field{Name: name, Value: value, Line: line}, nil
}

// note keeps what a field says about the frame. Most are passed over by their length and first letter.
func (h *Head) note(f Field) error {
	switch len(f.Name) {
	case len("TE"):
		if f.Is("TE") {
			h.Unusual = true
		}
	case len("Host"):
		if f.Is("Host") {
			if h.Host != nil || h.Status > 0 {
				return orNil(h.Status == 0, ErrHost)
			}
			h.Host = f.Value
		}
	case len("Expect"): // as long as "Trailer" is not
		if f.Is("Expect") {
			h.Unusual = true
		}
	case len("Upgrade"):
		if f.Is("Upgrade") || f.Is("Trailer") {
			h.Unusual = true
		}
	case len("Connection"):
		if f.Is("Connection") {
			h.connection(f.Value)
		}
	case len("Content-Length"):
		if f.Is("Content-Length") {
			return h.length(f.Value)
		}
	case len("Transfer-Encoding"):
		if f.Is("Transfer-Encoding") {
			return h.encoding(f.Value)
		}
	}
	return nil
}

func orNil(is bool, err error) error {
	if is {
		return err
	}
	return nil
}

func (h *Head) connection(value []byte) {
	for option := range bytes.SplitSeq(value, comma) {
		switch option = trim(option); {
		case equalFold(option, "close"):
			h.Close = true
		case equalFold(option, "keep-alive"):
			if h.Minor == 0 {
				h.Close = false
			}
		case len(option) > 0:
			h.Unusual = true
		}
	}
}

const maxLengthDigits = 18 // of an int64

func (h *Head) length(value []byte) error {
	if h.Length >= 0 || len(value) == 0 || len(value) > maxLengthDigits {
		return ErrLength
	}
	n := int64(0)
	for _, b := range value {
		if b < '0' || b > '9' {
			return ErrLength
		}
		n = n*10 + int64(b-'0')
	}
	h.Length = n
	return nil
}

func (h *Head) encoding(value []byte) error {
	if h.Chunked || !equalFold(value, "chunked") {
		return ErrEncoding
	}
	h.Chunked = true
	return nil
}

func (h *Head) checkRequest() error {
	switch {
	case h.Minor == 1 && h.Host == nil, !isHost(h.Host):
		return ErrHost
	case string(h.Method) == "CONNECT":
		return ErrMethod
	case h.Target[0] == '/':
	case string(h.Target) == "*" && string(h.Method) == "OPTIONS":
		h.Unusual = true
	case bytes.HasPrefix(h.Target, []byte("http://")), bytes.HasPrefix(h.Target, []byte("https://")):
		h.Unusual = true
	default:
		return ErrRequestLine
	}
	if h.Minor == 0 {
		h.Unusual = true
	}
	return nil
}
