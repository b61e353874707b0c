package rows

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

func (c Config) check() []error {
	var errs []error
	if c.Primary == nil || c.Shadow == nil {
		errs = append(errs, errors.New("rows need a primary and a shadow database"))
	}
	if c.Metrics == nil || c.Log == nil {
		errs = append(errs, errors.New("rows need metrics and a log"))
	}
	if len(c.Tables) == 0 {
		errs = append(errs, errors.New("rows need at least one table: nothing compared is no evidence"))
	}
	names, shadowNames := map[string]bool{}, map[string]bool{}
	for _, t := range c.Tables {
		for _, err := range t.check() {
			errs = append(errs, fmt.Errorf("table %s: %w", t.Name, err))
		}
		if names[t.Name] || shadowNames[t.shadowName()] {
			errs = append(errs, fmt.Errorf("table %s: is declared twice", t.Name))
		}
		names[t.Name], shadowNames[t.shadowName()] = true, true
	}
	return errs
}

func (t Table) check() []error {
	var errs []error
	add := func(column string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("column %s: %w", column, err))
		}
	}
	if t.Name == "" {
		errs = append(errs, errors.New("has no name"))
	}
	if t.Order == "" {
		errs = append(errs, errors.New("has no order column"))
	}
	for _, column := range slices.Sorted(maps.Keys(t.Classes)) {
		add(column, checkClass(t.Classes[column]))
	}
	for _, column := range slices.Sorted(maps.Keys(t.Noise)) {
		add(column, t.checkNoise(column))
	}
	for _, column := range slices.Sorted(maps.Keys(t.Added)) {
		add(column, t.Added[column].check())
	}
	for _, column := range slices.Sorted(maps.Keys(t.Aliases)) {
		add(column, t.checkAlias(column))
	}
	for _, column := range slices.Sorted(maps.Keys(t.Money)) {
		add(column, t.Money[column].check())
	}
	for _, column := range slices.Sorted(maps.Keys(t.ShadowMoney)) {
		add(column, t.checkShadowMoney(column))
	}
	for _, column := range slices.Sorted(maps.Keys(t.TimeTolerance)) {
		add(column, t.checkTolerance(column))
	}
	return append(errs, t.checkRenames()...)
}

func checkClass(c shadow.FieldClass) error {
	switch c {
	case shadow.ClassMoney, shadow.ClassCurrency, shadow.ClassOrder, shadow.ClassAccount, shadow.ClassDirection, shadow.ClassAlias, shadow.ClassPlain:
		return nil
	case shadow.ClassNoise:
		return errors.New("noise is declared with its reason and owner, not as a class")
	}
	return fmt.Errorf("unknown class %q", c)
}

func (n Noise) check() error {
	if n.Reason == "" || n.Owner == "" {
		return errors.New("is left out without a reason and an owner")
	}
	return nil
}

// checkNoise refuses noise that could hide money: by declaration, by use, or by either of the column's names.
func (t Table) checkNoise(column string) error {
	hard := t.class(column).Hard() || shadow.ClassOfName(column).Hard() || shadow.ClassOfName(t.shadowColumn(column)).Hard()
	switch {
	case hard:
		return ErrNoise
	case slices.Contains(t.Key, column):
		return errors.New("is part of the key and cannot be noise")
	case t.Aliases[column] != "":
		return errors.New("is an alias and cannot be noise too")
	}
	return t.Noise[column].check()
}

func (t Table) checkAlias(column string) error {
	byName := shadow.ClassOfName(column)
	declared, isDeclared := t.Classes[column]
	hard := func(c shadow.FieldClass) bool { return c.Hard() && c != shadow.ClassOrder }
	switch {
	case t.Aliases[column] == "":
		return errors.New("has no alias name")
	case hard(byName) || isDeclared && hard(declared):
		return ErrAlias
	case column == t.Order:
		return errors.New("is the order column and cannot be an alias")
	}
	if _, ok := t.Money[column]; ok {
		return ErrAlias
	}
	return nil
}

func (m MoneyColumn) check() error {
	switch {
	case !m.Unit.Valid():
		return fmt.Errorf("unit is %s or %s (got %q)", recon.UnitMajor, recon.UnitMinor, m.Unit)
	case (m.Currency == "") == (m.CurrencyColumn == ""):
		return errors.New("an amount has either a currency or a currency column")
	case m.Currency == "":
		return nil
	}
	_, err := m.Currency.Exponent()
	return err
}

func (t Table) checkShadowMoney(column string) error {
	if _, ok := t.Money[column]; !ok {
		return errors.New("is money of the shadow and not of the primary")
	}
	return t.ShadowMoney[column].check()
}

func (t Table) checkTolerance(column string) error {
	_, isMoney := t.Money[column]
	switch {
	case t.TimeTolerance[column] <= 0:
		return errors.New("tolerance must be longer than nothing")
	case slices.Contains(t.Key, column) || isMoney || t.Aliases[column] != "":
		return errors.New("a key, an amount or an alias has no time tolerance")
	}
	return nil
}

func (t Table) checkRenames() []error {
	var errs []error
	seen := map[string]string{}
	for _, primary := range slices.Sorted(maps.Keys(t.Columns)) {
		name := t.Columns[primary]
		if other, ok := seen[name]; ok || name == "" {
			errs = append(errs, fmt.Errorf("column %s: renamed to %q, as is %q", primary, name, other))
		}
		seen[name] = primary
	}
	return errs
}
