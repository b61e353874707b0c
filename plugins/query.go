package plugins

import (
	"context"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

// QueryRequest names one transaction. A channel needs only some of it; the adapter says which is missing.
type QueryRequest struct {
	Account    string     // merchant account at the channel
	Kind       recon.Kind // one of Description.Queries
	ID         string     // the record's key: the order number of a payment, the refund number of a refund
	Order      string     // merchant order
	ChannelTxn string     // the channel's own id, or ""
	Time       time.Time  // when it was sent to the channel; zero if unknown
	Settings   Settings
}

// QueryResult is the channel's answer. Not found is an answer: the channel knows no such transaction now.
type QueryResult struct {
	Found  bool         `json:"found"`
	Record recon.Record `json:"record"` // the host adds channel and adapter
	State  string       `json:"state"`  // in the channel's own words
}

// NoQuery is embedded by adapters whose channel cannot be asked about one transaction.
type NoQuery struct{}

// Query says that it cannot be done.
func (NoQuery) Query(context.Context, QueryRequest) (QueryResult, error) {
	return QueryResult{}, Fail(FailureUnsupported, "this channel cannot be asked about one transaction")
}
