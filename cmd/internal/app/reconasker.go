package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/batch"
)

// callbacksOf is what a provisional close of the channel may use.
func callbacksOf(c *config.ReconCallbacks, a channelAdapter) *batch.Callbacks {
	return &batch.Callbacks{Asker: adapterAsker{a}, Queries: c.Queries, Parallel: c.Parallel, Rate: float64(c.Rate), Within: c.Within}
}

// adapterAsker asks a channel through its adapter.
type adapterAsker struct{ channelAdapter }

// Ask asks about one booking of the books.
func (a adapterAsker) Ask(ctx context.Context, id batch.ID, r *recon.Record) (batch.ChannelAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	res, err := a.keeper.Query(ctx, plugins.QueryRequest{
		Account: id.Account, Kind: r.Key.Kind, ID: r.Key.ID, Order: r.Order, ChannelTxn: r.ChannelTxn, Time: r.Time, Settings: a.settings(id.Account),
	})
	switch {
	case plugins.KindOf(err) == plugins.FailureUnsupported:
		return batch.ChannelAnswer{}, fmt.Errorf("%w: %w", batch.ErrCannotAsk, err)
	case err != nil:
		return batch.ChannelAnswer{}, err
	case !res.Found:
		return batch.ChannelAnswer{}, nil
	}
	raw, err := json.Marshal(res)
	if err != nil {
		return batch.ChannelAnswer{}, fmt.Errorf("keep answer about %s: %w", r.Key, err)
	}
	sum := sha256.Sum256(raw)
	return batch.ChannelAnswer{Record: &res.Record, SHA256: hex.EncodeToString(sum[:])}, nil
}
