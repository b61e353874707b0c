package access

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/casework/api"
)

// OIDC accepts tokens of one issuer for one audience.
type OIDC struct {
	verifier *oidc.IDTokenVerifier
	claims   Claims
}

// Claims say where a token has what is needed.
type Claims struct {
	Name  string                   // claim of the person's name, for example preferred_username
	Roles string                   // claim of the roles or groups: a text, or a list of them
	Role  map[string]casework.Role // what a role or group of the issuer may do here
}

// NewOIDC asks the issuer for its keys' place. The keys themselves are fetched when they are needed, and again when a token
// is signed with another.
func NewOIDC(ctx context.Context, client *http.Client, issuer, audience string, claims Claims, now func() time.Time) (*OIDC, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), client), issuer)
	if err != nil {
		return nil, fmt.Errorf("ask issuer %s: %w", issuer, err)
	}
	return &OIDC{provider.Verifier(&oidc.Config{ClientID: audience, Now: now}), claims}, nil
}

// Actor verifies a token. The strongest of its roles counts.
func (o *OIDC) Actor(ctx context.Context, token string) (casework.Actor, error) {
	id, err := o.verifier.Verify(ctx, token)
	if err != nil {
		return casework.Actor{}, fmt.Errorf("%w: %w", api.ErrStranger, err)
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return casework.Actor{}, fmt.Errorf("%w: %w", api.ErrStranger, err)
	}
	name, _ := claims[o.claims.Name].(string)
	if name == "" {
		return casework.Actor{}, fmt.Errorf("%w: it has no %s", api.ErrStranger, o.claims.Name)
	}
	who := casework.Actor{Name: name}
	for _, group := range texts(claims[o.claims.Roles]) {
		if role, known := o.claims.Role[group]; known && slices.Index(casework.Roles(), role) > slices.Index(casework.Roles(), who.Role) {
			who.Role = role
		}
	}
	if who.Role == "" {
		return who, fmt.Errorf("%w: none of %s's groups has a role here", casework.ErrForbidden, name)
	}
	return who, nil
}

// texts are the texts of a claim that is one or a list.
func texts(claim any) []string {
	switch claim := claim.(type) {
	case string:
		return []string{claim}
	case []any:
		var out []string
		for _, one := range claim {
			if text, ok := one.(string); ok {
				out = append(out, text)
			}
		}
		return out
	}
	return nil
}
