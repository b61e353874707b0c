// Package access tells who sends a request, by a bearer token: one of the configuration's, or one that an OpenID Connect
// issuer signed. It owns the library for that.
//
// In:    a token.
// Out:   a person with a role.
// Never: a token kept or shown, a person without a role, a token accepted whose issuer, audience, time or signature is wrong.
package access
