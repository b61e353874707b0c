package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
)

// Names in the summary.
const (
	sumCount = "总交易单数"
	sumFee   = "手续费总金额"
)

// figure is one control total: a detail column and the summary's name for its sum.
type figure struct {
	column   int
	summary  []string // names of it, newest first
	required bool

	name     string
	declared int64
	counted  int64
	unread   int64 // rows whose value could not be read
	stated   bool
}

// totals counts the details and holds them against the summary. Every figure is a decimal of two places, whatever the
// row's currency: the channel adds them up like that.
type totals struct {
	rows    int64
	count   int64 // as the summary states it
	figures []*figure
}

// newTotals chooses the figures this layout has.
func newTotals(l *layout) *totals {
	t := &totals{}
	add := func(required bool, column int, summary ...string) {
		if column >= 0 {
			t.figures = append(t.figures, &figure{column: column, summary: summary, required: required, name: summary[0]})
		}
	}
	if l.find(colOrderAmount) >= 0 {
		add(true, l.orderAmount, "订单总金额")
	} else {
		add(true, l.orderAmount, "总交易额", "应结订单总金额")
	}
	if l.find(colRefundAsked) >= 0 {
		add(true, l.refundAmount, "申请退款总金额")
		add(false, l.find(colRefundAmount), "退款总金额", "总退款金额")
	} else {
		add(true, l.refundAmount, "总退款金额", "退款总金额")
	}
	add(true, l.fee, sumFee)
	add(false, l.find("应结订单金额"), "应结订单总金额")
	add(false, l.find("充值券退款金额"), "充值券退款总金额")
	add(false, l.find("代金券或立减优惠退款金额"), "总代金券或立减优惠退款金额")
	add(false, l.find("企业红包退款金额"), "总企业红包退款金额")
	return t
}

// fault is what makes a row a reject: which cell, and why.
type fault struct {
	cell   int
	reason string
}

// add counts one row, rejected or not, and gives the first figure that cannot be read.
func (t *totals) add(l *layout, cells []string) *fault {
	t.rows++
	var first *fault
	for _, f := range t.figures {
		text, ok := l.cell(cells, f.column)
		if !ok {
			f.unread++
			continue
		}
		amount, err := recon.ParseMajor(text, "CNY")
		if err == nil {
			var sum recon.Money
			sum, err = recon.Money{Minor: f.counted, Currency: "CNY"}.Add(amount)
			if err == nil {
				f.counted = sum.Minor
				continue
			}
		}
		f.unread++
		if first == nil {
			first = &fault{cell: f.column, reason: err.Error()}
		}
	}
	return first
}

// skip counts a row nothing of which can be read.
func (t *totals) skip() {
	t.rows++
	for _, f := range t.figures {
		f.unread++
	}
}

// isSummary tells a summary header from a row: a header's cells are all names of sums, and a row has a time and amounts.
func isSummary(names []string) bool {
	if !slices.Contains(names, sumCount) {
		return false
	}
	return !slices.ContainsFunc(names, func(name string) bool {
		return !strings.HasPrefix(name, "总") && !strings.HasSuffix(name, "总金额") || strings.ContainsAny(name, "0123456789")
	})
}

// state reads the summary row.
func (t *totals) state(names, cells []string) error {
	if len(names) != len(cells) {
		return plugins.Fail(plugins.FailureQuarantine, "summary has %d names and %d values", len(names), len(cells))
	}
	count, err := recon.ParseMajor(cells[slices.Index(names, sumCount)], "JPY") // no decimals: "20" and "20.0" are 20
	if err != nil {
		return plugins.Fail(plugins.FailureQuarantine, "summary: %s: %v", sumCount, err)
	}
	t.count = count.Minor
	for _, f := range t.figures {
		for _, name := range f.summary {
			i := slices.Index(names, name)
			if i < 0 || f.stated {
				continue
			}
			amount, err := recon.ParseMajor(cells[i], "CNY")
			if err != nil {
				return plugins.Fail(plugins.FailureQuarantine, "summary: %s: %v", name, err)
			}
			f.name, f.declared, f.stated = name, amount.Minor, true
		}
		if f.required && !f.stated {
			return plugins.Fail(plugins.FailureQuarantine, "summary does not state %s", f.name)
		}
	}
	return nil
}

// check says which figures disagree.
func (t *totals) check() error {
	var wrong []string
	if t.count != t.rows {
		wrong = append(wrong, fmt.Sprintf("%s is %d, details are %d", sumCount, t.count, t.rows))
	}
	for _, f := range t.figures {
		if !f.stated || f.declared == f.counted {
			continue
		}
		text := fmt.Sprintf("%s is %s, details add up to %s", f.name, major(f.declared), major(f.counted))
		if f.unread > 0 {
			text += fmt.Sprintf(" without %d unreadable", f.unread)
		}
		wrong = append(wrong, text)
	}
	if len(wrong) > 0 {
		return plugins.Fail(plugins.FailureQuarantine, "summary against details: %s", strings.Join(wrong, "; "))
	}
	return nil
}

func major(minor int64) string { return recon.Money{Minor: minor, Currency: "CNY"}.Major() }

// list gives the totals as data.
func (t *totals) list() []plugins.ControlTotal {
	out := []plugins.ControlTotal{{Name: sumCount, Declared: t.count, Counted: t.rows}}
	for _, f := range t.figures {
		if f.stated {
			out = append(out, plugins.ControlTotal{Name: f.name, Declared: f.declared, Counted: f.counted, Currency: "CNY"})
		}
	}
	return out
}
