package app

import (
	"fmt"

	"github.com/seed-3356bd69/touchstone/cmd/internal/telemetry"
	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/shadow/dualwrite"
	"github.com/seed-3356bd69/touchstone/shadow/journal"
)

// keptSets is the journal with what an earlier run of this sidecar left in it.
type keptSets struct {
	journal *journal.Journal
	left    []journal.Entry
	damaged []string
}

func (s *sidecar) journal() (keptSets, error) {
	a := s.cfg.MySQL.Apply
	j, left, damaged, err := journal.Open(journal.Config{Dir: string(a.Journal), MaxBytes: int64(a.MaxBytes), Log: s.log, Metrics: s.registry})
	if err != nil {
		return keptSets{}, fmt.Errorf("mysql.apply.journal: %w", err)
	}
	s.closers = append(s.closers, j.Close)
	return keptSets{j, left, damaged}, nil
}

// resume tells again of what an earlier run left, since that run may not have, and goes on with it. What that run did not
// learn the end of stays unknown.
func (s *sidecar) resume(kept keptSets) {
	for _, path := range kept.damaged {
		s.log.Error("journal was damaged: a part of it is lost", telemetry.KeyFile, path)
		s.sink.taint("", shadow.CauseUnknownCommit)
	}
	for _, entry := range kept.left {
		ws, err := readSet(kept.journal, entry)
		if err != nil {
			s.log.Error("journal entry is lost", telemetry.KeyError, err)
			s.sink.taint("", shadow.CauseUnknownCommit)
			continue
		}
		s.sink.again(ws)
		if entry.Committed {
			s.applier.Submit(entry.Seq, ws)
		} else {
			s.applier.Resolve(entry.Seq, ws)
		}
	}
}

func readSet(j *journal.Journal, entry journal.Entry) (shadow.WriteSet, error) {
	payload, err := j.Payload(entry.Seq)
	if err != nil {
		return shadow.WriteSet{}, err
	}
	ws, err := dualwrite.Kept(payload, entry.Committed)
	if err != nil {
		return ws, fmt.Errorf("journal entry %d: %w", entry.Seq, err)
	}
	return ws, nil
}
