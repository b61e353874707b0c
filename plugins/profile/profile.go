package profile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

// Variable is the environment variable that holds a process's profile, as JSON or as the name of one that is built in.
const Variable = "TOUCHSTONE_PROFILE"

// Profile says what a channel's statements are like. One process serves one profile, so that its description is its own.
type Profile struct {
	Channel     string `json:"channel"`               // goes into every record: "icbc"
	Unconfirmed string `json:"unconfirmed,omitempty"` // why nobody has held it against the channel's own specification; said with every file
	Kinds       []Kind `json:"kinds"`
}

// Container is what the file travels in.
type Container string

// The containers.
const (
	ContainerPlain Container = ""    // or gzip, which is recognised
	ContainerZip   Container = "zip" // with one file, or with one whose name matches Entry
)

// Kind is one statement of the channel. In paths, {yyyyMMdd}, {yyMMdd}, {yyyy-MM-dd} and {account} stand for day and
// account.
type Kind struct {
	Name      string           `json:"name"`
	Note      string           `json:"note,omitempty"`
	Format    recon.FormatSpec `json:"format"`
	Container Container        `json:"container,omitempty"`
	Entry     string           `json:"entry,omitempty"`  // pattern of path.Match over names in a zip; default: the only file
	Path      string           `json:"path,omitempty"`   // on the SFTP server
	Marker    string           `json:"marker,omitempty"` // path of a file that says that Path is whole; none: its size must stand still
	Empty     string           `json:"empty,omitempty"`  // path of a file that says that the day has no statement
}

// Parse reads a profile and holds it against itself.
func Parse(text []byte) (*Profile, error) {
	p := &Profile{}
	strict := json.NewDecoder(bytes.NewReader(text))
	strict.DisallowUnknownFields()
	if err := strict.Decode(p); err != nil {
		return nil, fmt.Errorf("profile is not the JSON expected: %w", err)
	}
	if p.Channel == "" || len(p.Kinds) == 0 {
		return nil, fmt.Errorf("profile: channel or kinds are missing; try: {\"channel\": \"…\", \"kinds\": […]}")
	}
	for i := range p.Kinds {
		if err := p.Kinds[i].check(p.Channel); err != nil {
			return nil, fmt.Errorf("profile %s: kinds[%d]: %w", p.Channel, i, err)
		}
	}
	return p, nil
}

func (k *Kind) check(channel string) error {
	if k.Name == "" {
		return fmt.Errorf("name is missing; try: trade")
	}
	if k.Container != ContainerPlain && k.Container != ContainerZip {
		return fmt.Errorf("container: unknown (got %q); try: zip, or leave it out", k.Container)
	}
	for _, p := range []string{k.Path, k.Marker, k.Empty} {
		if _, err := expand(p, "", "2006-01-02"); err != nil {
			return err
		}
	}
	k.Format.Channel = channel
	return k.Format.Validate()
}

// expand puts account and day into a path.
func expand(path, account, date string) (string, error) {
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return "", fmt.Errorf("date %q is not of the form %s", date, time.DateOnly)
	}
	out := strings.NewReplacer(
		"{yyyyMMdd}", day.Format("20060102"), "{yyMMdd}", day.Format("060102"), "{yyyy-MM-dd}", date, "{account}", account,
	).Replace(path)
	if strings.ContainsAny(out, "{}") {
		return "", fmt.Errorf("path: unknown placeholder (got %q); try: {yyyyMMdd}, {yyMMdd}, {yyyy-MM-dd} or {account}", path)
	}
	return out, nil
}
