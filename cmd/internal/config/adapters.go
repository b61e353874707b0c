package config

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Adapters are the channel adapters that run beside a role, each kept in a process of its own.
type Adapters struct {
	Folder   Path      `yaml:"folder" required:"true"` // with touchstone-adapter-NAME
	Run      []Adapter `yaml:"run" required:"true"`
	Mappings Path      `yaml:"mappings"` // file of settings by merchant account, read again when it changes and at SIGHUP
}

// Adapter is one of them. Secrets reach it as environment variables of these names, and no other variable does.
type Adapter struct {
	Name        string                `yaml:"name" required:"true"`
	SHA256      string                `yaml:"sha256" required:"true"` // of the binary, 64 hex digits
	Secrets     map[string]SecretFile `yaml:"secrets"`
	Profile     string                `yaml:"profile"`      // of the generic adapter: one that is built in, or:
	ProfileFile Path                  `yaml:"profile_file"` // read again with the mappings
	Memory      Size                  `yaml:"memory" default:"2GiB" min:"64MiB" max:"1TiB"`
	CPUs        int                   `yaml:"cpus" default:"2" min:"1" max:"1024"`
}

func (a *Adapters) check(c *Checker) {
	seen := map[string]bool{}
	for i, one := range a.Run {
		at := fmt.Sprintf("adapters.run[%d]", i)
		if one.Name != "" {
			checkName(c, child(at, "name"), one.Name, seen)
		}
		checkPin(c, child(at, "sha256"), one.SHA256)
		if one.Profile != "" && one.ProfileFile != "" {
			c.Complain(child(at, "profile_file"), "stands beside profile", "one of the two")
		}
	}
}

// names tells whether an adapter runs.
func (a *Adapters) names(name string) bool {
	if a == nil {
		return false
	}
	for _, one := range a.Run {
		if one.Name == name {
			return true
		}
	}
	return false
}

// checkPin wants the hash of an adapter's binary.
func checkPin(c *Checker, path, pin string) {
	if raw, err := hex.DecodeString(pin); err != nil || len(raw) != 32 {
		c.Complain(path, "is not a SHA-256", "the 64 hex digits that touchstone plugin list FOLDER prints")
	}
}

// Mapping is what one merchant account's statements need: where they are fetched, how fields map. Account "" is for every
// account that has none of its own.
type Mapping struct {
	Adapter  string            `yaml:"adapter" required:"true"`
	Account  string            `yaml:"account"`
	Settings map[string]string `yaml:"settings" required:"true"`
}

type mappings struct {
	Mappings []Mapping `yaml:"mappings" required:"true"`
}

// LoadMappings reads a file of mappings for these adapters, or gives Problems.
func LoadMappings(path string, adapters []string) ([]Mapping, error) {
	m := &mappings{}
	c, err := Load(path, m)
	if err != nil {
		return nil, err
	}
	known, seen := map[string]bool{}, map[[2]string]bool{}
	for _, name := range adapters {
		known[name] = true
	}
	for i, one := range m.Mappings {
		at := fmt.Sprintf("mappings[%d]", i)
		switch key := [2]string{one.Adapter, one.Account}; {
		case one.Adapter == "":
		case !known[one.Adapter]:
			c.Complain(child(at, "adapter"), "does not run here", "one of "+strings.Join(adapters, ", "))
		case seen[key]:
			c.Complain(child(at, "account"), "stands here a second time", "one entry an account")
		default:
			seen[key] = true
		}
	}
	return m.Mappings, c.Err()
}
