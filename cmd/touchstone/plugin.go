package main

import (
	"context"
	"os/signal"
	"syscall"

	"github.com/seed-3356bd69/touchstone/cmd/internal/app"
	"github.com/seed-3356bd69/touchstone/cmd/internal/telemetry"
	"github.com/seed-3356bd69/touchstone/plugins/scaffold"
)

type pluginCmd struct {
	New      newPluginCmd      `cmd:"" help:"Write a new adapter that builds and passes its tests at once."`
	Check    checkPluginCmd    `cmd:"" help:"Hold an adapter's binary, in any language, against every promise of the contract."`
	List     listPluginsCmd    `cmd:"" help:"Print the adapters of a folder with their SHA-256, as configuration pins them."`
	Describe describePluginCmd `cmd:"" help:"Print what an adapter says about itself."`
	Run      runPluginCmd      `cmd:"" help:"Decode a file and print its records."`
}

type newPluginCmd struct {
	Name   string `arg:"" help:"Name of the adapter: one lower-case word."`
	Module string `help:"Path of the new module."`
	Source string `help:"Folder of touchstone's source, for a replace directive."`
	Folder string `help:"Where to write it."`
}

// binary is an adapter that a person runs by hand.
type binary struct {
	Binary  string   `arg:"" help:"Path of the adapter's binary."`
	Profile string   `help:"Profile of a generic adapter: a file with JSON, or the name of one that is built in."`
	Env     []string `help:"Names of variables the adapter may see."`
}

type checkPluginCmd struct {
	binary
	Fixtures string `help:"Folder with fixtures.json and the files it names."`
	Update   bool   `help:"Write the goldens instead of comparing."`
}

type listPluginsCmd struct {
	Folder string `arg:"" default:"bin" help:"Folder with adapters."`
}

type describePluginCmd struct{ binary }

type runPluginCmd struct {
	binary
	File    string `required:"" help:"Statement to decode."`
	Kind    string `help:"Statement kind; default: the adapter's first."`
	Account string `help:"Merchant account; rows of others are rejected."`
	Date    string `help:"Day of the statement, 2006-01-02."`
}

func (cmd *newPluginCmd) Run(_ *cli, s *streams) error {
	return app.NewPlugin(s.out, scaffold.Options{Name: cmd.Name, Module: cmd.Module, Source: cmd.Source, Folder: cmd.Folder})
}

func (cmd *listPluginsCmd) Run(_ *cli, s *streams) error { return app.ListPlugins(s.out, cmd.Folder) }

// on runs a command on the adapter until it is done or a signal ends it.
func (b *binary) on(c *cli, s *streams, do func(context.Context, *app.Plugin) error) error {
	log, err := telemetry.NewLogger(s.log, telemetry.Format(c.LogFormat), c.LogLevel)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return do(ctx, &app.Plugin{Binary: b.Binary, Profile: b.Profile, Env: b.Env, Log: log})
}

func (cmd *checkPluginCmd) Run(c *cli, s *streams) error {
	return cmd.on(c, s, func(ctx context.Context, p *app.Plugin) error { return p.Check(ctx, s.out, cmd.Fixtures, cmd.Update) })
}

func (cmd *describePluginCmd) Run(c *cli, s *streams) error {
	return cmd.on(c, s, func(ctx context.Context, p *app.Plugin) error { return p.Describe(ctx, s.out) })
}

func (cmd *runPluginCmd) Run(c *cli, s *streams) error {
	return cmd.on(c, s, func(ctx context.Context, p *app.Plugin) error {
		return p.Run(ctx, s.out, s.log, app.Statement{File: cmd.File, Kind: cmd.Kind, Account: cmd.Account, Date: cmd.Date})
	})
}
