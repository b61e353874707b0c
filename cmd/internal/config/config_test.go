package config

import (
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/audit"
)

var update = flag.Bool("update", false, "write the expected complaints anew")

// workplace is a folder with the secret files that the cases name, and with one configuration file.
func workplace(t testing.TB, name string, data []byte) (folder, file string) {
	t.Helper()
	folder = t.TempDir()
	for secret, content := range map[string]string{
		"tag.key": "0123456789abcdef0123\n", "salt.key": "fedcba9876543210\n", "bus.pass": "hunter2-sidecar", "c.pass": "hunter2-comparer",
		"key.pem": "hunter2-pem", "platform.pem": "hunter2-platform", "api.key": "hunter2-api", "empty.key": " \n", "short.key": "hunter2", "open.key": "0123456789abcdef0123",
		"primary.dsn": "app:hunter2@tcp(127.0.0.1:3306)/pay\n", "primary-again.dsn": "other:hunter2@tcp(localhost:3306)/pay?timeout=1s",
		"shadow.dsn": "app:hunter2@tcp(127.0.0.1:3316)/pay", "other.dsn": "app:hunter2@tcp(127.0.0.1:3326)/pay", "garbage.dsn": "hunter2",
		"books.url": "mysql://app:hunter2@127.0.0.1:3306/pay?table=payments",
	} {
		if err := os.WriteFile(filepath.Join(folder, secret), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := audit.NewKey(filepath.Join(folder, "audit.key"), "example.com/audit"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(folder, "open.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(folder, name)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return folder, file
}

func TestComplaints(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			folder, file := workplace(t, filepath.Base(path), data)
			got := complaints(t, file, folder)
			if strings.Contains(got, "hunter2") {
				t.Errorf("a secret is shown:\n%s", got)
			}
			compare(t, strings.TrimSuffix(path, ".yaml")+".want", got)
		})
	}
}

func complaints(t *testing.T, file, folder string) string {
	t.Helper()
	err := Check(file)
	if err == nil {
		t.Fatal("no complaint")
	}
	if _, ok := err.(Problems); !ok {
		t.Errorf("%T is not Problems", err)
	}
	return strings.ReplaceAll(err.Error(), folder+"/", "") + "\n"
}

func compare(t *testing.T, golden, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func load(t *testing.T, name string) (folder, file string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/good", name))
	if err != nil {
		t.Fatal(err)
	}
	return workplace(t, name, data)
}

func TestGoodFilesHaveNoComplaint(t *testing.T) {
	for _, name := range []string{"service.yaml", "database.yaml", "rowlog.yaml", "comparer.yaml", "gate.yaml", "remote-bus.yaml", "controlled.yaml", "copies.yaml", "control-plane.yaml"} {
		t.Run(name, func(t *testing.T) {
			if _, file := load(t, name); Check(file) != nil {
				t.Error(Check(file))
			}
		})
	}
}

func TestSidecarValues(t *testing.T) {
	_, file := load(t, "service.yaml")
	s, err := LoadSidecar(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, ok := range map[string]bool{
		"percent":   s.Tag.Percent == 500_000,
		"sample":    s.Telemetry.Sample == 1_000_000,
		"body":      s.Compare.BodySample == 10_000,
		"max body":  s.HTTP.MaxBody == 1<<20,
		"gateway":   len(s.Tag.TrustedGateways) == 1 && s.Tag.TrustedGateways[0].String() == "127.0.0.0/8",
		"candidate": s.HTTP.Candidate.Host == "127.0.0.1:9002",
		"key":       s.Tag.KeyFile.Text() == "0123456789abcdef0123",
		"fields":    s.Compare.Responses[0].Fields["payment_no"] == "alias" && s.Egress.Operations[0].Fields["amount.total"] == "money",
		"table":     s.MySQL.Tables[0].Name == "payments" && s.MySQL.Tables[0].AutoIncrement == "",
		"creates":   s.HTTP.Routes[0].Creates && !s.HTTP.Routes[1].Creates,
	} {
		if !ok {
			t.Errorf("%s was read wrong", name)
		}
	}
}

func TestDefaults(t *testing.T) {
	_, file := load(t, "database.yaml")
	s, err := LoadSidecar(file)
	if err != nil {
		t.Fatal(err)
	}
	host, _ := os.Hostname()
	got := []any{s.Instance, s.Epoch, s.Tag.MaxAge, s.Tag.Percent, s.Bus.Buffer, s.Telemetry.OTLPEndpoint == nil, s.Telemetry.Sample, s.HTTP.ResponseHeaderTimeout,
		s.HTTP.MaxBody, s.HTTP.Queue, s.HTTP.Workers, s.HTTP.ShadowTimeout, s.HTTP.OrderWait, s.HTTP.Drain, s.HTTP.Membership, s.Compare.BodySample, s.Egress == nil,
		s.MySQL.Apply.Queue, s.MySQL.Apply.Workers, s.MySQL.Apply.Drain}
	want := []any{host, 1, time.Hour, 5000, 10000, true, 1_000_000, 30 * time.Second,
		1 << 20, 256, 8, 10 * time.Second, 5 * time.Second, 10 * time.Second, 1_000_000, 10_000, true,
		10000, 4, 30 * time.Second}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestComparerValues(t *testing.T) {
	folder, file := load(t, "comparer.yaml")
	m, err := LoadComparer(file)
	if err != nil {
		t.Fatal(err)
	}
	if m.Gate.MaxBound != 20_000_000 || m.Gate.MaxBound.String() != "0.02" || !m.Bus.Embedded() {
		t.Errorf("bound %v, embedded %v", m.Gate.MaxBound, m.Bus.Embedded())
	}
	if m.Data != Path(filepath.Join(folder, "data")) || m.Sides.Channel.Day != "2026-11-23" {
		t.Errorf("data %s, day %s", m.Data, m.Sides.Channel.Day)
	}
	if table := m.Sides.Primary.Tables[0]; table.Status.Map["1"] != "success" || table.Kind != "payment" || table.Aliases[0] != "payment_no" {
		t.Errorf("table %+v", table)
	}
	_, file = load(t, "remote-bus.yaml")
	if m, err = LoadComparer(file); err != nil || m.Bus.Embedded() || m.Gate.MaxBound.String() != "0.000000001" || m.Sides.Channel.Fetch.Secrets["WECHAT_KEY"].Text() != "hunter2-pem" {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	_, file := load(t, "service.yaml")
	s, err := LoadSidecar(file)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "bus", s.Bus, "key", s.Tag.KeyFile)
	asJSON, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	all := log.String() + string(asJSON)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		all += fmt.Sprintf(verb, *s) + fmt.Sprintf(verb, s.Tag) + fmt.Sprintf(verb, s.Bus.PasswordFile)
	}
	for _, secret := range []string{"hunter2", "0123456789abcdef", fmt.Sprintf("%x", "hunter2"), "MDEyMzQ1"} {
		if strings.Contains(all, secret) {
			t.Errorf("%q is printed", secret)
		}
	}
	if !strings.Contains(all, "tag.key") {
		t.Error("the path is not printed")
	}
}

func TestUnreadableFile(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.yaml")
	for _, err := range []error{Check(missing), func() error { _, err := LoadSidecar(missing); return err }()} {
		if err == nil || !strings.HasPrefix(err.Error(), missing+": cannot be read: no such file") {
			t.Errorf("got %v", err)
		}
	}
	_, file := workplace(t, "big.yaml", []byte("role: sidecar #"+strings.Repeat("x", maxFile)))
	if err := Check(file); err == nil || !strings.Contains(err.Error(), "longer than 1 MiB") {
		t.Errorf("got %v", err)
	}
}

// TestExamplesAreGood loads what the documentation tells people to begin with.
func TestExamplesAreGood(t *testing.T) {
	files, err := filepath.Glob("../../../deploy/examples/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, sum := range regexp.MustCompile(`\b[0-9a-f]{64}\b`).FindAllString(string(data), -1) {
			if !strings.HasPrefix(sum, strings.Repeat("0", 60)) {
				t.Errorf("%s has %s, which may be the hash of something", path, sum)
			}
		}
		folder, file := workplace(t, filepath.Base(path), data)
		holidays, err := os.ReadFile("../../../deploy/examples/holidays.txt")
		if err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string][]byte{"touchstone-adapter-wechat": nil, "holidays.txt": holidays} {
			if err := os.WriteFile(filepath.Join(folder, name), content, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		check := Check
		if filepath.Base(path) == "mappings.yaml" { // beside comparer.yaml, and no configuration of a role
			check = func(path string) error { _, err := LoadMappings(path, []string{"wechat"}); return err }
		}
		if err := check(file); err != nil {
			t.Errorf("%s:\n%v", path, err)
		}
	}
}

func TestGateValues(t *testing.T) {
	_, file := load(t, "gate.yaml")
	m, err := LoadComparer(file)
	if err != nil {
		t.Fatal(err)
	}
	g, r := m.Gate, m.Gate.Rollout
	for name, ok := range map[string]bool{
		"budget":      g.Budget == 200_000,
		"errors":      g.PromoteError == 50_000_000 && g.RollbackError == 50_000_000,
		"required":    g.Require[0].MinOrders == 100 && g.Require[1].MinOrders == 1,
		"every":       r.Every == time.Minute && r.Settle == 10*time.Second && r.SelfTest == 30*time.Second,
		"stage bound": r.Stages[0].Bound == 10_000_000 && r.Stages[1].Bound == g.MaxBound,
		"stage":       r.Stages[2].Serve == 10_000 && r.Stages[2].Hold == 24*time.Hour && r.Stages[1].Approval,
		"people":      r.People[1].Roles[0] == "approver",
		"without budget": func() bool {
			_, f := load(t, "comparer.yaml")
			m, err := LoadComparer(f)
			return err == nil && m.Gate.Budget == m.Gate.MaxBound && m.Gate.Rollout == nil
		}(),
	} {
		if !ok {
			t.Errorf("%s: %+v", name, g)
		}
	}
}
