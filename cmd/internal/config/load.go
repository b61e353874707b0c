package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 1 << 20

// Load reads a YAML file into a pointer to a struct and collects what is wrong with it. The Checker is for the
// struct's own rules, and its Err is the answer; the error is for a file that cannot be read as YAML at all.
func Load(path string, into any) (*Checker, error) {
	data, err := readBounded(path)
	if err != nil {
		return nil, Problems{{File: path, What: "cannot be read: " + bare(err), Try: "touchstone check FILE"}}
	}
	return Parse(path, data, into)
}

// Parse is Load for bytes at hand; file names them in complaints, and its folder is where relative paths start.
func Parse(file string, data []byte, into any) (*Checker, error) {
	c := newChecker(file)
	root, err := document(data)
	if err != nil {
		return nil, Problems{syntax(file, err)}
	}
	decodeInto(c, root, reflect.ValueOf(into).Elem())
	return c, nil
}

// RoleOf reads only the role of a configuration file.
func RoleOf(path string) (string, error) {
	data, err := readBounded(path)
	if err != nil {
		return "", Problems{{File: path, What: "cannot be read: " + bare(err)}}
	}
	root, err := document(data)
	if err != nil {
		return "", Problems{syntax(path, err)}
	}
	for i := 0; root.Kind == yaml.MappingNode && i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value == "role" {
			return root.Content[i+1].Value, nil
		}
	}
	return "", Problems{{File: path, Line: root.Line, Column: root.Column, Field: "role", What: "is missing", Try: "role: sidecar, comparer, recon or cases"}}
}

// Check loads a file as what its role says, and gives every complaint.
func Check(path string) error {
	role, err := RoleOf(path)
	if err != nil {
		return err
	}
	switch role {
	case "comparer":
		_, err = LoadComparer(path)
	case "recon":
		_, err = LoadRecon(path)
	case "cases":
		_, err = LoadCases(path)
	default:
		_, err = LoadSidecar(path)
	}
	return err
}

// role is the configuration of one, whose rules between the keys are checked together.
type role[T any] interface {
	*T
	check(*Checker)
}

// loadRole gives a whole and checked configuration, or Problems.
func loadRole[T any, R role[T]](path string) (R, error) {
	r := R(new(T))
	c, err := Load(path, r)
	if err != nil {
		return nil, err
	}
	r.check(c)
	if err := c.Err(); err != nil {
		return nil, err
	}
	return r, nil
}

// LoadSidecar gives a whole and checked configuration, or Problems.
func LoadSidecar(path string) (*Sidecar, error) { return loadRole[Sidecar](path) }

// LoadComparer gives a whole and checked configuration, or Problems.
func LoadComparer(path string) (*Comparer, error) { return loadRole[Comparer](path) }

// LoadRecon gives a whole and checked configuration, or Problems.
func LoadRecon(path string) (*Recon, error) { return loadRole[Recon](path) }

// LoadCases gives a whole and checked configuration, or Problems.
func LoadCases(path string) (*Cases, error) { return loadRole[Cases](path) }

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = errors.New("longer than 1 MiB")
	}
	return data, err
}

func document(data []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	err := decoder.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF) || (err == nil && len(doc.Content) == 0):
		return nil, errors.New("the file is empty")
	case err != nil:
		return nil, err
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, fmt.Errorf("line %d: a second document", second.Line)
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	return doc.Content[0], nil
}

// syntax gives the parser's complaint its place; the parser puts the line into the text.
func syntax(file string, err error) Problem {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	p := Problem{File: file, What: text, Try: "mend the YAML"}
	if m := regexp.MustCompile(`^line (\d+): (.*)$`).FindStringSubmatch(text); m != nil {
		p.Line, _ = strconv.Atoi(m[1])
		p.What = m[2]
	}
	return p
}
