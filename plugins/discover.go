package plugins

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// BinaryPrefix begins the name of every adapter's binary.
const BinaryPrefix = "touchstone-adapter-"

// Found is an adapter's binary in a folder.
type Found struct {
	Name   string `json:"name"` // the file's name without BinaryPrefix
	Path   string `json:"path"`
	SHA256 string `json:"sha256"` // hex; what a configuration pins
}

// Discover finds the adapters of a folder, by name. It runs none of them.
func Discover(folder string) ([]Found, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("look for adapters: %w", err)
	}
	var found []Found
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), BinaryPrefix)
		path := filepath.Join(folder, e.Name())
		info, err := os.Stat(path)
		if !ok || name == "" || err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
			continue // something else that lies there
		}
		sum, err := FileSHA256(path)
		if err != nil {
			return nil, err
		}
		found = append(found, Found{Name: name, Path: path, SHA256: sum})
	}
	return found, nil
}

// Pinned gives the adapters of a folder that a configuration pins, name to SHA-256. Each must be there and be the pinned
// one; what else lies in the folder is in strangers, and never runs.
func Pinned(folder string, pins map[string]string) (pinned []Found, strangers []Found, err error) {
	found, err := Discover(folder)
	if err != nil {
		return nil, nil, err
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(pins)) {
		i := slices.IndexFunc(found, func(f Found) bool { return f.Name == name })
		switch {
		case i < 0:
			errs = append(errs, fmt.Errorf("adapter %s: no %s%s in %s; try: touchstone plugin list %s", name, BinaryPrefix, name, folder, folder))
		case !strings.EqualFold(found[i].SHA256, pins[name]):
			errs = append(errs, fmt.Errorf("adapter %s: %w: sha256 is %s, pinned is %s", name, ErrChecksum, found[i].SHA256, pins[name]))
		default:
			pinned = append(pinned, found[i])
		}
	}
	for _, f := range found {
		if _, ok := pins[f.Name]; !ok {
			strangers = append(strangers, f)
		}
	}
	return pinned, strangers, errors.Join(errs...)
}
