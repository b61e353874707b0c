// Package channeltable makes docs/channels.md: what each channel's columns, types and states become, from the formats that
// the adapters themselves describe.
//
// In:    the built adapters.
// Out:   one table a statement kind.
// Never: a line that no adapter says.
package channeltable

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
)

// Page gives the page for some adapters.
func Page(all []plugins.Description) string {
	var b strings.Builder
	b.WriteString(`# What becomes of a channel's columns

Written by ` + "`go test ./test/channeltable -update`" + ` from the formats that the adapters describe; a test compares. Amounts are minor
units in every record: 19.99 yuan and 1999 fen are both 1999. A value that is not in a table is a reject, never success.
`)
	for _, d := range all {
		fmt.Fprintf(&b, "\n## %s\n\nqueries: %s; callbacks: %s\n", d.Channel, list(d.Queries), events(d.Events))
		for _, k := range d.Kinds {
			fmt.Fprintf(&b, "\n### %s %s\n\n%s\n", d.Channel, k.Name, k.Note)
			if spec := cmp.Or(k.Format, k.Inside); spec != nil {
				format(&b, spec)
			}
		}
	}
	return b.String()
}

func list(kinds []recon.Kind) string {
	if len(kinds) == 0 {
		return "none"
	}
	return strings.Trim(fmt.Sprint(kinds), "[]")
}

func events(all []plugins.EventKind) string {
	if len(all) == 0 {
		return "none"
	}
	names := make([]string, len(all))
	for i, e := range all {
		names[i] = e.Name
	}
	return strings.Join(names, " ")
}

func format(b *strings.Builder, f *recon.FormatSpec) {
	b.WriteString("\n| " + heading(f) + " | kind | key | order | channel's id | original | amount | fee | status | time |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range f.Rows {
		match := strings.Join(r.Match, ", ")
		if match == "" {
			match = "every line"
		}
		if r.Ignore != "" {
			fmt.Fprintf(b, "| %s | no booking: %s | | | | | | | | |\n", match, r.Ignore)
			continue
		}
		between := ", else "
		if r.KeyAll {
			between = " / "
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", match, r.Kind, strings.Join(r.Key, between), columns(r.Order), columns(r.ChannelTxn),
			columns(r.Original), amount(&r.Amount), amount(r.Fee), status(r.Status), columns(r.Time))
	}
}

func heading(f *recon.FormatSpec) string {
	if f.KindIn == "" {
		return "lines"
	}
	return f.KindIn
}

func columns(names []string) string { return strings.Join(names, ", else ") }

func amount(a *recon.Amount) string {
	if a == nil {
		return ""
	}
	unit := map[recon.Unit]string{recon.UnitMajor: "yuan", recon.UnitMinor: "fen"}[a.Unit]
	text := columns(a.Columns) + ", " + unit
	if a.Prefix != "" {
		text += " behind " + a.Prefix
	}
	if a.Sign != recon.SignPlain {
		text += ", sign: " + string(a.Sign)
	}
	return text
}

func status(s recon.StatusMap) string {
	if s.Column == "" {
		return "success"
	}
	parts := []string{}
	for _, value := range slices.Sorted(maps.Keys(s.Values)) {
		parts = append(parts, value+" → "+string(s.Values[value]))
	}
	if s.Empty != "" {
		parts = append(parts, "empty → "+string(s.Empty))
	}
	return s.Column + ": " + strings.Join(parts, ", ")
}
