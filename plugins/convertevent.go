package plugins

import (
	"net/http"
	"strings"

	"github.com/seed-3356bd69/touchstone/plugins/internal/pb"
)

func headerToWire(h http.Header) map[string]*pb.HeaderValues {
	out := map[string]*pb.HeaderValues{}
	for name, values := range h {
		v := &pb.HeaderValues{}
		for _, value := range values {
			v.Values = append(v.Values, []byte(value))
		}
		out[strings.ToValidUTF8(name, "\uFFFD")] = v
	}
	return out
}

func headerFromWire(in map[string]*pb.HeaderValues) http.Header {
	out := http.Header{}
	for name, v := range in {
		for _, value := range v.Values {
			out.Add(name, string(value))
		}
	}
	return out
}

func replyToWire(r EventReply) *pb.EventReply {
	return &pb.EventReply{Status: uint32(r.Status), Type: clean(r.Type), Body: strings.ToValidUTF8(r.Body, "\uFFFD")}
}

func replyFromWire(r *pb.EventReply) EventReply {
	return EventReply{Status: int(r.GetStatus()), Type: r.GetType(), Body: r.GetBody()}
}
