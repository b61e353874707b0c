package egress

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const maxDepth = 100

// errNotJSON means: compare the bytes instead.
var errNotJSON = errors.New("not a JSON document that has one reading")

// leaf is one value of a document. The kinds of what it is in tell {"0":1} from [1].
type leaf struct {
	within string // '{' and '[', from the top
	kind   byte   // 's'tring, 'n'umber, 'b'oolean, '0' null, '{' or '[' when empty
	text   string // a number's exact decimal text
}

// flatten reads JSON into its leaves by path ("items.0.amount"). Two members of one name have no single reading, and
// are refused: which of them counts depends on the reader.
func flatten(data []byte) (map[string]leaf, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	leaves := map[string]leaf{}
	if err := flattenValue(d, leaves, "", ""); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errNotJSON
	}
	return leaves, nil
}

func flattenValue(d *json.Decoder, leaves map[string]leaf, path, within string) error {
	token, err := d.Token()
	if err != nil || len(within) > maxDepth {
		return errNotJSON
	}
	switch v := token.(type) {
	case json.Delim:
		return flattenContainer(d, leaves, path, within, byte(v))
	case string:
		leaves[path] = leaf{within, 's', v}
	case json.Number:
		leaves[path] = leaf{within, 'n', v.String()}
	case bool:
		leaves[path] = leaf{within, 'b', strconv.FormatBool(v)}
	case nil:
		leaves[path] = leaf{within, '0', "null"}
	}
	return nil
}

func flattenContainer(d *json.Decoder, leaves map[string]leaf, path, within string, kind byte) error {
	if kind != '{' && kind != '[' {
		return errNotJSON
	}
	seen := map[string]bool{}
	for n := 0; d.More(); n++ {
		step := strconv.Itoa(n)
		if kind == '{' {
			name, err := d.Token()
			if err != nil {
				return errNotJSON
			}
			step = strings.ReplaceAll(strings.ReplaceAll(fmt.Sprint(name), `\`, `\\`), ".", `\u002e`)
			if seen[step] {
				return errNotJSON
			}
			seen[step] = true
		}
		if err := flattenValue(d, leaves, join(path, step, within), within+string(kind)); err != nil {
			return err
		}
		if kind == '[' {
			seen[step] = true
		}
	}
	if len(seen) == 0 {
		leaves[path] = leaf{within, kind, string(kind)}
	}
	if _, err := d.Token(); err != nil {
		return errNotJSON
	}
	return nil
}

func join(path, step, within string) string {
	if within == "" {
		return step
	}
	return path + "." + step
}
