package rules

import (
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
)

// summed adds up records of one side. Those of one kind and currency come one after the other, and are added to the totals
// together.
type summed struct {
	totals match.Totals
	now    match.Total
}

func (s *summed) add(r *recon.Record) error {
	if s.now.Count > 0 && s.now.Kind == r.Key.Kind && s.now.Currency == r.Amount.Currency {
		sum, err := recon.Money{Minor: s.now.Minor, Currency: s.now.Currency}.Add(r.Amount)
		if err != nil {
			return err
		}
		s.now.Minor = sum.Minor
		s.now.Count++
		return nil
	}
	if err := s.flush(); err != nil {
		return err
	}
	s.now = match.Total{Kind: r.Key.Kind, Currency: r.Amount.Currency, Count: 1, Minor: r.Amount.Minor}
	return nil
}

func (s *summed) flush() error {
	if s.now.Count == 0 {
		return nil
	}
	total := s.now
	s.now = match.Total{}
	return s.totals.AddTotal(total)
}

// done gives the totals of everything that was added.
func (s *summed) done() (match.Totals, error) {
	err := s.flush()
	return s.totals, err
}
