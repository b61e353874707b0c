package shadow

import (
	"encoding/json"
	"testing"
)

func TestValueSurvivesJSON(t *testing.T) {
	for name, v := range map[string]Value{
		"null": {Null: true}, "empty": {}, "text": {Text: "支付 <&> \"1\""}, "bytes": {Text: "\x00\xff\xfe\x80", Binary: true},
		"no bytes": {Binary: true}, "bytes that are text": {Text: "abc", Binary: true},
	} {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(name, err)
		}
		var back Value
		if err := json.Unmarshal(data, &back); err != nil || back != v {
			t.Errorf("%s: %s came back as %#v (%v)", name, data, back, err)
		}
	}
}
