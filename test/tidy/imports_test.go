package tidy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// mayImport holds the import rules between our own packages.
func mayImport(from, to string) bool {
	if below(to, "test") && !below(from, "test") && !below(from, "cmd") {
		return false // product code never depends on test code
	}
	if below(to, "comparer") && !below(from, "comparer") && !below(from, "cmd") && !below(from, "test") {
		return false
	}
	if below(to, "cmd") && !below(from, "cmd") && !below(from, "test") {
		return false
	}
	switch top, _, deeper := strings.Cut(from, "/"); {
	case from == "recon":
		return false
	case from == "shadow":
		return to == "recon"
	case top == "recon":
		return below(to, "recon")
	case top == "shadow":
		return to == "recon" || below(to, "shadow")
	case top == "proxy":
		return to == "recon" || to == "shadow" || (below(to, "proxy") && !(deeper && to == "proxy"))
	case top == "plugins":
		return to == "recon" || to == "recon/scan" || to == "recon/entry" || below(to, "plugins")
	case top == "comparer":
		return to == "shadow" || below(to, "recon") || below(to, "comparer")
	}
	return true
}

// owners gives each heavy third-party library its one place.
func owners() map[string]string {
	return map[string]string{
		"github.com/envoyproxy/go-control-plane":     "proxy/xds",
		"github.com/hashicorp/go-plugin":             "plugins",
		"github.com/nats-io":                         "cmd/internal/bus",
		"go.opentelemetry.io/otel/sdk":               "cmd/internal/telemetry",
		"go.opentelemetry.io/otel/exporters":         "cmd/internal/telemetry",
		"github.com/pingcap/tidb":                    "shadow/stmt",
		"github.com/go-mysql-org/go-mysql":           "shadow/rowlog",
		"github.com/pkg/sftp":                        "plugins/profile",
		"github.com/cenkalti/backoff":                "plugins",
		"github.com/klauspost/compress":              "recon/scan",
		"github.com/dchest/siphash":                  "recon/entry",
		"github.com/cespare/xxhash":                  "recon/match",
		"github.com/dolthub/go-mysql-server":         "cmd/touchstone-demo",
		"go.yaml.in/yaml":                            "cmd/internal/config",
		"gopkg.in/yaml.v3":                           "cmd/internal/config",
		"modernc.org/sqlite":                         "recon/store",
		"github.com/pressly/goose":                   "recon/store",
		"github.com/sethvargo/go-retry":              "recon/store",
		"github.com/sony/gobreaker":                  "proxy",
		"google.golang.org/protobuf/types/dynamicpb": "comparer/response",
		"github.com/transparency-dev":                "recon/audit",
		"k8s.io/klog":                                "recon/audit",
		"github.com/coreos/go-oidc":                  "cmd/internal/access",
		"github.com/getkin/kin-openapi":              "recon/casework/api",
		"github.com/parquet-go/parquet-go":           "recon/casework/export",
	}
}

func importViolations(all []pkg) []string {
	var found []string
	for _, p := range all {
		for _, to := range p.Imports {
			if ours(to) && !mayImport(p.path(), local(to)) {
				found = append(found, fmt.Sprintf("%s imports %s, which the layout does not allow", p.path(), local(to)))
			}
			for library, owner := range owners() {
				if below(to, library) && !below(p.path(), owner) && !below(p.path(), "test") {
					found = append(found, fmt.Sprintf("%s imports %s, which belongs to %s alone", p.path(), to, owner))
				}
			}
		}
	}
	return found
}

func TestImports(t *testing.T) { report(t, importViolations(packages(t))) }

func TestImportRulesCanFail(t *testing.T) {
	for name, c := range map[string]struct {
		from, to string
		want     bool
	}{
		"recon is pure":                    {"recon", "shadow", false},
		"shadow knows money":               {"shadow", "recon", true},
		"shadow root knows no wire":        {"shadow", "shadow/wire", false},
		"ports know the wire":              {"shadow/divert", "shadow/wire", true},
		"ports know no proxy":              {"shadow/divert", "proxy", false},
		"guard knows the vocabulary":       {"proxy/egress", "shadow", true},
		"guard knows no ports":             {"proxy/egress", "shadow/wire", false},
		"guard knows no proxy":             {"proxy/egress", "proxy", false},
		"proxy knows no comparer":          {"proxy", "comparer/response", false},
		"proxy knows no commands":          {"proxy", "cmd/internal/bus", false},
		"adapters know the contract":       {"plugins/wechat", "plugins", true},
		"adapters know no engine":          {"plugins/wechat", "recon/match", false},
		"adapters know the scanner":        {"plugins/wechat", "recon/scan", true},
		"engine knows the root":            {"recon/match", "recon", true},
		"engine knows no shadow":           {"recon/match", "shadow", false},
		"comparer knows the engine":        {"comparer/rows", "recon/ledger", true},
		"comparer knows no ports":          {"comparer/rows", "shadow/wire", false},
		"commands know all":                {"cmd/touchstone", "comparer/server", true},
		"product knows no tests":           {"recon/ledger", "test/mariadb", false},
		"similar names are not the folder": {"reconciler", "shadow", true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := mayImport(c.from, c.to); got != c.want {
				t.Errorf("%s imports %s: allowed %v", c.from, c.to, got)
			}
		})
	}
	stranger := pkg{ImportPath: module + "/proxy", Imports: []string{"github.com/nats-io/nats.go", "net/http", module + "/comparer"}}
	if got := importViolations([]pkg{stranger}); len(got) != 2 {
		t.Errorf("got %q", got)
	}
}

func packageViolations(all []pkg) []string {
	var found []string
	for _, p := range all {
		for _, part := range strings.Split(p.path(), "/") {
			if slices.Contains([]string{"util", "utils", "common", "types", "helpers", "helper", "pkg", "misc"}, part) {
				found = append(found, fmt.Sprintf("%s: %q says nothing about what is inside", p.path(), part))
			}
		}
		if p.Doc == "" && len(p.GoFiles) > 0 {
			found = append(found, p.path()+" has no package comment")
		}
	}
	return found
}

func TestPackages(t *testing.T) {
	all := packages(t)
	var handwritten []pkg
	for _, p := range all {
		if !generatedOnly(p, sources(t, []pkg{p})) {
			handwritten = append(handwritten, p)
		}
	}
	report(t, packageViolations(handwritten))
}

func generatedOnly(p pkg, files []source) bool {
	for _, s := range files {
		if !s.generated {
			return false
		}
	}
	return len(p.GoFiles) > 0
}

func TestPackageRulesCanFail(t *testing.T) {
	bad := pkg{ImportPath: module + "/recon/util", GoFiles: []string{"a.go"}}
	if got := packageViolations([]pkg{bad}); len(got) != 2 {
		t.Errorf("got %q", got)
	}
}
