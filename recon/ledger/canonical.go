package ledger

import (
	"fmt"
	"strings"
)

// canonical gives SQL for the text of a column's value that is the same on both sides where the values are the same: a
// decimal of any scale up to ten, a point in time of any precision, bytes as hexadecimal digits. NULL stays NULL.
func (c columnInfo) canonical() string {
	name := quote(c.name)
	switch {
	case c.kind == "decimal":
		name = "CAST(" + name + " AS DECIMAL(65,10))"
	case c.kind == "datetime" || c.kind == "timestamp":
		name = "CAST(" + name + " AS DATETIME(6))"
	case c.kind == "time":
		name = "CAST(" + name + " AS TIME(6))"
	case c.kind == "bit":
		return "HEX(" + name + "+0)"
	case c.binary():
		return "HEX(" + name + ")"
	}
	return "CAST(" + name + " AS CHAR CHARACTER SET utf8mb4)"
}

// prefixed gives SQL for a value with its length in front, so that ('x0','y') is never ('x','0y'), and NULL is no text.
func prefixed(canonical string) string {
	return fmt.Sprintf("IFNULL(CONCAT(LENGTH(%[1]s), ':', %[1]s), 'n')", canonical)
}

// hashOf gives SQL for the keyed SHA-256 of some columns, as 64 hexadecimal digits. use tells hashes for one purpose from
// those for another.
func hashOf(secret, use string, columns []columnInfo) string {
	parts := []string{literal(secret + use)}
	for _, c := range columns {
		parts = append(parts, prefixed(c.canonical()))
	}
	return "SHA2(CONCAT(" + strings.Join(parts, ", ") + "), 256)"
}

// number gives SQL for some of a hash's hexadecimal digits as a whole number: CONV knows 64 bits on every server.
func number(hash string, from, digits int) string {
	return fmt.Sprintf("CAST(CONV(SUBSTRING(%s, %d, %d), 16, 10) AS UNSIGNED)", hash, from, digits)
}
