package retention

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// row is one row by its columns: int64, string, raw for bytes that are no text, nil for NULL.
type row map[string]any

// raw is a value that is no UTF-8: it must come back as it was.
type raw struct {
	Base64 []byte `json:"base64"`
}

func cell(value []byte) any {
	switch {
	case value == nil:
		return nil
	case utf8.Valid(value):
		return string(value)
	}
	return raw{value}
}

// values gives columns as a statement takes them.
func (r row) values(columns []column) ([]any, error) {
	out := make([]any, len(columns))
	for i, c := range columns {
		value, there := r[c.name]
		if bytes, ok := value.(raw); ok {
			value = string(bytes.Base64)
		}
		if _, number := value.(int64); !there || number != c.number {
			return nil, fmt.Errorf("column %s of an archived row is no %s", c.name, map[bool]string{true: "number", false: "text"}[c.number])
		}
		out[i] = value
	}
	return out, nil
}

// text gives a column as text; "" where it is none.
func (r row) text(name string) string {
	text, _ := r[name].(string)
	return text
}

// UnmarshalJSON reads what encoding/json writes of a row.
func (r *row) UnmarshalJSON(data []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	*r = row{}
	for name, text := range fields {
		value, err := readCell(text)
		if err != nil {
			return fmt.Errorf("column %s: %w", name, err)
		}
		(*r)[name] = value
	}
	return nil
}

func readCell(text json.RawMessage) (any, error) {
	switch text = bytes.TrimSpace(text); {
	case string(text) == "null":
		return nil, nil
	case text[0] == '"':
		var value string
		err := json.Unmarshal(text, &value)
		return value, err
	case text[0] == '{':
		var value raw
		err := json.Unmarshal(text, &value)
		return value, err
	}
	var value int64
	err := json.Unmarshal(text, &value)
	return value, err
}

// record is a line of a file: a row, and what goes with it.
type record struct {
	Row     row   `json:"row"`
	Events  []row `json:"events,omitempty"`  // of a case
	Repairs []row `json:"repairs,omitempty"` // of a case
}

func recordsOf(rows []row) []record {
	out := make([]record, len(rows))
	for i, r := range rows {
		out[i].Row = r
	}
	return out
}

func rowsOf(records []record) []row {
	out := make([]row, len(records))
	for i := range records {
		out[i] = records[i].Row
	}
	return out
}
