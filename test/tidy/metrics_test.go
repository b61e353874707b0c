package tidy

import (
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const metricsPage = "deploy/METRICS.md"

// notMetrics are the names with our prefix that are something else: tables in databases.
func notMetrics() []string {
	return []string{"touchstone_applied", "touchstone_probe", "touchstone_schema"}
}

// metricPrefixes begin the names of metrics; those without our own are what scaling rules are written for.
const metricPrefixes = `(touchstone|reconcile|worker)_`

// metricNames gives the names in a file's string literals; a name in pieces cannot be held against the page.
func metricNames(s source) (names, violations []string) {
	whole := regexp.MustCompile(`^` + metricPrefixes + `[a-z0-9_]*$`)
	ast.Inspect(s.file, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(lit.Value)
		switch {
		case err != nil || !whole.MatchString(text) || slices.Contains(notMetrics(), text):
		case strings.HasSuffix(text, "_"):
			violations = append(violations, fmt.Sprintf("%s: metric name %q is put together: write it out", s.fset.Position(lit.Pos()), text))
		default:
			names = append(names, text)
		}
		return true
	})
	return names, violations
}

// documented gives the names that begin a row of the page's tables.
func documented(page []byte) []string {
	var names []string
	for _, m := range regexp.MustCompile("(?m)^\\|\\s*`("+metricPrefixes+"[a-z0-9_]+)").FindAllSubmatch(page, -1) {
		names = append(names, string(m[1]))
	}
	return names
}

func metricViolations(code, page []string) []string {
	var found []string
	for _, name := range code {
		if !slices.Contains(page, name) {
			found = append(found, fmt.Sprintf("%s is not in %s", name, metricsPage))
		}
	}
	for i, name := range page {
		if !slices.Contains(code, name) {
			found = append(found, fmt.Sprintf("%s is in %s and nowhere in the code", name, metricsPage))
		}
		if slices.Contains(page[:i], name) {
			found = append(found, fmt.Sprintf("%s is in %s twice", name, metricsPage))
		}
	}
	return found
}

func TestMetricsAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root(t), metricsPage))
	if err != nil {
		t.Fatal(err)
	}
	var code, found []string
	for _, s := range sources(t, packages(t)) {
		if s.test || below(s.pkg.path(), "test") {
			continue
		}
		names, bad := metricNames(s)
		code, found = append(code, names...), append(found, bad...)
	}
	report(t, append(found, metricViolations(code, documented(page))...))
}

func TestMetricRulesCanFail(t *testing.T) {
	s, err := parse("a.go", []byte("package a\nvar a, b, c, d = \"touchstone_a_total\", \"touchstone_\" + b, \"touchstone_probe\", \"touchstone_x in words\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	names, bad := metricNames(s)
	if !slices.Equal(names, []string{"touchstone_a_total"}) || len(bad) != 1 {
		t.Errorf("names %q, violations %q", names, bad)
	}
	page := documented([]byte("| name |\n|---|\n| `touchstone_a_total{side}` | x |\n|`touchstone_b`| y |\ntouchstone_c\n"))
	if !slices.Equal(page, []string{"touchstone_a_total", "touchstone_b"}) {
		t.Errorf("page %q", page)
	}
	if got := metricViolations([]string{"touchstone_a_total", "touchstone_z"}, append(page, "touchstone_b")); len(got) != 4 {
		t.Errorf("got %q", got)
	}
}
