// Package load is the demo's customers: which payments and refunds they make, and the client that makes them.
//
// In:    a number of payments and a seed.
// Out:   the same plan for the same seed; requests at a steady pace; what each was answered and how long it took.
// Never: a request without its order key, or more load than the plan says.
package load

import (
	"fmt"
	"math/rand/v2"
)

// Order is one order's life: a payment and up to two partial refunds, in this sequence.
type Order struct {
	ID      string
	Fen     int64 // amount in minor units
	Refunds []Refund
}

// Refund is one partial refund.
type Refund struct {
	ID  string
	Fen int64
}

// Amount is the order's amount as customers write it.
func (o Order) Amount() string { return yuan(o.Fen) }

// Amount is the refund's amount as customers write it.
func (r Refund) Amount() string { return yuan(r.Fen) }

func yuan(fen int64) string { return fmt.Sprintf("%d.%02d", fen/100, fen%100) }

const (
	maxFen     = 100_000 // 1000.00 yuan
	minForPart = 100     // smaller orders are not refunded in parts
)

// Plan gives n orders. About a third are refunded, some of them twice.
func Plan(n int, seed uint64) []Order {
	rng := rand.New(rand.NewPCG(seed, 20))
	orders := make([]Order, n)
	for i := range orders {
		o := Order{ID: fmt.Sprintf("P%06d", i+1), Fen: 1 + rng.Int64N(maxFen)}
		if o.Fen >= minForPart {
			o.Refunds = refunds(rng, o)
		}
		orders[i] = o
	}
	return orders
}

func refunds(rng *rand.Rand, o Order) []Refund {
	var out []Refund
	left := o.Fen
	for i := range [...]int{0, 0, 0, 0, 0, 0, 1, 1, 1, 2}[rng.IntN(10)] {
		fen := 1 + rng.Int64N(left/2)
		left -= fen
		out = append(out, Refund{ID: fmt.Sprintf("R%s-%d", o.ID[1:], i+1), Fen: fen})
	}
	return out
}

// Requests is the number of requests in a plan.
func Requests(orders []Order) int {
	n := len(orders)
	for _, o := range orders {
		n += len(o.Refunds)
	}
	return n
}
