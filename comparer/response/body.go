package response

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net/url"
	"strings"

	"github.com/seed-3356bd69/touchstone/shadow"
)

const mediaForm = "application/x-www-form-urlencoded"

func mediaType(h shadow.Header) string {
	text := h.Get("Content-Type")
	if isPlainMedia(text) {
		return text
	}
	media, _, err := mime.ParseMediaType(text)
	if err != nil {
		return text
	}
	return media
}

// isPlainMedia tells whether a media type is written as it is compared.
func isPlainMedia(text string) bool {
	for i := range len(text) {
		if b := text[i]; (b < 'a' || b > 'z') && b != '/' && b != '-' && b != '+' && b != '.' && (b < '0' || b > '9') {
			return false
		}
	}
	return strings.Count(text, "/") == 1
}

// bodies compares answers of a media type by structure where both sides have one, and otherwise by bytes.
func (w *walk) bodies(primary, shadowed *shadow.Exchange, media string) {
	a, errA := w.plain(primary)
	b, errB := w.plain(shadowed)
	if errA != nil || errB != nil {
		w.unseen = shadow.CauseTruncated
		return
	}
	if bytes.Equal(a, b) && !w.hasAliases() {
		return
	}
	if isGRPC(media) {
		w.messages(primary, shadowed, a, b)
		return
	}
	if nodeA, nodeB := structure(media, a), structure(mediaType(shadowed.ResponseHeader), b); nodeA != nil && nodeB != nil {
		w.pairOf("", nodeA, nodeB)
		return
	}
	if !bytes.Equal(a, b) {
		w.add("body", shadow.KindValue, shadow.ClassPlain, string(a), string(b))
	}
}

// messages compares two gRPC answers by field where the method is known, and otherwise by bytes.
func (w *walk) messages(primary, shadowed *shadow.Exchange, a, b []byte) {
	path, _, _ := strings.Cut(primary.URI, "?")
	nodeA := w.methods.document(path, primary.ResponseHeader.Get("Grpc-Encoding"), a, w.config.MaxBody)
	nodeB := w.methods.document(path, shadowed.ResponseHeader.Get("Grpc-Encoding"), b, w.config.MaxBody)
	switch {
	case nodeA != nil && nodeB != nil:
		w.pairOf("", nodeA, nodeB)
	case !bytes.Equal(a, b):
		w.add("body", shadow.KindValue, shadow.ClassPlain, string(a), string(b))
	}
}

// hasAliases tells whether equal bytes still teach something: ids that both sides generated alike.
func (w *walk) hasAliases() bool {
	for _, f := range w.config.Fields {
		if f.Class == shadow.ClassAlias && f.of(w.route) {
			return true
		}
	}
	return false
}

var errUnseen = errors.New("the body was not seen whole")

// plain gives the body without gzip.
func (w *walk) plain(x *shadow.Exchange) ([]byte, error) {
	if x.Response.Truncated {
		return nil, errUnseen
	}
	if !strings.EqualFold(x.ResponseHeader.Get("Content-Encoding"), "gzip") || len(x.Response.Bytes) == 0 {
		return x.Response.Bytes, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(x.Response.Bytes))
	if err != nil {
		return x.Response.Bytes, nil // not what it says: compared as it is
	}
	out, err := io.ReadAll(io.LimitReader(r, int64(w.config.MaxBody)+1))
	if err != nil || len(out) > w.config.MaxBody {
		return nil, errUnseen
	}
	return out, nil
}

// structure reads a form, an XML or a JSON document; nil = it is none of them.
func structure(media string, body []byte) *node {
	if media == mediaForm {
		return form(body)
	}
	read := parse
	if isXML(media) {
		read = parseXML
	}
	n, err := read(body)
	if err != nil {
		return nil
	}
	return n
}

func form(body []byte) *node {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil
	}
	n := &node{kind: kindObject, fields: map[string]*node{}}
	for name, list := range values {
		n.fields[escape(name)] = texts(list)
	}
	return n
}

// texts makes one text or a list of them comparable; nil = none.
func texts(list []string) *node {
	switch len(list) {
	case 0:
		return nil
	case 1:
		return &node{kind: kindString, text: list[0]}
	}
	n := &node{kind: kindArray}
	for _, text := range list {
		n.items = append(n.items, &node{kind: kindString, text: text})
	}
	return n
}
