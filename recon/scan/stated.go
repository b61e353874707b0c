package scan

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon"
)

// statement is what a file says about itself: the cells of its summary, and its comment and summary lines.
type statement struct {
	names, values []string
	line          int // of the summary's values
	ended         bool
	comments      []keptComment
}

// maxBehind bounds what is read behind the rows.
const maxBehind = 64 << 10

// stated reads the summary and the comments.
func (s *Side) stated(all []*found, summary uint64) (*statement, error) {
	st := &statement{comments: slices.Clone(s.head.comments)}
	for _, w := range all {
		for _, c := range w.comments {
			if c.place < summary {
				st.comments = append(st.comments, c)
			}
		}
	}
	slices.SortFunc(st.comments, func(a, b keptComment) int { return cmp.Compare(a.place, b.place) })
	if summary == noPlace {
		return st, nil
	}
	text := s.text[summary:]
	if len(text) > maxBehind {
		return st, &Problem{File: s.opts.Name, Line: s.Line(summary), What: "text after the summary: more than 64 KiB", Try: "look whether two files were put together"}
	}
	place := summary
	for line := range bytes.Lines(text) {
		if err := s.behind(st, bytes.TrimRight(line, "\r\n"), place, place == summary); err != nil {
			return st, err
		}
		place += uint64(len(line))
	}
	return st, nil
}

// behind takes one line from the summary's first on.
func (s *Side) behind(st *statement, line []byte, place uint64, first bool) error {
	comment := s.layout.comment
	switch {
	case len(bytes.TrimSpace(line)) == 0:
		return nil
	case len(comment) > 0 && bytes.HasPrefix(line, comment):
		st.comments = append(st.comments, keptComment{place, line})
		return nil
	case first && !s.layout.named():
		st.comments, st.ended = append(st.comments, keptComment{place, line}), true
		return nil
	case !first && st.ended:
		return &Problem{File: s.opts.Name, Line: s.Line(place), What: "text after the summary", Try: "look whether two files were put together"}
	}
	separator := s.opts.Format.Lines.Separator
	if first {
		separator = separator[:1]
	}
	cells, err := lineCells(s.opts.Format, line, s.layout.charset, separator)
	if err != nil {
		return &Problem{File: s.opts.Name, Line: s.Line(place), What: err.Error(), Try: "the charset of the format"}
	}
	if first {
		st.names = cells
		return nil
	}
	st.values, st.line, st.ended = cells, s.Line(place), true
	if len(st.names) != len(cells) {
		return &Problem{File: s.opts.Name, Line: st.line, What: fmt.Sprintf("summary has %d names and %d values", len(st.names), len(cells)), Try: "fetch the file again"}
	}
	return nil
}

// named tells whether a summary states figures under names.
func (l *layout) named() bool {
	return l.sep != 0 && slices.ContainsFunc(l.totals, func(t total) bool { return t.pattern == nil && !t.further })
}

// comments are the lines that are no rows, as text.
func (s *Side) comments(st *statement) []Comment {
	p := parser{layout: s.layout}
	var out []Comment
	for _, c := range st.comments {
		out = append(out, Comment{s.Line(c.place), string(p.text(c.text))})
	}
	return out
}

// figures adds up what the lines say under each total.
func (s *Side) figures(r *Result, all []*found) ([]figure, error) {
	figures := make([]figure, len(s.layout.totals))
	for i := range figures {
		t, f := &s.layout.totals[i], &figures[i]
		if t.plain {
			f.counted = r.counted(t.Total)
		}
		for _, w := range all {
			if err := f.merge(w.figures[i]); err != nil {
				return nil, err
			}
		}
		for _, seg := range s.segments {
			if seg.lost != nil {
				if err := f.merge(seg.lost[i]); err != nil {
					return nil, err
				}
			}
			if seg.summary {
				break
			}
		}
		if t.further {
			r.Sums = append(r.Sums, f.counted)
		}
	}
	return figures, nil
}

// counted adds up the records that a total is about. A reject counts as a row.
func (r *Result) counted(t recon.Total) int64 {
	var n int64
	if t.Of == recon.TotalCount && len(t.Kinds) == 0 {
		n = r.Rejected
		for _, ignored := range r.Ignored {
			n += ignored
		}
	}
	for _, sum := range r.Totals {
		if len(t.Kinds) > 0 && !slices.Contains(t.Kinds, sum.Label.Kind()) {
			continue
		}
		switch t.Of {
		case recon.TotalCount:
			n += sum.Count
		case recon.TotalAmount:
			n += sum.Minor
		case recon.TotalFee:
			n += sum.Fee
		}
	}
	return n
}

