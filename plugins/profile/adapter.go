package profile

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"path"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/channel"
	"github.com/seed-3356bd69/touchstone/plugins/statement"
)

// Adapter reads the statements of one profile. It is a plugins.Adapter without queries and events: files are all that
// such a channel has.
type Adapter struct {
	plugins.NoQuery
	plugins.NoEvents
	name    string // of the binary
	version string
	env     channel.Lookup
	profile *Profile
	err     error // why there is no profile
}

// New makes the adapter of a profile; problem says why there is none, and is then told to whoever asks.
func New(name, version string, env channel.Lookup, p *Profile, problem error) *Adapter {
	return &Adapter{name: name, version: version, env: env, profile: p, err: problem}
}

// ready tells a missing profile as what it is: a person must act.
func (a *Adapter) ready() error {
	if a.err == nil {
		return nil
	}
	e := plugins.Fail(plugins.FailureConfig, "%v", a.err)
	e.Hint = "set " + Variable + " to a profile in JSON, or to the name of one that is built in"
	return e
}

// Describe is the profile's own.
func (a *Adapter) Describe(context.Context) (plugins.Description, error) {
	if err := a.ready(); err != nil {
		return plugins.Description{}, err
	}
	d := plugins.Description{Name: a.name, Version: a.version, Channel: a.profile.Channel}
	for i := range a.profile.Kinds {
		k := &a.profile.Kinds[i]
		kind := plugins.StatementKind{Name: k.Name, Note: k.Note}
		if a.profile.Unconfirmed != "" {
			kind.Note = "UNCONFIRMED: " + a.profile.Unconfirmed
		}
		if k.Container == ContainerPlain {
			kind.Format = &k.Format
		} else {
			kind.Inside = &k.Format
		}
		d.Kinds = append(d.Kinds, kind)
	}
	return d, nil
}

func (a *Adapter) kind(name string) (*Kind, error) {
	if err := a.ready(); err != nil {
		return nil, err
	}
	for i := range a.profile.Kinds {
		if a.profile.Kinds[i].Name == name {
			return &a.profile.Kinds[i], nil
		}
	}
	return nil, plugins.Fail(plugins.FailureUnsupported, "no statement kind %q", name)
}

// Decode opens the container and reads the lines.
func (a *Adapter) Decode(ctx context.Context, req plugins.DecodeRequest, r io.Reader, emit plugins.Emitter) (plugins.DecodeResult, error) {
	k, err := a.kind(req.Kind)
	if err != nil {
		return plugins.DecodeResult{}, err
	}
	if req.Hash.Type != "" {
		return plugins.DecodeResult{}, plugins.Fail(plugins.FailureUnsupported, "file is declared with a hash of type %q; profiles know none", req.Hash.Type)
	}
	body, done, err := k.open(r)
	if err != nil {
		return plugins.DecodeResult{}, err
	}
	defer done()
	res, err := statement.Decode(ctx, &k.Format, statement.Request{Account: req.Account, Date: req.Date}, body, emit)
	if a.profile.Unconfirmed != "" {
		res.Diagnostics = append(res.Diagnostics, plugins.Diagnostic{Severity: plugins.SeverityWarning, Message: "profile is not confirmed: " + a.profile.Unconfirmed})
	}
	return res, err
}

// open gives the statement's text.
func (k *Kind) open(r io.Reader) (body io.Reader, done func(), err error) {
	if k.Container == ContainerPlain {
		body, err = channel.Unpack(r)
		return body, func() {}, err
	}
	f, size, done, err := channel.Spool(r)
	if err != nil {
		return nil, nil, err
	}
	z, err := zip.NewReader(f, size)
	if err != nil {
		done()
		return nil, nil, channel.Corrupt(err)
	}
	entry, err := k.choose(z)
	if err == nil {
		body, err = entry.Open()
	}
	if err != nil {
		done()
		return nil, nil, channel.Corrupt(err)
	}
	return channel.Bounded(body, channel.MaxBody), done, nil
}

func (k *Kind) choose(z *zip.Reader) (found *zip.File, err error) {
	pattern := k.Entry
	if pattern == "" {
		pattern = "*"
	}
	for _, f := range z.File {
		ok, err := path.Match(pattern, path.Base(f.Name))
		switch {
		case errors.Is(err, path.ErrBadPattern):
			return nil, plugins.Fail(plugins.FailureConfig, "entry: %q is no pattern", pattern)
		case ok && found != nil:
			return nil, plugins.Fail(plugins.FailureQuarantine, "zip has several files that match %q", pattern)
		case ok:
			found = f
		}
	}
	if found == nil {
		return nil, plugins.Fail(plugins.FailureQuarantine, "zip has no file that matches %q", pattern)
	}
	return found, nil
}
