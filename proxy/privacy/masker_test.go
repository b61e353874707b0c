package privacy

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// made gives numbers that pass their check and belong to nobody.
func made() map[string]string {
	return map[string]string{"pan": "6222020000000000000", "short pan": "4111111111111111", "spaced pan": "4111 1111 1111 1111", "identity": "11010519491231002X", "phone": "13800138000"}
}

func TestNumbersAreMaskedAndNothingElse(t *testing.T) {
	m := New([]byte("a secret of the deployment"))
	for name, text := range map[string]string{
		"order number":     "20261124000000000001",
		"not by Luhn":      "4111111111111112",
		"amount":           `{"total":10000,"fee":1234567890}`,
		"inside a word":    "P4111111111111111",
		"time in ms":       "1795535551852",
		"not an identity":  "110105194912310021",
		"landline":         "02012345678",
		"the word token":   "a token of trust",
		"short identifier": "12345678",
	} {
		if got := m.Text(text); got != text {
			t.Errorf("%s: %q became %q", name, text, got)
		}
	}
	for name, value := range made() {
		for _, around := range []string{`{"v":"%"}`, "a=%&b=c", "<v>%</v>", "%", "to %, from %"} {
			got := m.Text(strings.ReplaceAll(around, "%", value))
			if strings.Contains(got, value) || !strings.Contains(got, "<") || !strings.Contains(got, ":") {
				t.Errorf("%s in %s: %q", name, around, got)
			}
		}
	}
}

func TestTokensKeepDifferences(t *testing.T) {
	m := New([]byte("a secret of the deployment"))
	if m.Text("4111111111111111") != m.Text("4111-1111-1111-1111") {
		t.Error("one card has two tokens")
	}
	if m.Text("4111111111111111") == m.Text("5555555555554444") {
		t.Error("two cards have one token")
	}
	if m.Text("4111111111111111") == New([]byte("another secret")).Text("4111111111111111") {
		t.Error("the token does not depend on the key")
	}
	if m.Text("4111111111111111") != New([]byte("a secret of the deployment")).Text("4111111111111111") {
		t.Error("the token changes from process to process")
	}
}

func TestSecretsAreMaskedByTheirNames(t *testing.T) {
	m := New([]byte("a secret of the deployment"))
	for _, text := range []string{
		`{"access_token" : "s3cr3t-value"}`, `{"CVV2":"s3cr3t-value"}`, "password=s3cr3t-value&a=b", "Authorization: Bearer s3cr3t-value", `{"pay_token":"s3cr3t-value\"x"}`,
	} {
		if got := m.Text(text); strings.Contains(got, "s3cr3t") || !strings.Contains(got, "<secret:") {
			t.Errorf("%s became %s", text, got)
		}
	}
	if got := m.Text("x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln y"); strings.Contains(got, "eyJ") || !strings.HasSuffix(got, " y") {
		t.Errorf("a JWT became %s", got)
	}
}

func TestColumnsThatAreSecrets(t *testing.T) {
	m := New([]byte("0123456789abcdef"))
	for name, secret := range map[string]bool{"cvv": true, "Access_Token": true, "api_key": true, "note": false, "tokens_left": false} {
		if got := m.Named(name, "123"); (got != "123") != secret {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := m.Named("note", "4111111111111111"); !strings.HasPrefix(got, "<pan:") || got != m.Text("4111111111111111") {
		t.Errorf("got %s", got)
	}
	if got := m.Named("cvv", ""); got != "" {
		t.Errorf("nothing became %s", got)
	}
}

// Whatever the expressions find, the looks before them let through.
func TestLooksMissNothing(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	m := New([]byte("0123456789abcdef"))
	pieces := []string{
		`"token":"a"`, `"Access_Token": "b"`, "PASSWORD=x", "passwd=y", `"secret":"z"`, "api_key=k", "apiKey=k", `"cvv2":"123"`, "cvn=1", "CVC2=9", "Bearer abc", "bearer x",
		"to\u212aen=q", "pa\u017f\u017fword=q", "eyJhbGciOiJIUzI1NiJ9.e30.x", "4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "13800138000", "11010519491231002X",
		" ", "-", "1", "22", "{", "}", `"`, ",", "x", "=", "支付", "4", "11", "  ", "tok", "en",
	}
	for range 20_000 {
		var text []byte
		for range 1 + random.IntN(8) {
			text = append(text, pieces[random.IntN(len(pieces))]...)
		}
		want := m.numbers(jwt.ReplaceAllFunc(m.secrets(text), func(found []byte) []byte { return m.token(kindSecret, found) }))
		if got := m.Bytes(text); string(got) != string(want) {
			t.Fatalf("%q became %q, want %q", text, got, want)
		}
	}
}
