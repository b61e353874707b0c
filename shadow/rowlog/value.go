package rowlog

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"

	"github.com/seed-3356bd69/touchstone/shadow"
)

const collationBinary = 63

// charsets gives the character set of a collation id, as the server numbers them.
type charsets map[uint64]string

func readCharsets(ctx context.Context, db *sql.DB, flavor string) (charsets, error) {
	ask := "SELECT ID, CHARACTER_SET_NAME FROM information_schema.COLLATIONS WHERE ID IS NOT NULL AND CHARACTER_SET_NAME IS NOT NULL"
	all := charsets{}
	if flavor == flavorMariaDB {
		perCharset := "SELECT ID, CHARACTER_SET_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY WHERE ID IS NOT NULL"
		if err := all.read(ctx, db, perCharset); err == nil { // MariaDB 10.10 and later, where a collation may serve many character sets
			return all, nil
		}
	}
	if err := all.read(ctx, db, ask); err != nil {
		return nil, fmt.Errorf("row log: read the primary's character sets: %w", err)
	}
	return all, nil
}

func (c charsets) read(ctx context.Context, db *sql.DB, ask string) error {
	rows, err := db.QueryContext(ctx, ask)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	for rows.Next() {
		var id uint64
		var name string
		if err := rows.Scan(&id, &name); err != nil {
			return err
		}
		c[id] = name
	}
	return rows.Err()
}

// text makes UTF-8 of a column's bytes; false = nobody here can.
func (c charsets) text(raw string, collation uint64) (string, bool) {
	name := c[collation]
	if strings.HasPrefix(name, "utf8") || name == "ascii" {
		return raw, utf8.ValidString(raw)
	}
	if decoder := decoderOf(name); decoder != nil {
		out, err := decoder.String(raw)
		return out, err == nil && !strings.ContainsRune(out, utf8.RuneError)
	}
	return raw, false
}

func decoderOf(charset string) *encoding.Decoder {
	switch charset {
	case "latin1": // which means Windows-1252 here
		return charmap.Windows1252.NewDecoder()
	case "gbk", "gb2312":
		return simplifiedchinese.GBK.NewDecoder()
	case "gb18030":
		return simplifiedchinese.GB18030.NewDecoder()
	case "big5":
		return traditionalchinese.Big5.NewDecoder()
	}
	return nil
}

// layout is what the log says of a table's columns.
type layout struct {
	names     []string
	key       []string // primary key
	types     []byte
	meta      []uint16
	collation map[int]uint64
	enums     map[int][]string
	sets      map[int][]string
	labels    map[int]uint64 // collation of the labels of enums and sets
}

// layoutOf reads the columns out of a table map; false = the log does not name them all.
func layoutOf(t *replication.TableMapEvent) (layout, bool) {
	l := layout{
		names: t.ColumnNameString(), types: t.ColumnType, meta: t.ColumnMeta, collation: t.CollationMap(),
		enums: t.EnumStrValueMap(), sets: t.SetStrValueMap(), labels: t.EnumSetCollationMap(),
	}
	if len(l.names) != int(t.ColumnCount) || len(l.types) != len(l.names) || len(l.meta) != len(l.names) {
		return layout{}, false
	}
	for _, at := range t.PrimaryKey {
		if at >= uint64(len(l.names)) {
			return layout{}, false
		}
		l.key = append(l.key, l.names[at])
	}
	return l, true
}

// row makes a row of the values the library decoded; false = one of them cannot be told.
func (l layout) row(values []any, c charsets) (shadow.Row, bool) {
	if len(values) != len(l.names) {
		return shadow.Row{}, false
	}
	row := shadow.Row{Columns: l.names, Values: make([]shadow.Value, len(values))}
	for i, v := range values {
		value, ok := l.value(i, v, c)
		if !ok {
			return shadow.Row{}, false
		}
		row.Values[i] = value
	}
	return row, true
}

