// Package scaffold writes a new channel adapter that builds and passes its tests at once.
//
// In:    a name, a module path, and where touchstone's source is.
// Out:   a module: main, format, fixtures with their goldens, tests, a README.
// Never: a file that is there already changed.
package scaffold

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
)

//go:embed template template/testdata
var files embed.FS

// Options say what to write.
type Options struct {
	Name   string // of the adapter: one lower-case word
	Module string // path of the new module; default: touchstone-adapter-NAME
	Source string // folder of touchstone's source, for a replace directive; "" = the released module
	Folder string // where to write; default: touchstone-adapter-NAME
}

// fill is what the templates see.
type fill struct {
	Options
	SHA256 string // of the fixture
}

// New writes the adapter and gives its folder.
func New(o Options) (string, error) {
	if !regexp.MustCompile(`^[a-z][a-z0-9]{0,30}$`).MatchString(o.Name) {
		return "", fmt.Errorf("name %q is not one lower-case word; try: mybank", o.Name)
	}
	if o.Module == "" {
		o.Module = "touchstone-adapter-" + o.Name
	}
	if o.Folder == "" {
		o.Folder = "touchstone-adapter-" + o.Name
	}
	if o.Source != "" {
		var err error
		if o.Source, err = filepath.Abs(o.Source); err != nil {
			return "", fmt.Errorf("resolve source: %w", err)
		}
		if _, err := os.Stat(filepath.Join(o.Source, "go.mod")); err != nil {
			return "", fmt.Errorf("%s holds no go.mod; try: the folder of touchstone's source", o.Source)
		}
	}
	fixture, err := files.ReadFile("template/testdata/day.csv")
	if err != nil {
		return "", fmt.Errorf("read template: %w", err)
	}
	sum := sha256.Sum256(fixture)
	return o.Folder, write(o.Folder, fill{o, hex.EncodeToString(sum[:])})
}

func write(folder string, f fill) error {
	err := fs.WalkDir(files, "template", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel("template", path)
		if err != nil {
			return err
		}
		if plain, ok := strings.CutSuffix(name, ".tmpl"); ok {
			name = plain
			if text, err = expand(path, text, f); err != nil {
				return err
			}
		}
		return create(filepath.Join(folder, name), text)
	})
	if err != nil || f.Source == "" {
		return err
	}
	sums, err := os.ReadFile(filepath.Join(f.Source, "go.sum"))
	if err != nil {
		return fmt.Errorf("read go.sum: %w", err)
	}
	return create(filepath.Join(folder, "go.sum"), sums)
}

func expand(name string, text []byte, f fill) ([]byte, error) {
	t, err := template.New(name).Delims("<<", ">>").Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("parse template: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, f); err != nil {
		return nil, fmt.Errorf("fill template: %w", err)
	}
	return out.Bytes(), nil
}

// create writes a file that must not be there.
func create(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("write adapter: %w", err)
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
