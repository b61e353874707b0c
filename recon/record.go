package recon

import (
	"fmt"
	"slices"
	"time"
)

// Kind says what a record books.
type Kind string

// The kinds of records. A reversal is money out that undoes a payment (WeChat's REVOKED); a split is a part of a payment
// that goes to another receiver, a split return the way back; a settlement is what the channel pays out.
const (
	KindPayment     Kind = "payment"
	KindRefund      Kind = "refund"
	KindReversal    Kind = "reversal"
	KindSplit       Kind = "split"
	KindSplitReturn Kind = "split-return"
	KindFee         Kind = "fee"
	KindSettlement  Kind = "settlement"
	KindChargeback  Kind = "chargeback"
)

// Kinds lists the kinds. The place in the list, from 1, is a kind's code in entries and digests: it never changes.
func Kinds() []Kind {
	return []Kind{KindPayment, KindRefund, KindReversal, KindSplit, KindSplitReturn, KindFee, KindSettlement, KindChargeback}
}

// ParseKind accepts the names above and nothing else.
func ParseKind(text string) (Kind, error) {
	if slices.Contains(Kinds(), Kind(text)) {
		return Kind(text), nil
	}
	return "", fmt.Errorf("unknown kind %q (one of %v)", text, Kinds())
}

// Direction is +1 where the merchant receives money and -1 where money leaves. A settlement moves money from the
// channel's books to the merchant's bank, and leaves the channel's.
func (k Kind) Direction() int64 {
	if k == KindPayment || k == KindSplitReturn {
		return 1
	}
	return -1
}

// Status is the normalised state of a record.
type Status string

// The states of records.
const (
	StatusSuccess    Status = "success"
	StatusProcessing Status = "processing"
	StatusFailed     Status = "failed"
	StatusClosed     Status = "closed"
)

// Statuses lists the states. The place in the list, from 1, is a state's code in entries and digests: it never changes.
func Statuses() []Status {
	return []Status{StatusSuccess, StatusProcessing, StatusFailed, StatusClosed}
}

// ParseStatus accepts the names above and nothing else: an unknown state is never success.
func ParseStatus(text string) (Status, error) {
	if slices.Contains(Statuses(), Status(text)) {
		return Status(text), nil
	}
	return "", fmt.Errorf("unknown status %q (one of %v)", text, Statuses())
}

// Key identifies one booking: the merchant's order number for a payment, the merchant's own refund or reversal
// number for money out. The order number alone is no key: partial refunds repeat it.
type Key struct {
	Kind Kind   `json:"kind"`
	ID   string `json:"id"`
}

// String prints "refund R-17".
func (k Key) String() string { return string(k.Kind) + " " + k.ID }

// Compare orders keys by kind, then id.
func (k Key) Compare(o Key) int {
	switch {
	case k == o:
		return 0
	case k.Kind < o.Kind || (k.Kind == o.Kind && k.ID < o.ID):
		return -1
	}
	return 1
}

// Field names one compared field of a Record.
type Field string

// The fields of a record that sides can have or lack. FieldPresence stands for the record as a whole,
// FieldOccurrence for a copy that only some sides have. An alias column is named by AliasField.
const (
	FieldPresence   Field = "presence"
	FieldOccurrence Field = "occurrence"
	FieldAmount     Field = "amount"
	FieldCurrency   Field = "currency"
	FieldOrder      Field = "order"
	FieldAccount    Field = "account"
	FieldStatus     Field = "status"
	FieldFee        Field = "fee"
	FieldTime       Field = "time"
	FieldChannelTxn Field = "channel_txn"
)

// Money tells whether a difference in this field is about money or its owner: such a field can never be noise.
func (f Field) Money() bool {
	switch f {
	case FieldPresence, FieldOccurrence, FieldAmount, FieldCurrency, FieldOrder, FieldAccount, FieldFee:
		return true
	}
	return false
}

// Alias is a generated id that each side chooses for itself; it is compared modulo a one-to-one mapping.
type Alias struct {
	Column string `json:"column"`
	Value  string `json:"value"`
}

// Text is a column that a format asks to compare as text.
type Text struct {
	Column string `json:"column"`
	Value  string `json:"value"`
}

// Record is one normalised transaction line of one side. Amount is never negative: Kind carries the direction.
// A side that has no notion of an optional field leaves it empty (Fee nil) and it is compared among the others.
type Record struct {
	Channel    string    `json:"channel"`               // for example "wechat"
	Account    string    `json:"account,omitempty"`     // merchant account at the channel; "" = this side lacks it
	Key        Key       `json:"key"`                   //
	Order      string    `json:"order"`                 // merchant order this booking belongs to
	ChannelTxn string    `json:"channel_txn,omitempty"` // the channel's own id; "" = this side lacks it
	Amount     Money     `json:"amount"`                //
	Fee        *Money    `json:"fee,omitempty"`         // cost to the merchant, negative when given back; nil = lacks it
	Status     Status    `json:"status"`                //
	Time       time.Time `json:"time"`                  // event time of the side's own clock; zero = lacks it
	Original   string    `json:"original,omitempty"`    // the channel's id of the payment that money out belongs to; "" = lacks it
	Booked     time.Time `json:"booked,omitzero"`       // when the channel booked it; zero = lacks it
	Settled    string    `json:"settled,omitempty"`     // settlement date, 2006-01-02 in the channel's zone; "" = lacks it
	Aliases    []Alias   `json:"aliases,omitempty"`     //
	Further    []Text    `json:"further,omitempty"`     // further compared columns, in the order of the format
	Origin     Origin    `json:"origin"`                //
}

// Origin says where a record was read: a file's line, or a table's row.
type Origin struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`    // from 1
	SHA256  string `json:"sha256,omitempty"`  // of the raw file, hex
	Adapter string `json:"adapter,omitempty"` // name and version
	Table   string `json:"table,omitempty"`
	Row     string `json:"row,omitempty"` // primary key, as text
}

// String prints "bill.csv:17" or "payments[order_id=P1]".
func (o Origin) String() string {
	switch {
	case o.File != "":
		return fmt.Sprintf("%s:%d", o.File, o.Line)
	case o.Table != "":
		return fmt.Sprintf("%s[%s]", o.Table, o.Row)
	}
	return "?"
}

// Reject is a line of a side that could not become a Record. It is counted, reported and never dropped in silence.
type Reject struct {
	Origin Origin `json:"origin"`
	Column int    `json:"column,omitempty"` // byte column from 1
	Field  string `json:"field,omitempty"`
	Value  string `json:"value,omitempty"`
	Reason string `json:"reason"`
}

// Error makes a Reject usable as an error: "file:line:col: field: reason (got value)".
func (r Reject) Error() string {
	at := r.Origin.String()
	if r.Column > 0 {
		at = fmt.Sprintf("%s:%d", at, r.Column)
	}
	if r.Field == "" {
		return fmt.Sprintf("%s: %s", at, r.Reason)
	}
	return fmt.Sprintf("%s: %s: %s (got %q)", at, r.Field, r.Reason, r.Value)
}
