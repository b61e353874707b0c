package profile

import (
	"embed"
	"fmt"
	"strings"

	"github.com/seed-3356bd69/touchstone/plugins/channel"
)

//go:embed profiles/*.json
var builtIn embed.FS

// BuiltIn gives a profile of this package. They were made from public samples of 2011 to 2015, and are patterns to start
// from: banks change their files.
func BuiltIn(name string) (*Profile, error) {
	text, err := builtIn.ReadFile("profiles/" + name + ".json")
	if err != nil {
		return nil, fmt.Errorf("no profile %q is built in; try: one of %s", name, strings.Join(Names(), ", "))
	}
	return Parse(text)
}

// Names lists the profiles that are built in.
func Names() []string {
	entries, err := builtIn.ReadDir("profiles")
	if err != nil {
		return nil // the folder is part of the binary
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".json"))
	}
	return names
}

// FromEnvironment reads the process's profile.
func FromEnvironment(env channel.Lookup) (*Profile, error) {
	text, ok := env(Variable)
	if text = strings.TrimSpace(text); !ok || text == "" {
		return nil, fmt.Errorf("%s is not set; built in are %s", Variable, strings.Join(Names(), ", "))
	}
	if strings.HasPrefix(text, "{") {
		return Parse([]byte(text))
	}
	return BuiltIn(text)
}
