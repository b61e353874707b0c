package comparer

import "github.com/seed-3356bd69/touchstone/shadow"

// bijection is the learned one-to-one mapping of generated ids, per order and column. The first sight binds.
type bijection struct {
	toShadow, toPrimary map[boundID]string
}

type boundID struct{ order, column, value string }

func newBijection(orders []Order) *bijection {
	b := &bijection{toShadow: map[boundID]string{}, toPrimary: map[boundID]string{}}
	for _, o := range orders {
		for _, learned := range o.Bindings {
			b.learn(o.ID, learned)
		}
	}
	return b
}

// learn takes a binding that the response comparison has judged already; a contradiction stays its finding.
func (b *bijection) learn(order string, x shadow.Binding) {
	b.bind(order, x.Column, x.Primary, x.Shadow)
}

// bind gives whether the pair fits, and otherwise what one of the two is bound to already.
func (b *bijection) bind(order, column, primary, shadowID string) (string, bool) {
	p, s := boundID{order, column, primary}, boundID{order, column, shadowID}
	if bound, ok := b.toShadow[p]; ok && bound != shadowID {
		return bound, false
	}
	if bound, ok := b.toPrimary[s]; ok && bound != primary {
		return bound, false
	}
	b.toShadow[p], b.toPrimary[s] = shadowID, primary
	return "", true
}