// control holds what the file states about itself against its lines.
func (s *Side) control(r *Result, st *statement, figures []figure) error {
	if len(s.opts.Format.Lines.Summary) > 0 && !st.ended {
		return &Problem{File: s.opts.Name, What: fmt.Sprintf("no summary: the file is cut off after line %d", s.lastLine()), Try: "fetch the file again"}
	}
	if end := s.opts.Format.Lines.End; end != "" && !slices.ContainsFunc(r.Comments, func(c Comment) bool { return strings.Contains(c.Text, end) }) {
		return &Problem{File: s.opts.Name, What: fmt.Sprintf("no line %q: the file is cut off after line %d", end, s.lastLine()), Try: "fetch the file again"}
	}
	var wrong []string
	for i := range s.layout.totals {
		t := &s.layout.totals[i]
		c, stated, err := s.look(t, st, r.Comments)
		switch {
		case err != nil:
			return err
		case !stated && (t.Required || (t.WithRows && figures[i].counted != 0)):
			wrong = append(wrong, c.Name+" is not stated")
		case stated:
			c.Counted = figures[i].like(t, c.Declared)
			r.Control = append(r.Control, c)
			if c.Declared != c.Counted {
				wrong = append(wrong, c.disagrees(t, figures[i].unread))
			}
		}
	}
	if len(wrong) > 0 {
		return &Problem{File: s.opts.Name, What: "summary against details: " + strings.Join(wrong, "; "), Try: "fetch the file again; it is not reconciled"}
	}
	return nil
}

// lastLine is the number of the file's last line.
func (s *Side) lastLine() int {
	n := bytes.Count(s.text, []byte{'\n'})
	if len(s.text) > 0 && s.text[len(s.text)-1] != '\n' {
		n++
	}
	return n
}

// like is what the lines add up to: with those of unknown kind, if that is what the file states.
func (f *figure) like(t *total, declared int64) int64 {
	counted, with := f.counted, f.counted+f.doubt
	if t.Sign == recon.SignAny {
		counted, with = max(counted, -counted), max(with, -with)
	}
	if declared == with {
		return with
	}
	return counted
}

func (c *Control) disagrees(t *total, unread int64) string {
	text := fmt.Sprintf("%s is %s, details are %s", c.Name, c.print(c.Declared), c.print(c.Counted))
	if unread > 0 && !t.further {
		text += fmt.Sprintf(" without %d unreadable", unread)
	}
	return text
}

func (c *Control) print(n int64) string {
	if c.Of == recon.TotalCount {
		return fmt.Sprint(n)
	}
	return recon.Money{Minor: n, Currency: c.Currency}.Major()
}

// look finds a figure in the summary, or in a line that is no row.
func (s *Side) look(t *total, st *statement, comments []Comment) (c Control, stated bool, err error) {
	c = Control{Name: t.name, Of: t.Of, Currency: s.layout.currency}
	if t.Of == recon.TotalCount {
		c.Currency = ""
	}
	if t.pattern == nil {
		for _, name := range t.Names {
			i := slices.IndexFunc(st.names, func(n string) bool { return normal(n) == normal(name) })
			if i >= 0 && i < len(st.values) {
				c.Name = name
				c.Declared, err = s.figure(t, st.line, st.values[i])
				return c, true, err
			}
		}
		return c, false, nil
	}
	for _, comment := range comments {
		m := t.pattern.FindStringSubmatch(comment.Text)
		if m == nil {
			continue
		}
		before := c.Declared
		if c.Declared, err = s.figure(t, comment.Line, m[1]); err != nil {
			return c, true, err
		}
		if stated && before != c.Declared {
			what := fmt.Sprintf("is stated twice, as %s and %s", c.print(before), c.print(c.Declared))
			return c, true, &Problem{File: s.opts.Name, Line: comment.Line, Field: c.Name, What: what, Try: "look whether two files were put together"}
		}
		stated = true
	}
	return c, stated, nil
}

func (s *Side) figure(t *total, line int, text string) (int64, error) {
	n, err := s.layout.declared(t, text)
	if err != nil {
		return 0, &Problem{File: s.opts.Name, Line: line, Field: t.name, Value: text, What: err.Error(), Try: "fetch the file again"}
	}
	return n, nil
}

var errNoLetter = errors.New(noLetter)

// declared reads a stated figure. A count may be written as a decimal: "20.0".
func (l *layout) declared(t *total, text string) (int64, error) {
	decimals, negative := 0, false
	if t.Of != recon.TotalCount && t.Unit == recon.UnitMajor {
		decimals, _ = l.currency.Exponent() // Validate has seen it
	}
	if t.Sign == recon.SignCD && text != "" {
		if negative = text[0] == 'D'; negative || text[0] == 'C' {
			text = text[1:]
		} else if strings.Trim(text, "0. ") != "" {
			return 0, errNoLetter
		}
	}
	n, err := recon.ParseDecimal(string(ungroup([]byte(text))), decimals)
	switch {
	case t.Sign == recon.SignAny:
		n = max(n, -n)
	case t.Sign == recon.SignCD && t.Of == recon.TotalFee && !negative, t.Sign == recon.SignFlip: // a debit is a cost
		n = -n
	}
	return n, err
}
