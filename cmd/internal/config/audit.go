package config

import (
	"path/filepath"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon/audit"
)

// AuditLog is an audit log; the process that is configured so is its only writer.
type AuditLog struct {
	Folder  Path       `yaml:"folder" required:"true"`
	Key     SecretFile `yaml:"key_file" required:"true"`
	Witness Path       `yaml:"witness"` // a folder outside this host; "" = none, and verify says so
}

// check holds a log at a path of the configuration to what it has to be.
func (a AuditLog) check(c *Checker, at string) {
	if _, err := audit.ReadKey(a.Key.Bytes()); err != nil && len(a.Key.Bytes()) > 0 {
		c.Complain(child(at, "key_file"), "holds no audit key", "touchstone audit key new FILE --name example.com/audit")
	}
	if a.Folder != "" && a.Witness != "" && inside(string(a.Witness), string(a.Folder)) {
		c.Complain(child(at, "witness"), "lies in the log's own folder: whoever changes the one has the other", "a folder outside this host")
	}
}

// inside tells whether a path is a folder or lies in it.
func inside(path, folder string) bool {
	way, err := filepath.Rel(folder, path)
	return err == nil && way != ".." && !strings.HasPrefix(way, "../")
}
