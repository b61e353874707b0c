package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/seed-3356bd69/touchstone/cmd/internal/telemetry"
	"github.com/seed-3356bd69/touchstone/proxy"
	"github.com/seed-3356bd69/touchstone/proxy/xds"
)

// fence is the rollback epoch. A policy or a trial of that epoch or a lower one samples and serves nothing, no shadow run of
// it begins, and the guard refuses the candidate's calls of lower ones. It is only ever raised, and kept on disk; sidecars
// that share what they know share it too.
type fence struct {
	file string // "" = it is not kept
	base uint64 // epoch of the configuration
	take func(epoch uint64) error
	tell func(ctx context.Context, epoch uint64) error // to other sidecars; nil = there are none

	mu        sync.Mutex
	epoch     uint64
	directive xds.Directive // of the control plane; epoch 0 = it has said nothing yet
}

// openFence reads what an earlier run kept. A file that cannot be read keeps the sidecar from starting: it may hold a
// rollback.
func openFence(file string) (*fence, error) {
	f := &fence{file: file}
	if file == "" {
		return f, nil
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read rollback epoch: %w", err)
	}
	text := strings.TrimSpace(string(data))
	if f.epoch, err = strconv.ParseUint(text, 10, 64); err != nil {
		return nil, fmt.Errorf("%s:1:1: is no epoch (got %.20q); try: write the number of the last rollback into it", file, text)
	}
	return f, nil
}

// at gives the epoch.
func (f *fence) at() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.epoch
}

// raise puts an epoch into force, and then keeps it: what cannot be kept is in force all the same.
func (f *fence) raise(epoch uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.put(epoch)
}

// end raises it above all that may be in force here.
func (f *fence) end() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.put(max(f.epoch, f.directive.Epoch, f.base) + 1)
}

func (f *fence) put(epoch uint64) error {
	if epoch <= f.epoch {
		return nil
	}
	f.epoch = epoch
	if err := f.take(epoch); err != nil {
		return err
	}
	return f.keep(epoch)
}

func (f *fence) keep(epoch uint64) error {
	if f.file == "" {
		return errors.New("the rollback is in force, and is forgotten when the sidecar starts again; try: rollback_file: FILE")
	}
	temp, err := os.CreateTemp(filepath.Dir(f.file), ".rollback-*")
	if err != nil {
		return fmt.Errorf("the rollback is in force, and cannot be kept: %w", err)
	}
	_, err = fmt.Fprintln(temp, epoch)
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), f.file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("the rollback is in force, and cannot be kept: %w", err), os.Remove(temp.Name()))
	}
	return nil
}

// ServeHTTP takes POST /rollback {"epoch": 5}; without an epoch it is the next one after what is in force.
func (f *fence) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var wanted struct {
		Epoch uint64 `json:"epoch"`
	}
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10))
	d.DisallowUnknownFields()
	if err := d.Decode(&wanted); err != nil || media != "application/json" { // a page in somebody's browser cannot send that type
		reply(w, http.StatusBadRequest, map[string]any{"error": "not a rollback", "try": `curl -H 'Content-Type: application/json' -d '{"epoch": 5}' .../rollback`})
		return
	}
	var err error
	if wanted.Epoch == 0 {
		err = f.end()
	} else {
		err = f.raise(wanted.Epoch)
	}
	if f.tell != nil {
		if told := f.tell(r.Context(), f.at()); told != nil {
			err = errors.Join(err, fmt.Errorf("other sidecars are not told: %w", told))
		}
	}
	if err != nil {
		reply(w, http.StatusInternalServerError, map[string]any{"rollback_epoch": f.at(), "error": err.Error()})
		return
	}
	reply(w, http.StatusOK, map[string]any{"rollback_epoch": f.at()})
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that went away cannot be told
}

// rollbacks opens the fence where an earlier run left it.
func (s *sidecar) rollbacks(context.Context) error {
	var err error
	if s.fence, err = openFence(string(s.cfg.RollbackFile)); err != nil {
		return err
	}
	s.fence.take, s.fence.base = s.fenced, s.cfg.Epoch
	if s.values != nil {
		s.fence.tell = func(ctx context.Context, epoch uint64) error {
			return s.values.Members().Add(ctx, fenceKey+strconv.FormatUint(epoch, 10))
		}
	}
	return nil
}

// fenced puts a rollback into force in the parts.
func (s *sidecar) fenced(epoch uint64) error {
	if s.guard != nil {
		s.guard.Fence(epoch)
	}
	s.log.Warn("rolled back", telemetry.KeyEpoch, epoch)
	return s.proxy.SetSlice(s.slice())
}

// slice is what is sampled: nothing while the configuration's epoch is not above the rollback's. A control plane says it in
// the configuration's stead.
func (s *sidecar) slice() proxy.Slice {
	if s.cfg.ControlPlane != nil {
		return controlled(s.cfg.Release, s.fence.directive, s.fence.epoch)
	}
	out := proxy.Slice{Release: s.cfg.Release, Epoch: s.cfg.Epoch, PerMillion: uint32(s.cfg.Tag.Percent)}
	if epoch := s.fence.epoch; epoch >= out.Epoch {
		out.Epoch, out.Halted = epoch, true
	}
	return out
}

// fenceKey begins the keys of rollback epochs among the members, which are no base64 with a dot in it.
const fenceKey = "epoch."

// fencedStore is the shared members, and the rollbacks of other sidecars among them.
type fencedStore struct {
	proxy.MemberStore
	raise func(epoch uint64)
}

// Watch keeps rollbacks from being taken for members.
func (f fencedStore) Watch(ctx context.Context, each func(key string, there bool), loaded func()) error {
	return f.MemberStore.Watch(ctx, func(key string, there bool) {
		text, isEpoch := strings.CutPrefix(key, fenceKey)
		if !isEpoch {
			each(key, there)
			return
		}
		if epoch, err := strconv.ParseUint(text, 10, 64); err == nil && there {
			f.raise(epoch)
		}
	}, loaded)
}
