package response

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// errNotXML means: compare the bytes instead.
var errNotXML = errors.New("not an XML document of elements, attributes and text")

func isXML(media string) bool {
	return media == "text/xml" || media == "application/xml" || strings.HasSuffix(media, "+xml")
}

// parseXML reads an XML document: an element with children or attributes is an object, attributes as "@name" and text
// beside them as "#text"; elements of one name beside each other are an array. Text between elements has no place, and a
// document type could change what the rest says: neither has a reading here.
func parseXML(data []byte) (*node, error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	for {
		token, err := d.Token()
		if err != nil {
			return nil, errNotXML
		}
		switch v := token.(type) {
		case xml.StartElement:
			child, err := parseElement(d, v, 0)
			if err != nil {
				return nil, err
			}
			if err := onlyBlanks(d); err != nil {
				return nil, err
			}
			return &node{kind: kindObject, fields: map[string]*node{escape(v.Name.Local): child}}, nil
		case xml.Directive:
			return nil, errNotXML
		}
	}
}

func onlyBlanks(d *xml.Decoder) error {
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		text, ok := token.(xml.CharData)
		_, comment := token.(xml.Comment)
		if err != nil || !comment && (!ok || len(bytes.TrimSpace(text)) > 0) {
			return errNotXML
		}
	}
}

func parseElement(d *xml.Decoder, start xml.StartElement, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, errNotXML
	}
	n := &node{kind: kindObject, fields: map[string]*node{}}
	for _, a := range start.Attr {
		n.fields["@"+escape(a.Name.Local)] = &node{kind: kindString, text: a.Value}
	}
	var text strings.Builder
	children := false
	for {
		token, err := d.Token()
		if err != nil {
			return nil, errNotXML
		}
		switch v := token.(type) {
		case xml.CharData:
			text.Write(v)
		case xml.StartElement:
			child, err := parseElement(d, v, depth+1)
			if err != nil {
				return nil, err
			}
			children = true
			n.adopt(escape(v.Name.Local), child)
		case xml.EndElement:
			return n.withText(text.String(), children)
		}
	}
}

// adopt adds a child; the second of one name makes an array of them.
func (n *node) adopt(name string, child *node) {
	switch known := n.fields[name]; {
	case known == nil:
		n.fields[name] = child
	case known.kind == kindArray:
		known.items = append(known.items, child)
	default:
		n.fields[name] = &node{kind: kindArray, items: []*node{known, child}}
	}
}

func (n *node) withText(text string, children bool) (*node, error) {
	switch {
	case children && strings.TrimSpace(text) != "":
		return nil, errNotXML
	case children:
		return n, nil
	case len(n.fields) == 0:
		return &node{kind: kindString, text: text}, nil
	}
	n.fields["#text"] = &node{kind: kindString, text: text}
	return n, nil
}
