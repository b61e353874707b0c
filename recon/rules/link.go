package rules

import (
	"slices"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon"
)

// Link says which value of a record names another booking: one of the names below, or "column:NAME" for a column that the
// format compares (Record.Further).
type Link string

// The links that every record can have.
const (
	LinkKey        Link = "key"         // its own key
	LinkOrder      Link = "order"       // the merchant's order
	LinkOriginal   Link = "original"    // the channel's id of the payment it belongs to
	LinkChannelTxn Link = "channel_txn" // the channel's own id
	LinkSettled    Link = "settled"     // the settlement date
)

const columnPrefix = "column:"

// ColumnLink is the link by a compared column.
func ColumnLink(name string) Link { return Link(columnPrefix + name) }

// Valid tells whether the link is one of the names, or a column with a name.
func (l Link) Valid() bool {
	name, column := strings.CutPrefix(string(l), columnPrefix)
	return (column && name != "") || slices.Contains([]Link{LinkKey, LinkOrder, LinkOriginal, LinkChannelTxn, LinkSettled}, l)
}

func (l Link) or(otherwise Link) Link {
	if l == "" {
		return otherwise
	}
	return l
}

// of gives the value; "" = the record names nothing.
func (l Link) of(r *recon.Record) string {
	switch l {
	case LinkKey:
		return r.Key.ID
	case LinkOrder:
		return r.Order
	case LinkOriginal:
		return r.Original
	case LinkChannelTxn:
		return r.ChannelTxn
	case LinkSettled:
		return r.Settled
	}
	return furtherOf(r, string(l)[len(columnPrefix):])
}

// furtherOf gives a compared column's text; "" = the record has none of that name.
func furtherOf(r *recon.Record, column string) string {
	for i := range r.Further {
		if r.Further[i].Column == column {
			return r.Further[i].Value
		}
	}
	return ""
}
