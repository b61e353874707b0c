package plugins

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins/internal/pb"
	"github.com/seed-3356bd69/touchstone/recon"
)

// clean makes a text from a file fit for the wire: valid UTF-8, bounded.
func clean(text string) string {
	if len(text) > MaxValue {
		text = text[:MaxValue]
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

func failureToWire(err error) *pb.Failure {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		e = &Error{Kind: FailureInternal, Message: err.Error()}
	}
	return &pb.Failure{Kind: string(e.Kind), Message: strings.ToValidUTF8(e.Message, "\uFFFD"), Hint: strings.ToValidUTF8(e.Hint, "\uFFFD")}
}

func failureFromWire(f *pb.Failure) *Error {
	return &Error{Kind: knownFailure(f.Kind), Message: f.Message, Hint: f.Hint}
}

func hashToWire(h Hash) *pb.Hash { return &pb.Hash{Type: string(h.Type), Value: h.Value} }

func hashFromWire(h *pb.Hash) Hash {
	return Hash{Type: HashType(h.GetType()), Value: strings.ToLower(h.GetValue())}
}

func descriptionToWire(d Description) (*pb.DescribeResponse, error) {
	out := &pb.DescribeResponse{Name: d.Name, Version: d.Version, Channel: d.Channel}
	for _, k := range d.Queries {
		out.Queries = append(out.Queries, string(k))
	}
	for _, e := range d.Events {
		out.Events = append(out.Events, &pb.EventKind{Name: e.Name, Note: e.Note})
	}
	for _, k := range d.Kinds {
		kind := &pb.StatementKind{Name: k.Name, Note: k.Note}
		var err error
		if kind.Format, err = formatToWire(k.Format); err == nil {
			kind.Inside, err = formatToWire(k.Inside)
		}
		if err != nil {
			return nil, fmt.Errorf("pack format of %s: %w", k.Name, err)
		}
		out.Kinds = append(out.Kinds, kind)
	}
	for _, r := range d.Requests {
		rule := &pb.RequestRule{Method: r.Method, Path: r.Path}
		for _, v := range r.Volatile {
			rule.Volatile = append(rule.Volatile, &pb.Volatile{Where: string(v.Where), Name: v.Name, Role: string(v.Role)})
		}
		out.Requests = append(out.Requests, rule)
	}
	return out, nil
}

func descriptionFromWire(in *pb.DescribeResponse) (Description, error) {
	d := Description{Name: in.Name, Version: in.Version, Channel: in.Channel}
	for _, k := range in.Queries {
		d.Queries = append(d.Queries, recon.Kind(k))
	}
	for _, e := range in.Events {
		d.Events = append(d.Events, EventKind{Name: e.Name, Note: e.Note})
	}
	for _, k := range in.Kinds {
		kind := StatementKind{Name: k.Name, Note: k.Note}
		var err error
		if kind.Format, err = formatFromWire(k.Format); err == nil {
			kind.Inside, err = formatFromWire(k.Inside)
		}
		if err != nil {
			return d, fmt.Errorf("%w: format of %s: %w", ErrContract, k.Name, err)
		}
		d.Kinds = append(d.Kinds, kind)
	}
	for _, r := range in.Requests {
		rule := RequestRule{Method: r.Method, Path: r.Path}
		for _, v := range r.Volatile {
			rule.Volatile = append(rule.Volatile, Volatile{Where: Place(v.Where), Name: v.Name, Role: Role(v.Role)})
		}
		d.Requests = append(d.Requests, rule)
	}
	return d, nil
}

func formatToWire(f *recon.FormatSpec) ([]byte, error) {
	if f == nil {
		return nil, nil
	}
	return json.Marshal(f)
}

// formatFromWire is strict: a rule that this host does not know would be left out in silence.
func formatFromWire(text []byte) (*recon.FormatSpec, error) {
	if len(text) == 0 {
		return nil, nil
	}
	f := &recon.FormatSpec{}
	strict := json.NewDecoder(bytes.NewReader(text))
	strict.DisallowUnknownFields()
	if err := strict.Decode(f); err != nil {
		return nil, err
	}
	return f, f.Validate()
}

func rejectToWire(r recon.Reject) *pb.Reject {
	return &pb.Reject{Line: uint32(r.Origin.Line), Column: uint32(r.Column), Field: clean(r.Field), Value: clean(r.Value), Reason: clean(r.Reason)}
}

func rejectFromWire(r *pb.Reject, shared recon.Origin) recon.Reject {
	shared.Line = int(r.Line)
	return recon.Reject{Origin: shared, Column: int(r.Column), Field: r.Field, Value: r.Value, Reason: r.Reason}
}

func resultToWire(res DecodeResult) *pb.Trailer {
	t := &pb.Trailer{}
	for _, c := range res.Totals {
		t.Totals = append(t.Totals, &pb.ControlTotal{Name: c.Name, Declared: c.Declared, Counted: c.Counted, Currency: string(c.Currency)})
	}
	for _, d := range res.Diagnostics[:min(len(res.Diagnostics), MaxDiagnostics)] {
		t.Diagnostics = append(t.Diagnostics, &pb.Diagnostic{
			Severity: string(d.Severity), Line: uint32(d.Line), Column: uint32(d.Column),
			Field: clean(d.Field), Value: clean(d.Value), Message: clean(d.Message),
		})
	}
	return t
}

func resultFromWire(t *pb.Trailer) DecodeResult {
	res := DecodeResult{Records: t.Records, Rejects: t.Rejects}
	for _, c := range t.Totals {
		res.Totals = append(res.Totals, ControlTotal{Name: c.Name, Declared: c.Declared, Counted: c.Counted, Currency: recon.Currency(c.Currency)})
	}
	for _, d := range t.Diagnostics[:min(len(t.Diagnostics), MaxDiagnostics)] {
		res.Diagnostics = append(res.Diagnostics, Diagnostic{
			Severity: Severity(d.Severity), Line: int(d.Line), Column: int(d.Column), Field: d.Field, Value: d.Value, Message: d.Message,
		})
	}
	return res
}

func fetchEndFromWire(e *pb.FetchEnd) FetchResult {
	return FetchResult{
		Status: FetchStatus(e.Status), Hash: hashFromWire(e.Hash), Size: e.Size,
		RetryAfter: time.Duration(e.RetryAfterMs) * time.Millisecond,
	}
}
