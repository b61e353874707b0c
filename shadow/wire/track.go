package wire

// Track is what an OK packet says has changed in the session. Fields that did not change are nil or empty.
type Track struct {
	Schema    *string
	Variables map[string]string // system variables by lower-case name, such as time_zone
	GTID      string            // of the transaction that just committed, where the server tells it
}

// Types of session-state entries.
const (
	trackVariables = 0
	trackSchema    = 1
	trackGTIDs     = 3
)

const statusStateChanged uint16 = 0x4000

// readTrack reads the session state behind an OK packet's status and warnings; nil = nothing, or not readable.
func readTrack(b []byte) *Track {
	c := cursor{b: b}
	c.take(c.lenenc()) // message
	entries := cursor{b: c.take(c.lenenc())}
	if c.failed {
		return nil
	}
	t := &Track{}
	for len(entries.b) > 0 && !entries.failed {
		kind := entries.take(1)
		data := cursor{b: entries.take(entries.lenenc())}
		if entries.failed {
			return nil
		}
		t.entry(kind[0], &data)
	}
	return t
}

func (t *Track) entry(kind byte, data *cursor) {
	switch kind {
	case trackVariables:
		for len(data.b) > 0 && !data.failed {
			name := string(data.take(data.lenenc()))
			value := string(data.take(data.lenenc()))
			t.variable(name, value)
		}
	case trackSchema:
		if name := string(data.take(data.lenenc())); !data.failed {
			t.Schema = &name
		}
	case trackGTIDs:
		data.take(1) // encoding: always text
		t.GTID = string(data.take(data.lenenc()))
	}
}

func (t *Track) variable(name, value string) {
	if name == "last_gtid" { // how MariaDB tells it
		t.GTID = value
		return
	}
	if t.Variables == nil {
		t.Variables = map[string]string{}
	}
	t.Variables[name] = value
}
