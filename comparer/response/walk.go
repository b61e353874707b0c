package response

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// walk is one comparison: what was found, what was learned, and why not all was seen.
type walk struct {
	config  Config
	methods methods
	aliases *aliases
	route   string
	order   string
	place   shadow.Place

	found    []shadow.Mismatch
	bindings []shadow.Binding
	unseen   string // cause of Inconclusive; "" = all was seen
}

func (w *walk) add(field string, kind shadow.MismatchKind, class shadow.FieldClass, expected, actual string) {
	w.keep(shadow.Mismatch{
		Place: w.place, Name: w.route, Field: field, Kind: kind, Class: class,
		Expected: clip(expected, w.config.MaxValue), Actual: clip(actual, w.config.MaxValue),
	})
}

// keep bounds the mismatches; when there is no room a soft one makes place for a hard one.
func (w *walk) keep(m shadow.Mismatch) {
	if len(w.found) < w.config.MaxMismatches {
		w.found = append(w.found, m)
		return
	}
	if !m.Class.Hard() {
		return
	}
	soft := slices.IndexFunc(w.found, func(f shadow.Mismatch) bool { return !f.Class.Hard() && f.Kind != shadow.KindError })
	if soft >= 0 {
		w.found[soft] = m
	}
}

// pairOf compares two values at a path; nil = that side lacks it.
func (w *walk) pairOf(path string, primary, shadowed *node) {
	switch {
	case primary == nil && shadowed == nil:
	case shadowed == nil:
		w.oneSided(path, shadow.KindMissing, primary)
	case primary == nil:
		w.oneSided(path, shadow.KindExtra, shadowed)
	case primary.kind == kindObject && shadowed.kind == kindObject:
		w.objects(path, primary, shadowed)
	case primary.kind == kindArray && shadowed.kind == kindArray:
		w.arrays(path, primary, shadowed)
	case primary.kind != shadowed.kind:
		w.kindsDiffer(path, primary, shadowed)
	default:
		w.scalars(path, primary, shadowed)
	}
}

// kindsDiffer reports "29" against 29, or a value against an object, with the hardest class of the two.
func (w *walk) kindsDiffer(path string, primary, shadowed *node) {
	class, visible := w.hardest(path, primary)
	other, alsoVisible := w.hardest(path, shadowed)
	if other.Hard() && !class.Hard() {
		class = other
	}
	if visible || alsoVisible {
		w.add(path, shadow.KindValue, class, primary.literal(), shadowed.literal())
	}
}

func (w *walk) objects(path string, primary, shadowed *node) {
	names := maps.Clone(primary.fields)
	maps.Copy(names, shadowed.fields)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		w.pairOf(join(path, name), primary.fields[name], shadowed.fields[name])
	}
}

func (w *walk) arrays(path string, primary, shadowed *node) {
	key := w.config.list(w.route, path)
	byKey, unique := itemsByKey(shadowed, key)
	_, alsoUnique := itemsByKey(primary, key)
	if key == "" || !unique || !alsoUnique {
		for i := range max(len(primary.items), len(shadowed.items)) {
			w.pairOf(join(path, strconv.Itoa(i)), item(primary, i), item(shadowed, i))
		}
		return
	}
	seen := map[string]bool{}
	for i, it := range primary.items {
		id := it.fields[key].literal()
		seen[id] = true
		w.pairOf(join(path, strconv.Itoa(i)), it, byKey[id])
	}
	for i, it := range shadowed.items {
		if !seen[it.fields[key].literal()] {
			w.pairOf(join(path, strconv.Itoa(i)), nil, it)
		}
	}
}

// itemsByKey finds items by their key; false = some item has none, or two have the same.
func itemsByKey(list *node, key string) (map[string]*node, bool) {
	found := map[string]*node{}
	for _, it := range list.items {
		if it.kind != kindObject || it.fields[key] == nil || found[it.fields[key].literal()] != nil {
			return nil, false
		}
		found[it.fields[key].literal()] = it
	}
	return found, true
}

func item(list *node, i int) *node {
	if i < len(list.items) {
		return list.items[i]
	}
	return nil
}

// oneSided reports a value that one side lacks, as one finding with the hardest class inside it.
func (w *walk) oneSided(path string, kind shadow.MismatchKind, n *node) {
	class, ok := w.hardest(path, n)
	if !ok {
		return
	}
	if kind == shadow.KindMissing {
		w.add(path, kind, class, n.literal(), "")
		return
	}
	w.add(path, kind, class, "", n.literal())
}

// hardest gives the class of a value or, when something inside it is hard, of that; false = it is noise throughout.
func (w *walk) hardest(path string, n *node) (shadow.FieldClass, bool) {
	class := w.config.rule(w.route, path).Class
	if class.Hard() {
		return class, true
	}
	visible := class != shadow.ClassNoise
	for _, child := range children(path, n) {
		inner, ok := w.hardest(child.path, child.node)
		if ok && inner.Hard() {
			return inner, true
		}
		visible = visible || ok
	}
	return class, visible
}

type child struct {
	path string
	node *node
}

func children(path string, n *node) []child {
	var out []child
	for _, name := range slices.Sorted(maps.Keys(n.fields)) {
		out = append(out, child{join(path, name), n.fields[name]})
	}
	for i, it := range n.items {
		out = append(out, child{join(path, strconv.Itoa(i)), it})
	}
	return out
}

// scalars compares two values of one kind.
func (w *walk) scalars(path string, primary, shadowed *node) {
	rule := w.config.rule(w.route, path)
	switch {
	case rule.Class == shadow.ClassNoise:
	case rule.Class == shadow.ClassAlias && primary.kind != kindNull:
		w.alias(path, rule, primary, shadowed)
	case primary.text != shadowed.text && !sameMoney(rule, primary.text, shadowed.text):
		w.add(path, shadow.KindValue, rule.Class, primary.text, shadowed.text)
	}
}

func (w *walk) alias(path string, rule Field, primary, shadowed *node) {
	name := rule.Alias
	if name == "" {
		name = rule.Path
	}
	switch f, expected := w.aliases.bind(w.order, name, primary.text, shadowed.text); f {
	case learned:
		w.bindings = append(w.bindings, bindingOf(name, primary.text, shadowed.text))
	case conflict:
		if expected == "" {
			expected = "not " + shadowed.text + ", which belongs to another " + name
		}
		w.add(path, shadow.KindValue, shadow.ClassAlias, expected, shadowed.text)
	case full:
		w.unseen = shadow.CauseTruncated
	}
}

// sameMoney compares amounts exactly, as minor units: 1.0 is 1.00.
func sameMoney(rule Field, a, b string) bool {
	if rule.Class != shadow.ClassMoney || rule.Unit == "" {
		return false
	}
	currency := rule.Currency
	if currency == "" {
		currency = "CNY"
	}
	x, errX := rule.Unit.Parse(a, currency)
	y, errY := rule.Unit.Parse(b, currency)
	return errX == nil && errY == nil && x == y
}

func join(path, step string) string {
	if path == "" {
		return step
	}
	return path + "." + step
}

func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
