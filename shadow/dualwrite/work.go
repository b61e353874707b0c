package dualwrite

import (
	"strings"

	"github.com/seed-3356bd69/touchstone/shadow/stmt"
	"github.com/seed-3356bd69/touchstone/shadow/wire"
)

// item is one statement of a text.
type item struct {
	control   stmt.Control
	release   string          // of its mark, or of the text's
	statement *stmt.Statement // of a tagged one that could be read
	masked    string          // of a tagged one
}

// work is what a command is about to do.
type work struct {
	release  string // of the text's mark or of its first marked statement; "" = untagged
	items    []item
	params   []paramValue
	spoiled  bool // the parameters could not be read
	partial  bool // the text was longer than what was captured
	prepared *prepared
}

// prepared is a prepared statement of one connection.
type prepared struct {
	work     work
	count    int
	types    []byte
	long     map[int][]byte
	longSize int
	tooLong  bool
}

const maxLongData = 1 << 20

func (p *prepared) resetLong() { p.long, p.longSize, p.tooLong = nil, 0, false }

// addLong takes a piece of a parameter that is sent ahead of the execution.
func (p *prepared) addLong(data []byte, truncated bool) {
	if len(data) < 6 || p.work.release == "" {
		return
	}
	if p.longSize += len(data); p.longSize > maxLongData || truncated {
		p.tooLong, p.long = true, nil
		return
	}
	if p.long == nil {
		p.long = map[int][]byte{}
	}
	i := int(data[4]) | int(data[5])<<8
	p.long[i] = append(p.long[i], data[6:]...)
}

// read looks at a text. An untagged one is never parsed.
func (r *Recorder) read(cmd *wire.Command) work {
	mode := r.Mode()
	w := work{partial: cmd.Truncated}
	whole, _ := stmt.Mark(cmd.Data, mode)
	data := cmd.Data
	if whole == "" && !cmd.Truncated && len(data) > longText && !r.multi {
		data = data[:longText] // control statements are short
	}
	text := string(data)
	parts := []string{text}
	if r.multi && strings.Contains(text, ";") {
		parts = stmt.Split(text, mode)
	}
	for _, part := range parts {
		it := item{control: stmt.ControlOf(part, mode), release: whole}
		if own, ok := stmt.Mark([]byte(part), mode); ok {
			it.release = own
		}
		if it.release != "" {
			r.classify(&it, part, cmd.Truncated)
		}
		if w.release == "" {
			w.release = it.release
		}
		w.items = append(w.items, it)
	}
	return w
}

const (
	longText      = 4 << 10   // an untagged text behind this is not looked at
	maxClassified = 256 << 10 // reading more would keep the client waiting
)

func (r *Recorder) classify(it *item, text string, truncated bool) {
	mode := r.Mode()
	it.masked = stmt.Mask(text, mode)
	if truncated || len(text) > maxClassified {
		r.shared.metrics.unclassified.Inc()
		return
	}
	all, err := r.shared.classifier.Classify(text, mode)
	if err == nil && len(all) == 1 {
		it.statement = &all[0]
		return
	}
	if it.control.Kind == stmt.NoControl {
		r.shared.metrics.unclassified.Inc()
	}
}

// execute looks at the execution of a prepared statement.
func (r *Recorder) execute(cmd *wire.Command) *work {
	p := r.statement(cmd.Data)
	if p == nil {
		return nil
	}
	w := p.work
	w.prepared = nil
	if w.release == "" {
		return &w
	}
	if cmd.Truncated || p.tooLong || cmd.Code == wire.ComStmtBulkExecute {
		w.spoiled = true
		p.resetLong()
		return &w
	}
	e, err := readExecution(cmd.Data, p.count, p.types, p.long)
	p.resetLong()
	if err != nil {
		w.spoiled = true
		r.shared.metrics.unclassified.Inc()
		return &w
	}
	p.types, w.params = e.types, e.values
	return &w
}

func (r *Recorder) statement(data []byte) *prepared {
	id, err := wire.StatementID(data)
	if err != nil {
		return nil
	}
	if id == wire.LastPrepared {
		return r.last
	}
	return r.prepared[id]
}

// lateMark looks at the end of a text that was too long to be read: it may tell that the text is tagged.
func (w *work) lateMark(end []byte) {
	if !w.partial || w.release != "" {
		return
	}
	if release, ok := stmt.Mark(trailing(end), 0); ok {
		w.release = release
		for i := range w.items {
			w.items[i].release = release
		}
	}
}

// trailing cuts the end of a text down to what a trailing comment can be.
func trailing(end []byte) []byte {
	if i := strings.LastIndex(string(end), "/*"); i >= 0 {
		return append([]byte("x "), end[i:]...)
	}
	return nil
}
