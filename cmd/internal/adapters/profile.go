package adapters

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/plugins/profile"
)

// profiles are the texts that generic adapters are given, by adapter.
type profiles struct {
	from map[string]config.Adapter

	mu   sync.Mutex
	text map[string]string
}

func readProfiles(all []config.Adapter) (*profiles, error) {
	p := &profiles{from: map[string]config.Adapter{}, text: map[string]string{}}
	for _, a := range all {
		if a.Profile != "" || a.ProfileFile != "" {
			p.from[a.Name] = a
		}
	}
	text, err := p.again()
	if err != nil {
		return nil, err
	}
	p.take(text)
	return p, nil
}

// again reads all profiles and gives those that changed. Nothing of it is in force before take.
func (p *profiles) again() (map[string]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	changed := map[string]string{}
	for name, from := range p.from {
		text, err := readProfile(from)
		if err != nil {
			return nil, fmt.Errorf("profile of %s: %w", name, err)
		}
		if text != p.text[name] {
			changed[name] = text
		}
	}
	return changed, nil
}

// readProfile gives the name of a profile that is built in, or a file's text.
func readProfile(a config.Adapter) (string, error) {
	path := string(a.ProfileFile)
	if path == "" {
		if names := profile.Names(); !slices.Contains(names, a.Profile) {
			return "", fmt.Errorf("none is called %q; try: one of %s, or profile_file: FILE", a.Profile, strings.Join(names, ", "))
		}
		return a.Profile, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if _, err := profile.Parse(text); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return string(text), nil
}

// files are those that profiles are read from.
func (p *profiles) files() []string {
	var out []string
	for _, a := range p.from {
		if a.ProfileFile != "" {
			out = append(out, string(a.ProfileFile))
		}
	}
	return out
}

func (p *profiles) take(changed map[string]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.Copy(p.text, changed)
}

// with gives an adapter's variables and its profile.
func (p *profiles) with(name string, variables map[string]string) map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text, ok := p.text[name]
	if !ok {
		return variables
	}
	out := maps.Clone(variables)
	if out == nil {
		out = map[string]string{}
	}
	out[profile.Variable] = text
	return out
}
