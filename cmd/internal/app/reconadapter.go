package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/cmd/internal/adapters"
	"github.com/seed-3356bd69/touchstone/cmd/internal/compare"
	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/batch"
)

// reconAdapters makes the adapters of daily reconciliation: those of its folder, and those with a path of their own.
func reconAdapters(cfg *config.Recon, log *slog.Logger, reg prometheus.Registerer) (*adapters.Set, error) {
	more, seen := []plugins.HostConfig{}, map[string]bool{}
	for i := range cfg.Channels {
		a := cfg.Channels[i].Adapter
		if a == nil || a.Path == "" || seen[a.Name] {
			continue
		}
		seen[a.Name] = true
		more = append(more, plugins.HostConfig{Name: a.Name, Path: string(a.Path), SHA256: a.SHA256, Secrets: config.Texts(a.Secrets)})
	}
	return adapters.New(adapters.Config{Adapters: cfg.Adapters, More: more, Logger: log, Metrics: adapters.NewMetrics(reg)})
}

// channelAdapter is a channel's adapter with the settings of its channel.
type channelAdapter struct {
	set    *adapters.Set
	keeper *plugins.Keeper
	config *config.ReconAdapter
}

func newChannelAdapter(set *adapters.Set, c *config.ReconAdapter) (channelAdapter, error) {
	keeper, err := set.Adapter(c.Name)
	return channelAdapter{set, keeper, c}, err
}

// settings are those for an account as they are now.
func (a channelAdapter) settings(account string) plugins.Settings {
	beside := plugins.Settings{}
	if a.config.BaseURL != nil {
		beside["base_url"] = a.config.BaseURL.String()
	}
	maps.Copy(beside, a.config.Settings)
	return a.set.Settings(a.config.Name, account, beside)
}

// adapterSource gets statements from a channel, through an adapter that is kept running.
type adapterSource struct {
	channelAdapter
	statement *config.ReconStatement
}

func newAdapterSource(set *adapters.Set, s *config.ReconStatement) (*adapterSource, error) {
	a, err := newChannelAdapter(set, s.Adapter)
	if err != nil {
		return nil, fmt.Errorf("adapter of %s: %w", s.Name, err)
	}
	return &adapterSource{a, s}, nil
}

// described gives how the adapter describes the lines of a kind; nil: it does not, and decodes them itself.
func (s *adapterSource) described(ctx context.Context, kind string) (*recon.FormatSpec, error) {
	d, err := s.keeper.Describe(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(d.Kinds, func(k plugins.StatementKind) bool { return k.Name == kind })
	if i < 0 {
		_, err := compare.Lines(s.config.Name, kind, d.Kinds) // says which kinds there are
		return nil, errors.Join(err, fmt.Errorf("adapter %s has no statement %q", s.config.Name, kind))
	}
	if d.Kinds[i].Format == nil && d.Kinds[i].Inside == nil {
		return nil, nil
	}
	return compare.Lines(s.config.Name, kind, d.Kinds[i:i+1])
}

// Format says how the lines are read: as the adapter describes them, or as they are once it decoded them.
func (s *adapterSource) Format(ctx context.Context, id batch.ID) (*recon.FormatSpec, error) {
	f, err := s.described(ctx, id.Kind)
	if err != nil || f != nil {
		return f, err
	}
	if slices.Contains(s.statement.Compare, "further") {
		return nil, fmt.Errorf("adapter %s decodes %s statements itself, without further columns; try: compare without further", s.config.Name, id.Kind)
	}
	return adapters.Decoded(id.Channel), nil
}

// Decode has the adapter decode a statement that it does not describe.
func (s *adapterSource) Decode(ctx context.Context, id batch.ID, file batch.File, raw io.Reader, w io.Writer) (bool, error) {
	if f, err := s.described(ctx, id.Kind); err != nil || f != nil {
		return false, err
	}
	text := adapters.NewText(w, id.Account)
	req := plugins.DecodeRequest{Kind: id.Kind, Account: id.Account, Date: id.Day, File: file.Name, SHA256: file.SHA256, Settings: s.settings(id.Account)}
	result, err := s.keeper.Decode(ctx, req, raw, text)
	switch {
	case plugins.KindOf(err) == plugins.FailureQuarantine:
		return false, fmt.Errorf("%w: %w", batch.ErrWrong, err)
	case err != nil:
		return false, err
	}
	return true, text.Flush(result)
}

// Fetch asks the channel. The adapter has checked the channel's own hash.
func (s *adapterSource) Fetch(ctx context.Context, id batch.ID, w io.Writer) (batch.Fetched, error) {
	got, err := s.keeper.Fetch(ctx, plugins.FetchRequest{Account: id.Account, Kind: id.Kind, Date: id.Day, Settings: s.settings(id.Account)}, w)
	if err != nil {
		return batch.Fetched{}, err
	}
	d, err := s.keeper.Describe(ctx)
	if err != nil {
		return batch.Fetched{}, err
	}
	out := batch.Fetched{Name: fmt.Sprintf("%s-%s-%s-%s", id.Channel, id.Account, id.Kind, id.Day), Adapter: d.Name + " " + d.Version, RetryAfter: got.RetryAfter}
	if got.Hash.Value != "" {
		out.Declared = string(got.Hash.Type) + " " + got.Hash.Value
	}
	switch got.Status {
	case plugins.FetchReady:
		out.Readiness = batch.Ready
	case plugins.FetchEmpty:
		out.Readiness = batch.EmptyDay
	case plugins.FetchNotReady:
		out.Readiness, out.Why = batch.NotReady, "the channel has not made it yet"
	}
	return out, nil
}
