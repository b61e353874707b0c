package rowlog

const perGeneration = 50_000

// recent remembers at least the last 50,000 orders it was told of, and at most twice as many.
type recent struct {
	young, old map[string]struct{}
}

func (r *recent) add(order string) {
	if len(r.young) >= perGeneration || r.young == nil {
		r.young, r.old = map[string]struct{}{}, r.young
	}
	r.young[order] = struct{}{}
}

func (r *recent) has(order string) bool {
	_, young := r.young[order]
	_, old := r.old[order]
	return young || old
}
