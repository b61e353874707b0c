package access_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/seed-3356bd69/touchstone/cmd/internal/access"
	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/casework/api"
)

func TestTokens(t *testing.T) {
	token, hash := access.NewToken()
	other, _ := access.NewToken()
	who := access.Tokens{{Name: "li", Role: casework.RoleOperator, Hash: hash}, {Name: "chen", Role: casework.RoleReviewer, Hash: strings.Repeat("0", 64)}}
	chosen := []string{"test", "tst_test", "tst_" + strings.Repeat("*", 43), "tst_\n" + strings.Repeat("A", 43), token[4:]}
	for _, word := range chosen {
		who = append(who, access.Holder{Name: "wu", Role: casework.RoleAdmin, Hash: access.Hash(word)})
	}
	if got, err := who.Actor(t.Context(), token); err != nil || got.Name != "li" || got.Role != casework.RoleOperator {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range append(chosen, "", other, hash, token+" ", strings.ToLower(token)) {
		if got, err := who.Actor(t.Context(), bad); !errors.Is(err, api.ErrStranger) || got.Name != "" || (bad != "" && strings.Contains(err.Error(), bad)) {
			t.Errorf("%q: got %+v, %v", bad, got, err)
		}
	}
}

// issuer is an OpenID Connect issuer with one key.
type issuer struct {
	*httptest.Server
	key *rsa.PrivateKey
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q,"authorization_endpoint":"x","token_endpoint":"x","id_token_signing_alg_values_supported":["RS256"]}`, i.URL, i.URL+"/keys")
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "RS256", Use: "sig"}}})
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) sign(t *testing.T, key *rsa.PrivateKey, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestOIDC(t *testing.T) {
	i, now := newIssuer(t), time.Now()
	claims := access.Claims{Name: "preferred_username", Roles: "groups", Role: map[string]casework.Role{"recon": casework.RoleOperator, "recon-review": casework.RoleReviewer}}
	who, err := access.NewOIDC(t.Context(), i.Client(), i.URL, "touchstone", claims, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	with := func(changes map[string]any) map[string]any {
		all := map[string]any{"iss": i.URL, "aud": "touchstone", "exp": now.Add(time.Minute).Unix(), "iat": now.Unix(), "sub": "7", "preferred_username": "li", "groups": []string{"staff", "recon"}}
		for name, value := range changes {
			all[name] = value
		}
		return all
	}
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
	body, err := json.Marshal(with(nil))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		token string
		want  casework.Role
		err   error
	}{
		"operator":        {i.sign(t, i.key, with(nil)), casework.RoleOperator, nil},
		"the strongest":   {i.sign(t, i.key, with(map[string]any{"groups": []string{"recon-review", "recon"}})), casework.RoleReviewer, nil},
		"one group":       {i.sign(t, i.key, with(map[string]any{"groups": "recon"})), casework.RoleOperator, nil},
		"no group":        {i.sign(t, i.key, with(map[string]any{"groups": []string{"staff"}})), "", casework.ErrForbidden},
		"a role's name":   {i.sign(t, i.key, with(map[string]any{"groups": []string{"admin"}})), "", casework.ErrForbidden},
		"no name":         {i.sign(t, i.key, with(map[string]any{"preferred_username": ""})), "", api.ErrStranger},
		"expired":         {i.sign(t, i.key, with(map[string]any{"exp": now.Add(-time.Minute).Unix()})), "", api.ErrStranger},
		"for another":     {i.sign(t, i.key, with(map[string]any{"aud": "shop"})), "", api.ErrStranger},
		"from another":    {i.sign(t, i.key, with(map[string]any{"iss": "http://127.0.0.1:1"})), "", api.ErrStranger},
		"another's key":   {i.sign(t, stranger, with(nil)), "", api.ErrStranger},
		"unsigned":        {none + "." + base64.RawURLEncoding.EncodeToString(body) + ".", "", api.ErrStranger},
		"no token at all": {"abc", "", api.ErrStranger},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := access.Any{access.Tokens{}, who}.Actor(t.Context(), c.token)
			if got.Role != c.want || !errors.Is(err, c.err) || (err != nil && strings.Contains(err.Error(), c.token)) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}
