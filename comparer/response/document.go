package response

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

const maxDepth = 100

// errNotJSON means: compare the bytes instead.
var errNotJSON = errors.New("not a JSON document that has one reading")

// node is one value of a JSON document. Numbers keep their exact text.
type node struct {
	kind   kind
	text   string           // of scalars
	fields map[string]*node // of objects, by escaped name
	items  []*node          // of arrays
}

type kind byte

const (
	kindNull kind = iota
	kindBool
	kindNumber
	kindString
	kindObject
	kindArray
)

// parse reads JSON. Two members of one name have no single reading, and are refused: which counts depends on the reader.
func parse(data []byte) (*node, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	n, err := parseValue(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errNotJSON
	}
	return n, nil
}

func parseValue(d *json.Decoder, depth int) (*node, error) {
	token, err := d.Token()
	if err != nil || depth > maxDepth {
		return nil, errNotJSON
	}
	switch v := token.(type) {
	case json.Delim:
		return parseContainer(d, v, depth)
	case string:
		return &node{kind: kindString, text: v}, nil
	case json.Number:
		return &node{kind: kindNumber, text: v.String()}, nil
	case bool:
		return &node{kind: kindBool, text: fmt.Sprint(v)}, nil
	}
	return &node{kind: kindNull, text: "null"}, nil
}

func parseContainer(d *json.Decoder, open json.Delim, depth int) (*node, error) {
	n := &node{kind: kindArray}
	if open == '{' {
		n = &node{kind: kindObject, fields: map[string]*node{}}
	} else if open != '[' {
		return nil, errNotJSON
	}
	for d.More() {
		name := ""
		if n.kind == kindObject {
			token, err := d.Token()
			if name = escape(fmt.Sprint(token)); err != nil || n.fields[name] != nil {
				return nil, errNotJSON
			}
		}
		child, err := parseValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		if n.kind == kindObject {
			n.fields[name] = child
		} else {
			n.items = append(n.items, child)
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, errNotJSON
	}
	return n, nil
}

// escape keeps a dot inside a name apart from the dot between names.
func escape(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, `\`, `\\`), ".", `\u002e`)
}

// literal shows a value so that its kind can be seen.
func (n *node) literal() string {
	switch n.kind {
	case kindString:
		return `"` + n.text + `"`
	case kindObject:
		return fmt.Sprintf("object of %d", len(n.fields))
	case kindArray:
		return fmt.Sprintf("array of %d", len(n.items))
	}
	return n.text
}
