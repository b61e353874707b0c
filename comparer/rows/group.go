package rows

import (
	"strconv"
)

// part says which columns rows are grouped by. Times with a tolerance are in none of them.
type part int

const (
	ofKey       part = iota // the natural key
	ofRow                   // every column
	ofRowButIDs             // every column but the generated ids of the key
)

// group is the rows without a mate that are the same in a part, by place.
type group struct {
	primary, shadow []int
	open            bool // the part holds a generated id that is not bound yet
}

// groups gives the groups that both sides have, in the order of the primary's rows.
func (j *join) groups(t int, by part) []*group {
	index := map[string]*group{}
	var all []*group
	for i, mate := range j.mate[atPrimary][t] {
		if mate != none {
			continue
		}
		token, open := j.token(atPrimary, t, i, by)
		g := index[token]
		if g == nil {
			g = &group{open: open}
			index[token] = g
			all = append(all, g)
		}
		g.primary = append(g.primary, i)
	}
	for i, mate := range j.mate[atShadow][t] {
		if mate != none {
			continue
		}
		token, _ := j.token(atShadow, t, i, by)
		if g := index[token]; g != nil {
			g.shadow = append(g.shadow, i)
		}
	}
	both := all[:0]
	for _, g := range all {
		if len(g.shadow) > 0 {
			both = append(both, g)
		}
	}
	return both
}

// token gives a text that is equal for rows that are equal in a part: each value behind its length. A bound id stands for
// both sides by the primary's value; one that is not bound yet can be any, and makes the token open.
func (j *join) token(side, t, i int, by part) (text string, open bool) {
	var buffer [256]byte
	b := buffer[:0]
	r := j.rows[side][t][i]
	for place, c := range j.plan.tables[t].columns {
		v := r[place]
		switch {
		case by == ofKey && !c.key, c.tolerance > 0:
		case v.null:
			b = append(b, 'n')
		case c.alias == "" || v.canon == "":
			b = appendSized(b, 'v', v.canon)
		case by == ofRowButIDs && c.key:
			b = append(b, '*')
		default:
			name, bound := j.ids.other(side, c.alias, v.canon)
			if !bound {
				open = true
				b = append(b, '?')
				continue
			}
			if side == atPrimary {
				name = v.canon
			}
			b = appendSized(b, 'b', name)
		}
	}
	return string(b), open
}

func appendSized(b []byte, mark byte, text string) []byte {
	b = append(b, mark)
	b = strconv.AppendInt(b, int64(len(text)), 10)
	b = append(b, ':')
	return append(b, text...)
}
