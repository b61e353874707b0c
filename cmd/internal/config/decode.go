package config

import (
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// A field's tags are its rules: yaml (key), required, default, min, max (texts in the field's own notation),
// oneof (names, also of map values), schemes (of a URL).

func decodeInto(c *Checker, root *yaml.Node, into reflect.Value) {
	c.at[""] = position{line: root.Line, column: root.Column}
	d := decoder{c}
	d.value(root, into, "", "")
}

type decoder struct{ c *Checker }

// value decodes a node of any shape. It never leaves a complaint out, and goes on after one.
func (d decoder) value(n *yaml.Node, v reflect.Value, path string, tag reflect.StructTag) {
	d.locate(n, path)
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		d.c.Complain(path, "is an anchor or alias", "write the value out")
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null":
		d.c.Complain(path, "has no value", "write a value, or take the line out")
	case isScalar(v.Type()):
		d.scalar(n, v, path, tag)
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), path, tag)
	case v.Kind() == reflect.Struct:
		d.structure(n, v, path)
	case v.Kind() == reflect.Slice:
		d.list(n, v, path, tag)
	case v.Kind() == reflect.Map:
		d.mapping(n, v, path, tag)
	}
}

func (d decoder) structure(n *yaml.Node, v reflect.Value, path string) {
	seen := map[string]bool{}
	d.pairs(n, path, func(key string, k, value *yaml.Node) {
		i, ok := fieldNamed(v.Type(), key)
		at := child(path, key)
		if !ok {
			d.locate(k, at)
			d.c.Complain(at, "is not a known key", nearestName(key, keysOf(v.Type())))
			return
		}
		seen[key] = true
		d.value(value, v.Field(i), at, v.Type().Field(i).Tag)
	})
	for i := range v.NumField() {
		if f := v.Type().Field(i); !seen[f.Tag.Get("yaml")] {
			d.absent(f, v.Field(i), child(path, f.Tag.Get("yaml")))
		}
	}
}

func (d decoder) absent(f reflect.StructField, v reflect.Value, path string) {
	if f.Tag.Get("required") == "true" {
		d.c.Complain(path, "is missing", exampleOf(f))
		return
	}
	d.fill(v, f.Tag)
}

// fill sets the defaults of a value that the file leaves out.
func (d decoder) fill(v reflect.Value, tag reflect.StructTag) {
	if text, ok := tag.Lookup("default"); ok {
		mustParse(v, text)
		return
	}
	if v.Kind() != reflect.Struct || isScalar(v.Type()) {
		return
	}
	for i := range v.NumField() {
		d.fill(v.Field(i), v.Type().Field(i).Tag)
	}
}

func (d decoder) list(n *yaml.Node, v reflect.Value, path string, tag reflect.StructTag) {
	if n.Kind != yaml.SequenceNode {
		d.c.Complain(path, "is not a list", "[…], or lines that begin with a dash")
		return
	}
	if len(n.Content) == 0 && tag.Get("required") == "true" {
		d.c.Complain(path, "is an empty list", "at least one entry")
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		d.value(item, v.Index(i), fmt.Sprintf("%s[%d]", path, i), tag)
	}
}

func (d decoder) mapping(n *yaml.Node, v reflect.Value, path string, tag reflect.StructTag) {
	v.Set(reflect.MakeMap(v.Type()))
	d.pairs(n, path, func(key string, _, value *yaml.Node) {
		item := reflect.New(v.Type().Elem()).Elem()
		d.value(value, item, child(path, key), tag)
		v.SetMapIndex(reflect.ValueOf(key), item)
	})
	if v.Len() == 0 && n.Kind == yaml.MappingNode && tag.Get("required") == "true" {
		d.c.Complain(path, "is an empty mapping", "at least one entry")
	}
}

// pairs gives each key once; a key that comes again is a complaint.
func (d decoder) pairs(n *yaml.Node, path string, each func(key string, k, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		d.c.Complain(path, "is not a mapping", "keys and values, as in {key: value}")
		return
	}
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, value := n.Content[i], n.Content[i+1]
		at := child(path, k.Value)
		switch earlier := first[k.Value]; {
		case k.Kind != yaml.ScalarNode || k.ShortTag() == "!!null" || k.ShortTag() == "!!merge":
			d.c.add(position{line: k.Line, column: k.Column}, path, "has a key that is not plain", "a name")
		case earlier != nil:
			d.c.add(position{line: k.Line, column: k.Column}, at, fmt.Sprintf("stands here a second time, first on line %d", earlier.Line), "keep one of them")
		default:
			first[k.Value] = k
			each(k.Value, k, value)
		}
	}
}

func (d decoder) scalar(n *yaml.Node, v reflect.Value, path string, tag reflect.StructTag) {
	if n.Kind != yaml.ScalarNode {
		d.c.Complain(path, "is not a single value", exampleOf(reflect.StructField{Type: v.Type(), Tag: tag}))
		return
	}
	if bad := wrongTag(n, v.Kind()); bad != nil && isBare(v.Type()) {
		d.c.Complain(path, bad.what, bad.try)
		return
	}
	if bad := parseScalar(v, n.Value, d.c.folder); bad != nil {
		d.c.Complain(path, bad.what, bad.try)
		return
	}
	if bad := checkRange(v, n.Value, tag); bad != nil {
		d.c.Complain(path, bad.what, bad.try)
	}
}

// locate notes where a path stands. Text with an @ may hold credentials and is not kept.
func (d decoder) locate(n *yaml.Node, path string) {
	pos := position{line: n.Line, column: n.Column}
	if n.Kind == yaml.ScalarNode && n.Value != "" && !strings.Contains(n.Value, "@") {
		pos.got = clip(n.Value)
	}
	d.c.at[path] = pos
}

func clip(text string) string {
	const limit = 60
	if utf8.RuneCountInString(text) > limit {
		text = string([]rune(text)[:limit]) + "…"
	}
	return fmt.Sprintf("%q", text)
}

func fieldNamed(t reflect.Type, key string) (int, bool) {
	for i := range t.NumField() {
		if key != "" && t.Field(i).Tag.Get("yaml") == key {
			return i, true
		}
	}
	return 0, false
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "" { // without one it is not of the file
			keys = append(keys, key)
		}
	}
	return keys
}
