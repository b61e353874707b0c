package app

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/comparer/rows"
	"github.com/seed-3356bd69/touchstone/proxy/privacy"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// rowPolicy makes the policy of row comparison of its configuration.
func rowPolicy(c *config.Rows) []rows.Table {
	var out []rows.Table
	for _, t := range c.Tables {
		table := rows.Table{
			Name: t.Name, Key: t.Key, Order: t.Order, Aliases: t.Aliases, Money: rowMoney(t.Money), Classes: t.Classes,
			TimeTolerance: t.Tolerance, Noise: rowNoise(t.Noise),
		}
		if s := t.Shadow; s != nil {
			table.ShadowName, table.Columns, table.ShadowMoney, table.Added = s.Name, s.Columns, rowMoney(s.Money), rowNoise(s.Added)
		}
		out = append(out, table)
	}
	return out
}

func rowMoney(columns []config.RowMoney) map[string]rows.MoneyColumn {
	out := map[string]rows.MoneyColumn{}
	for _, m := range columns {
		out[m.Column] = rows.MoneyColumn{Unit: m.Unit, Currency: recon.Currency(m.Currency), CurrencyColumn: m.CurrencyColumn}
	}
	return out
}

func rowNoise(columns []config.Noise) map[string]rows.Noise {
	out := map[string]rows.Noise{}
	for _, n := range columns {
		out[n.Path] = rows.Noise{Reason: n.Reason, Owner: n.Owner}
	}
	return out
}

// rowSides is what compares rows, with its databases.
type rowSides struct {
	comparer        *rows.Comparer
	masker          *privacy.Masker
	primary, shadow *sql.DB
}

// openRows prepares the comparison, so that a policy that cannot be is an error at start; it connects to nothing yet.
func (j *judge) openRows(reg prometheus.Registerer) error {
	s := j.config.Sides
	if s == nil || s.Rows == nil {
		return nil
	}
	masker, err := reportMasker(string(j.config.Data))
	if err != nil {
		return err
	}
	primary, err := openDSN(s.Primary.DSN.Text())
	if err != nil {
		return fmt.Errorf("sides.primary.dsn_file: %w", err)
	}
	second, err := openDSN(s.Shadow.DSN.Text())
	if err != nil {
		return errors.Join(fmt.Errorf("sides.shadow.dsn_file: %w", err), primary.Close())
	}
	c, err := rows.New(rows.Config{Primary: primary, Shadow: second, Tables: rowPolicy(s.Rows), Delay: s.Rows.Delay, Metrics: rows.NewMetrics(reg), Log: j.log})
	if err != nil {
		return errors.Join(fmt.Errorf("sides.rows: %w", err), primary.Close(), second.Close())
	}
	j.rows = &rowSides{c, masker, primary, second}
	return nil
}

func (j *judge) closeRows() {
	if j.rows != nil {
		_ = j.rows.primary.Close() // nothing was written
		_ = j.rows.shadow.Close()
	}
}

// compareRows compares the rows of the gray orders that can be judged; nil = it is not configured.
func (j *judge) compareRows(ctx context.Context, all []comparer.Order) (map[string]comparer.Rows, error) {
	if j.rows == nil {
		return nil, nil
	}
	var orders []string
	bindings := map[string][]shadow.Binding{}
	for _, o := range all {
		if o.BornGray && o.Taint == "" {
			orders = append(orders, o.ID)
			bindings[o.ID] = o.Bindings
		}
	}
	found, err := j.rows.comparer.Compare(ctx, orders, bindings)
	if err != nil {
		return nil, fmt.Errorf("compare rows: %w", err)
	}
	out := make(map[string]comparer.Rows, len(found))
	for id, r := range found {
		out[id] = comparer.Rows{Mismatches: maskedMismatches(j.rows.masker, r.Mismatches), Cause: r.Cause}
	}
	return out, nil
}
