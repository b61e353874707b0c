package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/check"
	"github.com/seed-3356bd69/touchstone/plugins/profile"
	"github.com/seed-3356bd69/touchstone/plugins/scaffold"
	"github.com/seed-3356bd69/touchstone/recon"
)

// NewPlugin writes a new adapter and says what to do with it.
func NewPlugin(out io.Writer, o scaffold.Options) error {
	folder, err := scaffold.New(o)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "wrote %s\ntry: cd %s && GOFLAGS=-mod=mod go test ./...\n", folder, folder)
	return err
}

// ListPlugins prints the adapters of a folder with the pins a configuration needs.
func ListPlugins(out io.Writer, folder string) error {
	found, err := plugins.Discover(folder)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("no executable %s… in %s; try: make build, then bin", plugins.BinaryPrefix, folder)
	}
	for _, f := range found {
		if _, err := fmt.Fprintf(out, "%-20s %s %s\n", f.Name, f.SHA256, f.Path); err != nil {
			return err
		}
	}
	return nil
}

// Plugin is an adapter that a person runs by hand: whatever is at the path, with a profile where it needs one.
type Plugin struct {
	Binary  string
	Profile string       // file with a profile, or the name of one that is built in
	Env     []string     // names of variables it may see
	Log     *slog.Logger // gets what it writes to standard error
}

// secrets reads the profile.
func (p *Plugin) secrets() (map[string]string, error) {
	if p.Profile == "" {
		return nil, nil
	}
	if slices.Contains(profile.Names(), p.Profile) {
		return map[string]string{profile.Variable: p.Profile}, nil
	}
	text, err := os.ReadFile(p.Profile)
	if err != nil {
		return nil, fmt.Errorf("read profile: %w", err)
	}
	if _, err := profile.Parse(text); err != nil {
		return nil, fmt.Errorf("%s: %w", p.Profile, err)
	}
	return map[string]string{profile.Variable: string(text)}, nil
}

func (p *Plugin) start(ctx context.Context) (*plugins.Host, error) {
	secrets, err := p.secrets()
	if err != nil {
		return nil, err
	}
	return plugins.Start(ctx, plugins.HostConfig{
		Name: strings.TrimPrefix(filepath.Base(p.Binary), plugins.BinaryPrefix), Path: p.Binary, Unpinned: true, Env: p.Env, Secrets: secrets,
		Logger: p.Log, Metrics: plugins.NewMetrics(prometheus.NewRegistry()),
	})
}

// Describe prints what the adapter says about itself, as JSON.
func (p *Plugin) Describe(ctx context.Context, out io.Writer) error {
	host, err := p.start(ctx)
	if err != nil {
		return err
	}
	defer host.Close()
	return printJSON(out, host.Description(), "  ")
}

func printJSON(out io.Writer, v any, indent string) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	return enc.Encode(v)
}

// errCheck is an adapter that breaks a promise; the report says which.
var errCheck = errors.New("the adapter breaks its contract")

// Check runs the suite of adapters on the binary and prints the report.
func (p *Plugin) Check(ctx context.Context, out io.Writer, folder string, update bool) error {
	secrets, err := p.secrets()
	if err != nil {
		return err
	}
	cfg := check.Config{Binary: p.Binary, Env: p.Env, Secrets: secrets, Update: update}
	if folder != "" {
		if cfg.Fixtures, err = check.Fixtures(folder); err != nil {
			return err
		}
	}
	report, err := check.Run(ctx, cfg)
	if err != nil {
		return err
	}
	if err := report.Print(out); err != nil {
		return err
	}
	if report.Failed() > 0 {
		return errCheck
	}
	return nil
}

// Statement names the file that Run decodes.
type Statement struct {
	File, Kind, Account, Date string
}

// Run decodes a file and prints its records and rejects, a line of JSON each. Nothing is printed before the file is known
// to be whole; the summary goes to log.
func (p *Plugin) Run(ctx context.Context, out, log io.Writer, s Statement) error {
	host, err := p.start(ctx)
	if err != nil {
		return err
	}
	defer host.Close()
	if s.Kind == "" {
		s.Kind = host.Description().Kinds[0].Name
	}
	sum, err := plugins.FileSHA256(s.File)
	if err != nil {
		return err
	}
	f, err := os.Open(s.File)
	if err != nil {
		return fmt.Errorf("open statement: %w", err)
	}
	defer f.Close()
	held := &printed{}
	res, err := host.Decode(ctx, plugins.DecodeRequest{Kind: s.Kind, Account: s.Account, Date: s.Date, File: filepath.Base(s.File), SHA256: sum}, f, held)
	if printErr := printJSON(log, res, "  "); err == nil {
		err = printErr
	}
	if err != nil {
		return err
	}
	_, err = held.text.WriteTo(out)
	return err
}

// printed holds what is printed once the file is whole.
type printed struct{ text bytes.Buffer }

func (l *printed) Record(r recon.Record) error { return printJSON(&l.text, r, "") }
func (l *printed) Reject(r recon.Reject) error {
	return printJSON(&l.text, map[string]recon.Reject{"rejected": r}, "")
}