func (l layout) value(i int, v any, c charsets) (shadow.Value, bool) {
	kind, meta := realType(l.types[i], l.meta[i])
	switch x := v.(type) {
	case nil:
		return shadow.Value{Null: true}, true
	case string:
		return l.text(i, kind, x, c)
	case []byte:
		return l.text(i, kind, string(x), c)
	case float32:
		return shadow.Value{Text: strconv.FormatFloat(float64(x), 'g', -1, 32)}, true
	case float64:
		return shadow.Value{Text: strconv.FormatFloat(x, 'g', -1, 64)}, true
	case uint8, uint16, uint32, uint64, int8, int16, int32:
		return shadow.Value{Text: fmt.Sprint(x)}, true
	case int:
		return shadow.Value{Text: fmt.Sprintf("%04d", x)}, kind == mysql.MYSQL_TYPE_YEAR
	case int64:
		return l.number(i, kind, meta, x, c)
	}
	return shadow.Value{}, false
}

// number reads the kinds that the library gives as a whole number.
func (l layout) number(i int, kind byte, meta uint16, x int64, c charsets) (shadow.Value, bool) {
	switch kind {
	case mysql.MYSQL_TYPE_BIT:
		width := int((meta>>8)*8+meta&0xff+7) / 8
		var raw [8]byte
		binary.BigEndian.PutUint64(raw[:], uint64(x))
		return shadow.Value{Text: string(raw[8-width:]), Binary: true}, true
	case mysql.MYSQL_TYPE_ENUM:
		if x == 0 {
			return shadow.Value{}, true
		}
		if labels := l.enums[i]; x <= int64(len(labels)) {
			text, ok := c.text(labels[x-1], l.labels[i])
			return shadow.Value{Text: text}, ok
		}
		return shadow.Value{}, false
	case mysql.MYSQL_TYPE_SET:
		return l.set(i, uint64(x), c)
	}
	return shadow.Value{Text: strconv.FormatInt(x, 10)}, kind == mysql.MYSQL_TYPE_LONGLONG
}

func (l layout) set(i int, chosen uint64, c charsets) (shadow.Value, bool) {
	var names []string
	for ; chosen != 0; chosen &= chosen - 1 {
		at := bits.TrailingZeros64(chosen)
		if at >= len(l.sets[i]) {
			return shadow.Value{}, false
		}
		text, ok := c.text(l.sets[i][at], l.labels[i])
		if !ok {
			return shadow.Value{}, false
		}
		names = append(names, text)
	}
	return shadow.Value{Text: strings.Join(names, ",")}, true
}

// text reads what the library gives as bytes: characters in the column's set, bytes, and everything that has a written form.
func (l layout) text(i int, kind byte, raw string, c charsets) (shadow.Value, bool) {
	switch kind {
	case mysql.MYSQL_TYPE_GEOMETRY:
		return shadow.Value{Text: raw, Binary: true}, true
	case mysql.MYSQL_TYPE_STRING, mysql.MYSQL_TYPE_VAR_STRING, mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_BLOB,
		mysql.MYSQL_TYPE_TINY_BLOB, mysql.MYSQL_TYPE_MEDIUM_BLOB, mysql.MYSQL_TYPE_LONG_BLOB:
		collation, known := l.collation[i]
		if !known {
			return shadow.Value{}, false
		}
		if collation == collationBinary {
			return shadow.Value{Text: raw, Binary: true}, true
		}
		text, ok := c.text(raw, collation)
		return shadow.Value{Text: text}, ok
	}
	return shadow.Value{Text: raw}, utf8.ValidString(raw)
}

// realType finds the type that the log hides in the length of a CHAR column.
func realType(kind byte, meta uint16) (byte, uint16) {
	if kind != mysql.MYSQL_TYPE_STRING || meta < 256 {
		return kind, meta
	}
	hidden := byte(meta >> 8)
	if hidden&0x30 != 0x30 {
		return hidden | 0x30, meta
	}
	return hidden, meta
}
