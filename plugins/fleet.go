package plugins

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// Fleet is all adapters of a host process, each in a process of its own.
type Fleet struct {
	keepers map[string]*Keeper
}

// NewFleet finds the pinned adapters of a folder. Each gets the common configuration, with its own name, binary and pin;
// adjust, which may be nil, changes it further. Nothing runs before Run.
func NewFleet(folder string, pins map[string]string, common HostConfig, adjust func(name string, cfg *HostConfig)) (*Fleet, error) {
	f := &Fleet{keepers: map[string]*Keeper{}}
	if len(pins) == 0 {
		return f, nil
	}
	pinned, strangers, err := Pinned(folder, pins)
	if err != nil {
		return nil, err
	}
	for _, s := range strangers {
		common.Logger.Warn("adapter is not pinned and does not run", KeyAdapter, s.Name, "sha256", s.SHA256)
	}
	for _, p := range pinned {
		cfg := common
		cfg.Name, cfg.Path, cfg.SHA256 = p.Name, p.Path, p.SHA256
		if adjust != nil {
			adjust(p.Name, &cfg)
		}
		f.keepers[p.Name] = NewKeeper(cfg)
	}
	return f, nil
}

// Add takes an adapter from outside of the folder, under the configuration's name. It is for before Run.
func (f *Fleet) Add(cfg HostConfig) error {
	k := NewKeeper(cfg)
	if _, ok := f.keepers[k.Name()]; ok {
		return fmt.Errorf("two adapters are called %q; try: another name for one of them", k.Name())
	}
	f.keepers[k.Name()] = k
	return nil
}

// Adapter gives one adapter of the fleet.
func (f *Fleet) Adapter(name string) (*Keeper, error) {
	if k, ok := f.keepers[name]; ok {
		return k, nil
	}
	return nil, fmt.Errorf("no adapter %q; there are %v", name, f.Names())
}

// Names lists the adapters.
func (f *Fleet) Names() []string { return slices.Sorted(maps.Keys(f.keepers)) }

// Run keeps all of them running until ctx ends; then all processes are gone. One that is down holds up no other.
func (f *Fleet) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, k := range f.keepers {
		all.Go(func() { _ = k.Run(ctx) }) // it ends with ctx, without an error
	}
	all.Wait()
	return nil
}
