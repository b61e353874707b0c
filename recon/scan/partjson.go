package scan

import "encoding/json"

// What is remembered of each segment, line and total is many small rows: they are written as lists.

// MarshalJSON writes [place, ends, records, rejects, summary, lost].
func (s segmentStat) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{s.place, s.ends, s.records, s.rejects, s.summary, s.lost})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *segmentStat) UnmarshalJSON(text []byte) error {
	return list(text, &s.place, &s.ends, &s.records, &s.rejects, &s.summary, &s.lost)
}

// MarshalJSON writes [counted, doubt, unread].
func (f figure) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{f.counted, f.doubt, f.unread})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (f *figure) UnmarshalJSON(text []byte) error { return list(text, &f.counted, &f.doubt, &f.unread) }

// MarshalJSON writes [place, column, value, reason].
func (k keptReject) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{k.place, k.fault.column, k.fault.value, k.fault.reason})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (k *keptReject) UnmarshalJSON(text []byte) error {
	return list(text, &k.place, &k.fault.column, &k.fault.value, &k.fault.reason)
}

// MarshalJSON writes [place, text].
func (k keptComment) MarshalJSON() ([]byte, error) { return json.Marshal([]any{k.place, k.text}) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (k *keptComment) UnmarshalJSON(text []byte) error { return list(text, &k.place, &k.text) }

// list reads a list into places, one for each value.
func list(text []byte, to ...any) error {
	return json.Unmarshal(text, &to)
}

// foundJSON is what a worker found, as it is written.
type foundJSON struct {
	Sums      []Sum            `json:"sums,omitempty"`
	Figures   []figure         `json:"figures,omitempty"`
	Ignored   map[string]int64 `json:"ignored,omitempty"`
	Rejects   []keptReject     `json:"rejects,omitempty"`
	Comments  []keptComment    `json:"comments,omitempty"`
	SummaryAt uint64           `json:"summary_at"`
}

// MarshalJSON writes what a worker found.
func (f *found) MarshalJSON() ([]byte, error) {
	return json.Marshal(foundJSON{f.sums, f.figures, f.ignored, f.rejects, f.comments, f.summaryAt})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (f *found) UnmarshalJSON(text []byte) error {
	var in foundJSON
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	*f = found{sums: in.Sums, figures: in.Figures, ignored: in.Ignored, rejects: in.Rejects, comments: in.Comments, summaryAt: in.SummaryAt}
	return nil
}

// plainPart is a Part with its fields in the open.
type plainPart struct {
	From   int           `json:"from"`
	To     int           `json:"to"`
	Open   bool          `json:"open"`
	Length int64         `json:"length"`
	Stats  []segmentStat `json:"segments"`
	Found  []*found      `json:"found"`
}

// MarshalJSON writes a part.
func (p *Part) MarshalJSON() ([]byte, error) {
	return json.Marshal(plainPart{p.From, p.To, p.Open, p.length, p.stats, p.found})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *Part) UnmarshalJSON(text []byte) error {
	var in plainPart
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	*p = Part{From: in.From, To: in.To, Open: in.Open, length: in.Length, stats: in.Stats, found: in.Found}
	return nil
}
