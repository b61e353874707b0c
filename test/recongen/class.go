package recongen

import (
	"fmt"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon"
)

// Class names a planted fault, or something that looks like one and is not.
type Class string

// The classes. A group is what one planting takes: one or two rows a side.
const (
	MissingTheirs   Class = "missing-theirs"    // only the first side has it
	MissingOurs     Class = "missing-ours"      // only the second side has it
	Amount          Class = "amount"            // another amount, by 1 to 100 fen
	Status          Class = "status"            // another state
	Fee             Class = "fee"               // another fee, by 1 fen
	Currency        Class = "currency"          // the same number of another currency
	DuplicateOurs   Class = "duplicate-ours"    // two equal rows against one
	DuplicateTheirs Class = "duplicate-theirs"  // one row against two equal ones
	EqualDuplicates Class = "equal-duplicates"  // two equal rows against two: no fault
	WrongCopy       Class = "wrong-copy"        // two rows of one key on both sides, one of them with another amount
	RefundSameOrder Class = "refund-same-order" // a payment and a refund with its order number: no fault
	Edit            Class = "edit"              // the same ten minutes added to the time of many rows
	CollidingKeys   Class = "colliding-keys"    // ('x0','y') here and ('x','0y') there: two bookings, not one
	MovedCent       Class = "moved-cent"        // a cent less in one row, a cent more in another: the sum is the same
)

// ParseClass accepts the names above and nothing else.
func ParseClass(text string) (Class, error) {
	names := []string{}
	for _, s := range shapes() {
		if string(s.class) == text {
			return s.class, nil
		}
		names = append(names, string(s.class))
	}
	return "", fmt.Errorf("unknown class %q (%s)", text, strings.Join(names, ", "))
}

// shape says how many rows a group of a class has on the first and on the second side, and which breaks it makes
// between them when everything is compared and the key is (kind, order_id, refund_id).
type shape struct {
	class  Class
	rows   [2]uint64
	breaks []recon.Break
}

// shapes lists the classes in the order their rows are numbered.
func shapes() []shape {
	return []shape{
		{MissingTheirs, [2]uint64{1, 0}, []recon.Break{recon.MissingAtChannel}},
		{MissingOurs, [2]uint64{0, 1}, []recon.Break{recon.MissingInternally}},
		{Amount, [2]uint64{1, 1}, []recon.Break{recon.AmountMismatch}},
		{Status, [2]uint64{1, 1}, []recon.Break{recon.StatusMismatch}},
		{Fee, [2]uint64{1, 1}, []recon.Break{recon.FieldMismatch}},
		{Currency, [2]uint64{1, 1}, []recon.Break{recon.AmountMismatch}},
		{DuplicateOurs, [2]uint64{2, 1}, []recon.Break{recon.Duplicate}},
		{DuplicateTheirs, [2]uint64{1, 2}, []recon.Break{recon.Duplicate}},
		{EqualDuplicates, [2]uint64{2, 2}, nil},
		{WrongCopy, [2]uint64{2, 2}, []recon.Break{recon.AmountMismatch}},
		{RefundSameOrder, [2]uint64{2, 2}, nil},
		{Edit, [2]uint64{1, 1}, []recon.Break{recon.FieldMismatch}},
		{CollidingKeys, [2]uint64{1, 1}, []recon.Break{recon.MissingAtChannel, recon.MissingInternally}},
		{MovedCent, [2]uint64{2, 2}, []recon.Break{recon.AmountMismatch, recon.AmountMismatch}},
	}
}
