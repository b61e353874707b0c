package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/channel"
	"github.com/seed-3356bd69/touchstone/recon"
)

// maxSummary bounds the summary file: a line a store.
const maxSummary = 64 << 20

// against holds the details against the summary's line 合计. What the summary does not state is none the worse.
func (d *details) against(summary io.Reader, res plugins.DecodeResult) ([]plugins.ControlTotal, error) {
	stated, err := readSummary(summary)
	if err != nil {
		return nil, err
	}
	var totals []plugins.ControlTotal
	var wrong []string
	add := func(name string, counted int64, currency recon.Currency) error {
		text, ok := stated[strings.NewReplacer("（", "(", "）", ")").Replace(name)]
		if !ok || text == "" {
			return nil
		}
		declared, err := recon.ParseDecimal(strings.ReplaceAll(text, ",", ""), decimals(currency))
		if err != nil {
			return plugins.Fail(plugins.FailureQuarantine, "summary: %s: %v (got %q)", name, err, text)
		}
		totals = append(totals, plugins.ControlTotal{Name: "汇总 " + name, Declared: declared, Counted: counted, Currency: currency})
		if declared != counted {
			wrong = append(wrong, fmt.Sprintf("%s is %s, details are %s", name, text, printed(counted, currency)))
		}
		return nil
	}
	for name, counted := range d.figures(res) {
		if err := add(name, counted.n, counted.currency); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(totals, func(a, b plugins.ControlTotal) int { return strings.Compare(a.Name, b.Name) })
	slices.Sort(wrong)
	if len(wrong) > 0 {
		return totals, plugins.Fail(plugins.FailureQuarantine, "details are not the summary: %s", strings.Join(wrong, "; "))
	}
	return totals, nil
}

func decimals(c recon.Currency) int {
	if c == "" {
		return 0
	}
	return 2
}

func printed(n int64, c recon.Currency) string {
	if c == "" {
		return fmt.Sprint(n)
	}
	return recon.Money{Minor: n, Currency: c}.Major()
}

type counted struct {
	n        int64
	currency recon.Currency // "" for a count
}

// figures are what the details say under the summary's names. Amounts are net: refunds are negative in both files. A
// count by kind is known only while no line was rejected.
func (d *details) figures(res plugins.DecodeResult) map[string]counted {
	out := map[string]counted{}
	for _, s := range d.sums {
		out[s.Column] = counted{s.Counted, "CNY"}
	}
	if res.Rejects == 0 && d.title == "支付宝业务" {
		out["交易订单总笔数"] = counted{d.counts[recon.KindPayment], ""}
		out["退款订单总笔数"] = counted{d.counts[recon.KindRefund], ""}
	}
	return out
}

// readSummary gives the cells of the line 合计 by their columns' names, brackets made narrow.
func readSummary(r io.Reader) (map[string]string, error) {
	raw, err := io.ReadAll(channel.Bounded(r, maxSummary))
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(decodeText(raw)) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "#") || strings.Trim(line, ", \t") == "" {
			continue
		}
		cells := strings.Split(line, ",")
		for i := range cells {
			cells[i] = strings.Trim(cells[i], "\t ")
		}
		if names == nil {
			names = cells
			continue
		}
		if !strings.HasPrefix(cells[0], "合计") {
			continue
		}
		if len(cells) != len(names) {
			return nil, plugins.Fail(plugins.FailureQuarantine, "summary has %d names and %d values", len(names), len(cells))
		}
		out := map[string]string{}
		for i, name := range names {
			out[strings.NewReplacer("（", "(", "）", ")").Replace(name)] = cells[i]
		}
		return out, nil
	}
	return nil, plugins.Fail(plugins.FailureQuarantine, "summary has no line 合计: it is cut off")
}
