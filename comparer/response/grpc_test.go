package response

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/seed-3356bd69/touchstone/shadow"
)

const paymentsFile = `
name: "pay.proto" package: "pay" syntax: "proto3"
message_type { name: "Amount" field { name: "total" number: 1 label: LABEL_OPTIONAL type: TYPE_INT64 } field { name: "currency" number: 2 label: LABEL_OPTIONAL type: TYPE_STRING } }
message_type { name: "Paid"
  field { name: "order_id" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
  field { name: "amount" number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".pay.Amount" }
  field { name: "payment_no" number: 3 label: LABEL_OPTIONAL type: TYPE_STRING }
  field { name: "state" number: 4 label: LABEL_OPTIONAL type: TYPE_ENUM type_name: ".pay.State" }
  field { name: "fees" number: 5 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: ".pay.Amount" }
  field { name: "proof" number: 6 label: LABEL_OPTIONAL type: TYPE_BYTES } }
enum_type { name: "State" value { name: "NONE" number: 0 } value { name: "PAID" number: 1 } value { name: "OPEN" number: 2 } }
service { name: "Payments" method { name: "Pay" input_type: ".pay.Amount" output_type: ".pay.Paid" } method { name: "List" input_type: ".pay.Amount" output_type: ".pay.Paid" server_streaming: true } }`

// descriptors gives the file as a set, and the message that both methods answer with.
func descriptors(t *testing.T) ([]byte, protoreflect.MessageDescriptor) {
	t.Helper()
	var file descriptorpb.FileDescriptorProto
	if err := prototext.Unmarshal([]byte(paymentsFile), &file); err != nil {
		t.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{&file}}
	data, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		t.Fatal(err)
	}
	d, err := files.FindDescriptorByName("pay.Paid")
	if err != nil {
		t.Fatal(err)
	}
	return data, d.(protoreflect.MessageDescriptor)
}

func frame(t *testing.T, d protoreflect.MessageDescriptor, text string, zipped bool) []byte {
	t.Helper()
	m := dynamicpb.NewMessage(d)
	if err := prototext.Unmarshal([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return framed(data, zipped)
}

func framed(data []byte, zipped bool) []byte {
	flag := byte(0)
	if zipped {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		_, _ = w.Write(data)
		_ = w.Close()
		flag, data = 1, out.Bytes()
	}
	return append(binary.BigEndian.AppendUint32([]byte{flag}, uint32(len(data))), data...)
}

func grpcPair(method, a, b string) shadow.Pair {
	p := jsonPair("P1", a, b)
	for _, x := range []*shadow.Exchange{&p.Primary, &p.Shadow} {
		x.URI, x.ResponseHeader = "/pay.Payments/"+method, shadow.Header{"Content-Type": {"application/grpc"}, "Grpc-Status": {"0"}, "Grpc-Encoding": {"gzip"}}
	}
	return p
}

func TestGRPCAnswersAreComparedByField(t *testing.T) {
	set, paid := descriptors(t)
	config := Config{Descriptors: set, Fields: []Field{{Path: "payment_no", Class: shadow.ClassAlias}}, Lists: []List{{Path: "fees", Key: "currency"}}}
	base := `order_id: "P1" amount { total: 9007199254740993 currency: "CNY" } payment_no: "N1" state: PAID fees { total: 1 currency: "CNY" } fees { total: 2 currency: "USD" } proof: "\000\377"`
	for name, c := range map[string]struct {
		old, replacement string
		want             []string
	}{
		"equal":      {"", "", nil},
		"other id":   {`"N1"`, `"N7"`, nil},
		"amount":     {`9007199254740993`, `9007199254740992`, []string{"amount.total value money 9007199254740993>9007199254740992"}},
		"keyed list": {`fees { total: 1 currency: "CNY" } fees { total: 2 currency: "USD" }`, `fees { total: 2 currency: "USD" } fees { total: 1 currency: "CNY" }`, nil},
		"missing":    {`amount { total: 9007199254740993 currency: "CNY" }`, ``, []string{"amount missing money object of 2>"}},
		"enum":       {`PAID`, `OPEN`, []string{"state value plain PAID>OPEN"}},
		"bytes":      {`\377`, `\376`, []string{"proof value plain AP8=>AP4="}},
	} {
		t.Run(name, func(t *testing.T) {
			other := strings.Replace(base, c.old, c.replacement, 1)
			v, _ := newComparer(t, config).Compare(grpcPair("Pay", string(frame(t, paid, base, false)), string(frame(t, paid, other, true))))
			expect(t, v, c.want...)
		})
	}
}

func TestGRPCThatCannotBeRead(t *testing.T) {
	set, paid := descriptors(t)
	one, two := string(frame(t, paid, `order_id: "1"`, false)), string(frame(t, paid, `order_id: "2"`, false))
	unknown := func(n byte) string { return string(framed([]byte{15 << 3, n}, false)) }
	for name, c := range map[string]struct {
		method, a, b string
		want         []string
	}{
		"stream":         {"List", one + one, one + two, []string{"1.order_id value order 1>2"}},
		"shorter stream": {"List", one + one, one, []string{"1 missing order object of 1>"}},
		"other method":   {"Other", one, two, []string{fmt.Sprintf("body value plain %s>%s", one, two)}},
		"cut":            {"Pay", one, two[:len(two)-1], []string{fmt.Sprintf("body value plain %s>%s", one, two[:len(two)-1])}},
		"equal, unread":  {"Pay", "x", "x", nil},
		"unknown field":  {"Pay", unknown(1), unknown(2), []string{":unknown value plain eAE=>eAI="}},
	} {
		t.Run(name, func(t *testing.T) {
			v, _ := newComparer(t, Config{Descriptors: set}).Compare(grpcPair(c.method, c.a, c.b))
			expect(t, v, c.want...)
		})
	}
	for name, bad := range map[string][]byte{"no set": []byte("nonsense"), "no service": func() []byte { b, _ := proto.Marshal(&descriptorpb.FileDescriptorSet{}); return append(b, 0x0a, 0x00) }()} {
		if _, errs := New(Config{Descriptors: bad}); len(errs) != 1 {
			t.Errorf("%s: %v", name, errs)
		}
	}
}

func TestGRPCStatusCounts(t *testing.T) {
	for name, c := range map[string]struct {
		primary, shadowed string
		want              []string
		taints            bool
	}{
		"refused otherwise": {"5", "7", []string{"header.Grpc-Status value plain 5>7"}, false},
		"broke":             {"0", "13", []string{"header.Grpc-Status error plain 0>13"}, true},
		"both broke":        {"13", "13", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := grpcPair("Pay", "", "")
			p.Primary.ResponseHeader["Grpc-Status"], p.Shadow.ResponseHeader["Grpc-Status"] = []string{c.primary}, []string{c.shadowed}
			v, _ := newComparer(t, Config{}).Compare(p)
			expect(t, v, c.want...)
			if v.Taints() != c.taints {
				t.Errorf("taints: %v", v.Taints())
			}
		})
	}
}
