package shadow

import "encoding/json"

// Value is a column's value as text; MySQL compares and converts it as it would a string literal, or as bytes.
type Value struct {
	Null   bool
	Text   string
	Binary bool // Text holds raw bytes that are not text
}

// encodedValue is a value as JSON: bytes that are no text would not survive as a string.
type encodedValue struct {
	Null  bool    `json:"null,omitempty"`
	Text  string  `json:"text,omitempty"`
	Bytes *[]byte `json:"bytes,omitempty"`
}

// MarshalJSON writes {"null":true}, {"text":"…"} or {"bytes":"…"} with base64.
func (v Value) MarshalJSON() ([]byte, error) {
	e := encodedValue{Null: v.Null, Text: v.Text}
	if v.Binary {
		raw := []byte(v.Text)
		e.Text, e.Bytes = "", &raw
	}
	return json.Marshal(e)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (v *Value) UnmarshalJSON(data []byte) error {
	var e encodedValue
	if err := json.Unmarshal(data, &e); err != nil {
		return err
	}
	*v = Value{Null: e.Null, Text: e.Text}
	if e.Bytes != nil {
		v.Text, v.Binary = string(*e.Bytes), true
	}
	return nil
}
