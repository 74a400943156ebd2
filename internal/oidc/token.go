package oidc

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/audittrail/audittrail/audit"
)

// claims are what a provider says of somebody.
type claims map[string]any

// UnmarshalJSON keeps numbers as they are written: an id must not become its neighbour's by rounding.
func (c *claims) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	return decoder.Decode((*map[string]any)(c))
}

// redeem gives the code for the ID token, and returns its claims once everything about it is right.
func (p *provider) redeem(ctx context.Context, found *metadata, client *oauth2.Config, code string, f flow) (claims, error) {
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := client.Exchange(ctx, code, oauth2.VerifierOption(f.Verifier))
	if err != nil {
		return nil, p.exchangeFailed(err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok || raw == "" {
		return nil, refuse(nil, "%s sent no ID token", p.Name)
	}
	id, err := found.verifier.Verify(ctx, raw)
	if err != nil {
		if strings.Contains(err.Error(), "fetching keys") { // the library's words: it gives no error to tell this by
			return nil, p.down(err)
		}
		return nil, refuse(err, "%s", p.reason(err))
	}
	said := claims{}
	if err := id.Claims(&said); err != nil {
		return nil, refuse(err, "the ID token of %s cannot be read", p.Name)
	}
	if err := p.checkToken(id, said, f.Nonce); err != nil {
		return nil, err
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(token.AccessToken); err != nil {
			return nil, refuse(err, "the access token of %s does not belong to its ID token", p.Name)
		}
	}
	return p.withUserInfo(ctx, found, client.TokenSource(ctx, token), said)
}

// exchangeFailed tells a provider that refuses the code from one that does not work. What it wrote beside the code of the error stays out of the log.
func (p *provider) exchangeFailed(err error) error {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		return p.down(err)
	}
	status := 0
	if refused.Response != nil {
		status = refused.Response.StatusCode
	}
	code := refused.ErrorCode
	if !errorCode.MatchString(code) {
		code = "no code"
	}
	cause := fmt.Errorf("the token endpoint answers %d (%s)", status, code)
	if status >= 500 || status == 429 {
		return p.down(cause)
	}
	return refuse(cause, "%s did not take the code (%s)", p.Name, code)
}

// reason says why the library refused a token, in words that hold nothing of the token. Its errors have no types.
func (p *provider) reason(err error) string {
	text := err.Error()
	for _, known := range []struct{ part, reason string }{
		{"different provider", "the ID token is of another provider"},
		{"expected audience", "the ID token is meant for another application"},
		{"signature algorithm", "the ID token is not signed as it must be"},
		{"verify signature", "the signature of the ID token is not the provider's"},
	} {
		if strings.Contains(text, known.part) {
			return known.reason
		}
	}
	return "the ID token of " + p.Name + " cannot be read"
}

// checkToken is what the library leaves to its users: the times with the skew that is allowed, the nonce, and whom the token was made for.
func (p *provider) checkToken(id *oidc.IDToken, said claims, nonce string) error {
	now, skew := p.now(), time.Duration(*p.ClockSkew)
	notBefore, hasNotBefore := said.time("nbf")
	party, _ := said["azp"].(string)
	switch {
	case id.Subject == "":
		return refuse(nil, "the ID token does not say whom it is about")
	case !now.Before(id.Expiry.Add(skew)):
		return refuse(nil, "the ID token has expired")
	case hasNotBefore && now.Add(skew).Before(notBefore), now.Add(skew).Before(id.IssuedAt):
		return refuse(nil, "the ID token is not valid yet: the clocks differ too much")
	case !same(id.Nonce, nonce):
		return refuse(nil, "the ID token was made for another sign-in")
	case party != "" && party != p.ClientID, party == "" && len(id.Audience) > 1:
		return refuse(nil, "the ID token was made for another application")
	}
	return nil
}

// time reads a claim of seconds since 1970.
func (c claims) time(name string) (time.Time, bool) {
	number, _ := c[name].(json.Number)
	seconds, err := number.Float64()
	return time.Unix(int64(seconds), 0), err == nil
}

// same compares in constant time; nothing is the same as an empty text.
func same(a, b string) bool { return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// withUserInfo adds what the ID token leaves out and the provider's user info says: many providers put little into the token. What the token says stands.
func (p *provider) withUserInfo(ctx context.Context, found *metadata, source oauth2.TokenSource, said claims) (claims, error) {
	if found.UserInfoEndpoint() == "" || !p.lacks(said) {
		return said, nil
	}
	info, err := found.UserInfo(ctx, source)
	if err != nil {
		return nil, audit.Unavailable(err, downFor, "%s does not say who you are just now; try again in a moment", p.Name)
	}
	if subject, _ := said["sub"].(string); info.Subject != subject {
		return nil, refuse(nil, "the user info of %s is about somebody else", p.Name)
	}
	more := claims{}
	if err := info.Claims(&more); err != nil {
		return nil, refuse(err, "the user info of %s cannot be read", p.Name)
	}
	if said["email"] != nil && said["email"] != more["email"] {
		delete(more, "email_verified") // it is about another address
	}
	maps.Copy(more, said)
	return more, nil
}

// lacks says whether something that the settings ask for is not in the token.
func (p *provider) lacks(said claims) bool {
	names := []string{p.Claims.Member, p.Claims.Name, p.Claims.Email}
	if p.Claims.Member == "email" {
		names = append(names, "email_verified")
	}
	if p.Claims.Departments != "" {
		names = append(names, p.Claims.Departments)
	}
	for _, rule := range p.Roles {
		names = append(names, rule.Claim)
	}
	for _, name := range names {
		if said.find(name) == nil {
			return true
		}
	}
	return false
}

// find returns the claim of the name; a dot leads into an object where no claim has the whole name.
func (c claims) find(name string) any {
	if v, ok := c[name]; ok {
		return v
	}
	first, rest, dotted := strings.Cut(name, ".")
	if inner, ok := c[first].(map[string]any); dotted && ok {
		return claims(inner).find(rest)
	}
	return nil
}

// texts returns the claim as a list of texts: of one value, one.
func (c claims) texts(name string) []string {
	var texts []string
	add := func(v any) {
		switch v := v.(type) {
		case string:
			texts = append(texts, v)
		case bool, json.Number:
			texts = append(texts, fmt.Sprint(v))
		}
	}
	switch v := c.find(name).(type) {
	case []any:
		for _, item := range v {
			add(item)
		}
	default:
		add(v)
	}
	return texts
}
