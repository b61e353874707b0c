package recon

// Break names what is wrong with one booking, in neutral words: which side lacks it, or which field differs.
type Break string

// The breaks. Internally is the primary side, the books of the service as it runs.
const (
	MissingAtChannel  Break = "missing-at-channel"
	MissingInternally Break = "missing-internally"
	MissingInShadow   Break = "missing-in-shadow"
	OnlyInternally    Break = "only-internally"
	OnlyInShadow      Break = "only-in-shadow"
	OnlyAtChannel     Break = "only-at-channel"
	Duplicate         Break = "duplicate" // a copy that not every side has
	AmountMismatch    Break = "amount-mismatch"
	StatusMismatch    Break = "status-mismatch"
	FieldMismatch     Break = "field-mismatch"
)

// BreakOf names the break of a field on which sides disagree; the three flags tell who has the booking.
func BreakOf(field Field, internal, shadow, channel bool) Break {
	switch field {
	case FieldOccurrence:
		return Duplicate
	case FieldAmount, FieldCurrency:
		return AmountMismatch
	case FieldStatus:
		return StatusMismatch
	case FieldPresence:
		return missing(internal, shadow, channel)
	}
	return FieldMismatch
}

func missing(internal, shadow, channel bool) Break {
	switch {
	case internal && shadow:
		return MissingAtChannel
	case internal && channel:
		return MissingInShadow
	case shadow && channel:
		return MissingInternally
	case internal:
		return OnlyInternally
	case shadow:
		return OnlyInShadow
	}
	return OnlyAtChannel
}
