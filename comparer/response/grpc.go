package response

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// methods finds what a gRPC method answers with.
type methods map[string]protoreflect.MethodDescriptor // by path: "/pay.v1.Payments/Pay"

// readMethods reads a file descriptor set, with all that it imports: protoc --include_imports --descriptor_set_out.
func readMethods(set []byte) (methods, error) {
	if len(set) == 0 {
		return nil, nil
	}
	var files descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(set, &files); err != nil {
		return nil, fmt.Errorf("read descriptor set: %w", err)
	}
	registry, err := protodesc.NewFiles(&files)
	if err != nil {
		return nil, fmt.Errorf("read descriptor set: %w; try: protoc --include_imports --descriptor_set_out=FILE", err)
	}
	out := methods{}
	registry.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			service := f.Services().Get(i)
			for j := range service.Methods().Len() {
				m := service.Methods().Get(j)
				out["/"+string(service.FullName())+"/"+string(m.Name())] = m
			}
		}
		return true
	})
	if len(out) == 0 {
		return nil, errors.New("the descriptor set has no service")
	}
	return out, nil
}

func isGRPC(media string) bool {
	return media == "application/grpc" || media == "application/grpc+proto"
}

// outcomes compares how two gRPC calls ended: their status line is 200 whatever happened. It tells whether the answers
// can be held against each other.
func (w *walk) outcomes(p *shadow.Pair) bool {
	const name = "Grpc-Status"
	a, b := p.Primary.ResponseHeader.Get(name), p.Shadow.ResponseHeader.Get(name)
	if serverError(b) && !serverError(a) {
		w.add("header."+name, shadow.KindError, shadow.ClassPlain, a, b)
		return false
	}
	w.pairOf("header."+name, texts(p.Primary.ResponseHeader[name]), texts(p.Shadow.ResponseHeader[name]))
	return true
}

// serverError tells whether a status is what 5xx is elsewhere: unknown, deadline exceeded, internal, unavailable, data loss.
func serverError(status string) bool {
	return slices.Contains([]string{"2", "4", "13", "14", "15"}, status)
}

// document reads the answer of a method; nil = it is not known, or not what it says.
func (m methods) document(path, encoding string, body []byte, limit int) *node {
	method := m[path]
	if method == nil {
		return nil
	}
	out := &node{kind: kindArray}
	for len(body) > 0 {
		frame, rest, err := cutFrame(body, encoding, limit)
		if err != nil {
			return nil
		}
		message := dynamicpb.NewMessage(method.Output())
		if err := proto.Unmarshal(frame, message); err != nil {
			return nil
		}
		n := messageNode(message, 0)
		if n == nil {
			return nil
		}
		out.items, body = append(out.items, n), rest
	}
	if method.IsStreamingServer() || len(out.items) != 1 {
		return out
	}
	return out.items[0]
}

var errFrame = errors.New("not a gRPC frame that can be read")

// cutFrame takes one length-prefixed message.
func cutFrame(body []byte, encoding string, limit int) (message, rest []byte, err error) {
	const head = 5
	if len(body) < head || uint64(len(body)-head) < uint64(binary.BigEndian.Uint32(body[1:])) {
		return nil, nil, errFrame
	}
	end := head + int(binary.BigEndian.Uint32(body[1:]))
	message, rest = body[head:end], body[end:]
	switch {
	case body[0] == 0:
		return message, rest, nil
	case body[0] != 1 || encoding != "gzip":
		return nil, nil, errFrame
	}
	r, err := gzip.NewReader(bytes.NewReader(message))
	if err != nil {
		return nil, nil, errFrame
	}
	plain, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil || len(plain) > limit {
		return nil, nil, errFrame
	}
	return plain, rest, nil
}

// messageNode gives a message by its fields' names. Fields that the descriptor does not know are kept as bytes, so that a
// difference in them is one; nil = it is nested too deep.
func messageNode(m protoreflect.Message, depth int) *node {
	if depth > maxDepth {
		return nil
	}
	n, whole := &node{kind: kindObject, fields: map[string]*node{}}, true
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		child := fieldNode(f, v, depth)
		n.fields[escape(string(f.Name()))] = child
		whole = whole && child != nil
		return whole
	})
	if unknown := m.GetUnknown(); len(unknown) > 0 {
		n.fields[":unknown"] = &node{kind: kindString, text: base64.StdEncoding.EncodeToString(unknown)}
	}
	if !whole {
		return nil
	}
	return n
}

func fieldNode(f protoreflect.FieldDescriptor, v protoreflect.Value, depth int) *node {
	switch {
	case f.IsMap():
		n, whole := &node{kind: kindObject, fields: map[string]*node{}}, true
		v.Map().Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
			child := valueNode(f.MapValue(), value, depth+1)
			n.fields[escape(key.String())] = child
			whole = whole && child != nil
			return whole
		})
		if !whole {
			return nil
		}
		return n
	case f.IsList():
		n := &node{kind: kindArray}
		for i := range v.List().Len() {
			child := valueNode(f, v.List().Get(i), depth+1)
			if child == nil {
				return nil
			}
			n.items = append(n.items, child)
		}
		return n
	}
	return valueNode(f, v, depth)
}

// valueNode gives one value. Whole numbers keep all their digits.
func valueNode(f protoreflect.FieldDescriptor, v protoreflect.Value, depth int) *node {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return messageNode(v.Message(), depth+1)
	case protoreflect.StringKind:
		return &node{kind: kindString, text: v.String()}
	case protoreflect.BytesKind:
		return &node{kind: kindString, text: base64.StdEncoding.EncodeToString(v.Bytes())}
	case protoreflect.BoolKind:
		return &node{kind: kindBool, text: strconv.FormatBool(v.Bool())}
	case protoreflect.EnumKind:
		if value := f.Enum().Values().ByNumber(v.Enum()); value != nil {
			return &node{kind: kindString, text: string(value.Name())}
		}
		return &node{kind: kindNumber, text: strconv.Itoa(int(v.Enum()))}
	}
	return &node{kind: kindNumber, text: v.String()}
}
