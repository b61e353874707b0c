package app

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon/casework"
)

// askedChannels asks channels through their adapters, each a process that is kept running.
type askedChannels map[string]askedChannel

type askedChannel struct {
	adapter  askedAdapter
	run      func(context.Context) error
	settings plugins.Settings
}

// askedAdapter is an adapter, as questions need it.
type askedAdapter interface {
	Query(ctx context.Context, req plugins.QueryRequest) (plugins.QueryResult, error)
}

func newAskedChannels(all []config.CasesAsked, log *slog.Logger, registry prometheus.Registerer) askedChannels {
	out := askedChannels{}
	if len(all) == 0 {
		return out
	}
	metrics := plugins.NewMetrics(registry)
	for _, c := range all {
		secrets := map[string]string{}
		for name, file := range c.Secrets {
			secrets[name] = file.Text()
		}
		settings := plugins.Settings{}
		if c.BaseURL != nil {
			settings["base_url"] = c.BaseURL.String()
		}
		maps.Copy(settings, c.Settings)
		keeper := plugins.NewKeeper(plugins.HostConfig{Name: c.Name, Path: string(c.Path), SHA256: c.SHA256, Secrets: secrets, Logger: log, Metrics: metrics})
		out[c.Name] = askedChannel{keeper, keeper.Run, settings}
	}
	return out
}

// run keeps the adapters running until ctx ends.
func (a askedChannels) run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, c := range a {
		all.Go(func() { _ = c.run(ctx) }) // it ends with ctx, without an error
	}
	<-ctx.Done()
	all.Wait()
	return nil
}

// Query asks the channel of a case.
func (a askedChannels) Query(ctx context.Context, q casework.Question) (casework.Answer, error) {
	c, known := a[q.Channel]
	if !known {
		return casework.Answer{}, fmt.Errorf("channel: %w: %q cannot be asked here; try: channels in the configuration", casework.ErrInput, q.Channel)
	}
	res, err := c.adapter.Query(ctx, plugins.QueryRequest{Account: q.Account, Kind: q.Key.Kind, ID: q.Key.ID, Order: q.Order, Time: q.Time, Settings: c.settings})
	if err != nil || !res.Found {
		return casework.Answer{}, err
	}
	return casework.Answer{Found: true, Status: res.Record.Status, Amount: res.Record.Amount, ChannelTxn: res.Record.ChannelTxn}, nil
}
