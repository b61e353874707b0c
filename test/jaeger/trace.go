package jaeger

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Trace is what Jaeger's query API says of one.
type Trace struct {
	TraceID   string `json:"traceID"`
	Spans     []Span `json:"spans"`
	Processes map[string]struct {
		ServiceName string `json:"serviceName"`
	} `json:"processes"`
}

// Span is one span of a trace.
type Span struct {
	SpanID     string `json:"spanID"`
	Operation  string `json:"operationName"`
	Process    string `json:"processID"`
	Duration   int64  `json:"duration"` // microseconds
	References []struct {
		Type   string `json:"refType"`
		SpanID string `json:"spanID"`
	} `json:"references"`
	Tags []Tag `json:"tags"`
	Logs []struct {
		Fields []Tag `json:"fields"`
	} `json:"logs"`
}

// Tag is a named value of a span.
type Tag struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

// Tag gives a tag's value as text; "" = it has none.
func (s Span) Tag(key string) string {
	for _, t := range s.Tags {
		if t.Key == key {
			return fmt.Sprint(t.Value)
		}
	}
	return ""
}

// Parent gives the id of the span that it is a child of; "" = none.
func (s Span) Parent() string {
	for _, r := range s.References {
		if r.Type == "CHILD_OF" {
			return r.SpanID
		}
	}
	return ""
}

// Trace asks for a trace; one that it has not heard of is empty.
func (s *Server) Trace(id string) (Trace, error) {
	res, err := http.Get(s.Query + "/api/traces/" + id)
	if err != nil {
		return Trace{}, fmt.Errorf("ask jaeger: %w", err)
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusNotFound:
		return Trace{}, nil
	case http.StatusOK:
	default:
		return Trace{}, fmt.Errorf("ask jaeger: %s", res.Status)
	}
	var answer struct {
		Data []Trace `json:"data"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return Trace{}, fmt.Errorf("ask jaeger: %w", err)
	}
	if len(answer.Data) == 0 {
		return Trace{}, nil
	}
	return answer.Data[0], nil
}
