package casework

import "github.com/seed-3356bd69/touchstone/recon"

// Label is the word that reconciliation teams use for the direction of a gap. It is derived from the gap and never stored,
// since sources use the two words in opposite ways: wherever one is printed, its definition is.
type Label string

// The labels.
const (
	LabelOver  Label = "长款"
	LabelShort Label = "短款"
	LabelEven  Label = "平" // no money is missing: a state or another field differs
	LabelMixed Label = "币种不同"
)

// LabelOf derives the label of a gap: what the channel has more than the books.
func LabelOf(gap *recon.Money) Label {
	switch {
	case gap == nil:
		return LabelMixed
	case gap.Minor > 0:
		return LabelOver
	case gap.Minor < 0:
		return LabelShort
	}
	return LabelEven
}

// Definition says what a label means here.
func (l Label) Definition() string {
	switch l {
	case LabelOver:
		return "长款: 渠道成功金额大于账面成功金额 (the channel has more than the books)"
	case LabelShort:
		return "短款: 渠道成功金额小于账面成功金额 (the channel has less than the books)"
	case LabelEven:
		return "平: 金额相符, 状态或其他字段不同 (the amounts agree, another field does not)"
	}
	return "币种不同: 两边币种不同, 不能相减 (the sides are in different currencies)"
}
