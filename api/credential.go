package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/netip"
	"time"

	"github.com/audittrail/audittrail/audit"
)

const maxTokenSize = 128

// errUnauthenticated is the one answer to every key that does not work, so that nothing is learnt about those that are refused, and
// errSessionEnded that to every session.
var (
	errUnauthenticated = audit.Errorf(audit.CodeUnauthenticated, "the key is unknown, expired or revoked, or its member is not active")
	errSessionEnded    = audit.Errorf(audit.CodeUnauthenticated, "the session has ended, or its member is not active: sign in again")
)

// errAddress says what the server takes for the address, so that a list that was made for the wrong one, or a proxy that is not trusted, is found.
func errAddress(from netip.Addr) error {
	return audit.Errorf(audit.CodeForbidden, "the key may not be used from the address %s: it is not among those that the key allows", from)
}

// credential is what a request shows: the hash of the secret of a key, or of a session.
type credential struct {
	hash    [sha256.Size]byte
	session bool
}

func keyOf(secret audit.KeySecret) credential { return credential{hash: secret.Hash} }
func sessionOf(cookie string) credential {
	return credential{hash: [sha256.Size]byte(audit.HashKey(cookie)), session: true}
}

// refused is the error of a credential that does not work.
func (c credential) refused() error {
	if c.session {
		return errSessionEnded
	}
	return errUnauthenticated
}

// bearerToken returns the token of an Authorization header, where it looks like a key.
func bearerToken(header []byte) ([]byte, bool) {
	scheme, token, found := bytes.Cut(header, []byte(" "))
	token = bytes.Trim(token, " ")
	return token, found && bytes.EqualFold(scheme, []byte("Bearer")) && bytes.HasPrefix(token, []byte("at_")) && len(token) <= maxTokenSize
}

// lookUp reads who a credential stands for, as of now: a key or session of an active member, with that member's role.
func (a *authenticator) lookUp(ctx context.Context, c credential, now time.Time) (*standing, error) {
	read := a.lookUpKey
	if c.session {
		read = a.lookUpSession
	}
	st, err := read(ctx, c, now)
	if err != nil {
		return nil, hideNotFound(err, c)
	}
	member, err := a.directory.Member(ctx, st.principal.Organization, st.principal.Member)
	if err != nil {
		return nil, hideNotFound(err, c)
	}
	if !member.Included() {
		return nil, c.refused()
	}
	st.principal.MemberName, st.principal.Role = member.Name, member.Role
	st.until = now.Add(authLife)
	return st, nil
}

func (a *authenticator) lookUpKey(ctx context.Context, c credential, now time.Time) (*standing, error) {
	key, err := a.keys.KeyByHash(ctx, c.hash[:])
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(key.Hash, c.hash[:]) != 1 || !key.Works(now) {
		return nil, c.refused()
	}
	return &standing{key: key, principal: audit.Principal{Organization: key.Organization, Member: key.Member, Key: key.ID, Scopes: key.Scopes},
		expires: key.ExpiresAt}, nil
}

func (a *authenticator) lookUpSession(ctx context.Context, c credential, now time.Time) (*standing, error) {
	session, err := a.sessions.SessionByHash(ctx, c.hash[:])
	if err != nil {
		return nil, err
	}
	if used := a.lastTouch(holder{session: session.ID}); used.After(session.LastUsedAt) {
		session.LastUsedAt = used // its write is still under way
	}
	if !session.Works(now) {
		return nil, c.refused()
	}
	return &standing{principal: audit.Principal{Organization: session.Organization, Member: session.Member, Session: session.ID,
		Scopes: []audit.Scope{audit.ScopeAdmin}}, expires: session.ExpiresAt}, nil
}

func hideNotFound(err error, c credential) error {
	if audit.CodeOf(err) == audit.CodeNotFound {
		return c.refused()
	}
	return err
}
