package dualwrite

import (
	"bytes"
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
	logged    bool            // its own text is marked, so that the row log shows it
	text      string          // of a tagged read
}

// work is what a command is about to do.
type work struct {
	release  string // of the text's mark or of its first marked statement; "" = untagged
	items    []item
	order    string         // that a query attribute names
	sets     [][]paramValue // one for each execution of the statement; several in bulk
	spoiled  bool           // the parameters could not be read
	partial  bool           // the text was longer than what was captured
	prepared *prepared
	read     *runningRead // its rows are copied, to be compared
}

// prepared is a prepared statement of one connection.
type prepared struct {
	work     *work
	text     string // of an untagged one that may be executed tagged
	later    *work  // and how it then reads
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
	if len(data) < 6 || p.work.release == "" && p.text == "" {
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

const (
	longText      = 4 << 10   // an untagged text behind this is not looked at
	maxClassified = 256 << 10 // reading more would keep the client waiting
)

// read looks at a text. An untagged one is never parsed, and a plain untagged one not even copied.
func (r *Recorder) read(cmd *wire.Command) *work {
	release, order := r.around.release, ""
	if len(cmd.Attributes) > 0 {
		var own string
		if own, order = attributes(cmd.Attributes); own != "" {
			release = own
		}
	}
	mode := r.Mode()
	if own, ok := stmt.Mark(cmd.Data, mode); ok {
		release = own
	}
	if release == "" && !cmd.Truncated && !cmd.Malformed && (!r.multi || bytes.IndexByte(cmd.Data, ';') < 0) && stmt.Plain(cmd.Data) {
		return r.shared.plain
	}
	w := r.readText(textOf(cmd, release, r.multi), release, cmd.Truncated)
	w.order, w.spoiled = order, cmd.Malformed
	return w
}

// textOf cuts an untagged text down to what a control statement, which is short, may need.
func textOf(cmd *wire.Command, release string, multi bool) string {
	if release == "" && !cmd.Truncated && len(cmd.Data) > longText && !multi {
		return string(cmd.Data[:longText])
	}
	return string(cmd.Data)
}

func (r *Recorder) readText(text, release string, truncated bool) *work {
	mode := r.Mode()
	w := &work{partial: truncated, release: release}
	parts := []string{text}
	if r.multi && strings.Contains(text, ";") {
		parts = stmt.Split(text, mode)
	}
	for _, part := range parts {
		it := item{control: stmt.ControlOf(part, mode), release: release}
		r.around.assign(it.control.Assigned, r.shared.cfg.Tagging.Variable)
		if own, ok := stmt.Mark([]byte(part), mode); ok {
			it.release, it.logged = own, true
		}
		if it.release != "" {
			r.tagged = true
			r.classify(&it, part, truncated)
			if it.statement != nil && it.statement.Class == stmt.Read {
				it.text = part
			}
		}
		if w.release == "" {
			w.release = it.release
		}
		w.items = append(w.items, it)
	}
	return w
}

func (r *Recorder) classify(it *item, text string, truncated bool) {
	mode := r.Mode()
	if before, ok := r.shared.known.get(text, mode); ok && !truncated {
		it.statement, it.masked = before.statement, before.masked
		return
	}
	it.masked = stmt.Mask(text, mode)
	if truncated || len(text) > maxClassified {
		r.shared.metrics.unclassified.Inc()
		return
	}
	all, err := r.shared.classifier.Classify(text, mode)
	if err == nil && len(all) == 1 {
		it.statement = &all[0]
		r.shared.known.put(text, mode, reading{it.statement, it.masked})
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
	base := r.meant(p)
	if base.release == "" && !base.partial && !cmd.Attributed && p.text == "" {
		p.resetLong()
		return base
	}
	w := *base
	if cmd.Truncated || p.tooLong {
		w.spoiled = true
		p.resetLong()
		return &w
	}
	e, err := r.parameters(cmd, p)
	p.resetLong()
	if err != nil {
		w.spoiled = true
		r.shared.metrics.unclassified.Inc()
		return &w
	}
	p.types, w.sets, w.order = e.types, e.sets, e.order
	if e.release != "" && w.release == "" {
		w = *r.retagged(p, e.release)
		w.sets, w.order = e.sets, e.order
	}
	return &w
}

// meant is how a prepared statement reads in the session as it is now.
func (r *Recorder) meant(p *prepared) *work {
	if p.work.release != "" || r.around.release == "" || p.text == "" {
		return p.work
	}
	return r.retagged(p, r.around.release)
}

// retagged reads an untagged prepared statement as a tagged one.
func (r *Recorder) retagged(p *prepared, release string) *work {
	if p.text == "" {
		return &work{release: release, spoiled: true, items: []item{{release: release, control: stmt.Control{Kind: stmt.NoControl}}}}
	}
	if p.later == nil || p.later.release != release {
		p.later = r.readText(p.text, release, false)
	}
	return p.later
}

func (r *Recorder) parameters(cmd *wire.Command, p *prepared) (execution, error) {
	if cmd.Code == wire.ComStmtBulkExecute {
		return readBulk(cmd.Data, p.count, p.types)
	}
	return readExecution(cmd.Data, p.count, p.types, p.long, cmd.Attributed)
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
			w.items[i].release, w.items[i].logged = release, true
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
