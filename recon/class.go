package recon

// Class is what three sides together say of a field, a record or an order: primary and shadow, and the channel.
type Class string

// The classes, from best to worst.
const (
	Agree      Class = "agree"
	Fix        Class = "fix"        // the candidate corrects the stable release
	Common     Class = "common"     // both databases agree with each other and not with the channel
	Regression Class = "regression" // the candidate is wrong
	Conflict   Class = "conflict"   // all three differ
)

// Classify compares one value of the three sides; absent is a value like any other.
func Classify[T comparable](primary, shadow, channel T) Class {
	switch {
	case primary == shadow && shadow == channel:
		return Agree
	case primary == channel:
		return Regression
	case shadow == channel:
		return Fix
	case primary == shadow:
		return Common
	}
	return Conflict
}

// Rank is the weight of a class: of a record's fields the heaviest counts. A word that is none of them weighs nothing.
func (c Class) Rank() int {
	switch c {
	case Fix:
		return 1
	case Common:
		return 2
	case Regression:
		return 3
	case Conflict:
		return 4
	}
	return 0
}

// Worse gives the class that weighs more; of two that weigh the same, the first.
func Worse(a, b Class) Class {
	if b.Rank() > a.Rank() {
		return b
	}
	return a
}
