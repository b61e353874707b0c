package channelsim

import "time"

// The states of a row, in the channel's words.
const (
	StateSuccess = "SUCCESS" // a payment
	StateRefund  = "REFUND"
	StateRevoked = "REVOKED"
)

// Row is one booking. Amounts are fen.
type Row struct {
	Time          time.Time // success of a payment, acceptance of a refund
	AppID         string
	MchID         string
	TransactionID string // the channel's id of the payment, also on its refunds
	OutTradeNo    string
	OpenID        string
	TradeType     string
	State         string
	Bank          string
	Currency      string
	Total         int64  // of the order; 0 on refunds
	RefundID      string // "" on payments
	OutRefundNo   string
	Refund        int64  // asked for; 0 on payments
	RefundState   string // SUCCESS, PROCESSING
	Goods         string
	Attach        string
	Fee           int64 // negative where it is given back
}

// feeRate is in hundredths of a per cent: 0.60 %.
const feeRate = 60

// feeOf rounds half up to the fen.
func feeOf(amount int64) int64 { return (amount*feeRate + 5_000) / 10_000 }

// beijing is where the channel's day begins and ends. It has had no summer time since 1991.
func beijing() *time.Location { return time.FixedZone("CST", 8*60*60) }
