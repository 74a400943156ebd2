package api

import (
	"context"
	"log/slog"
	"net/url"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// Providers ask others who somebody is: OpenID providers, each bound to one organization.
type Providers interface {
	// List returns them in the order in which they are shown.
	List() []audit.IdentityProvider
	// Begin returns the provider's address to send the browser to, and what the browser has to bring back to Finish, with the answer.
	Begin(ctx context.Context, provider, next string) (address, kept string, err error)
	// Finish returns who signs in, and the next of Begin. CodeUnauthenticated, with a reason that may be shown and recorded, where the answer cannot be
	// relied on; CodeUnavailable where the provider cannot be reached; CodeNotFound where there is none.
	Finish(ctx context.Context, provider, kept string, answer url.Values) (who audit.Identity, next string, err error)
	// SignOut returns the address that signs the browser out at the provider as well; "" where there is none.
	SignOut(ctx context.Context, provider string) (address string)
}

const (
	// maxSettles bounds how often the entry of a member is tried to be kept current while others change it.
	maxSettles = 4
	// signOutTimeout is how long a sign-out waits for a provider that has to be asked where it signs out.
	signOutTimeout = 3 * time.Second
)

// Providers returns where people can sign in.
func (s *Server) Providers() []audit.IdentityProvider {
	if s.cfg.Providers == nil || s.cfg.Sessions == nil {
		return nil
	}
	return s.cfg.Providers.List()
}

// BeginSignIn returns the provider's address to send the browser to, and what it has to bring back, for ten minutes. CodeNotFound where there is no such
// provider, CodeUnavailable where it cannot be reached.
func (s *Server) BeginSignIn(ctx context.Context, provider, next string) (address, kept string, err error) {
	if _, err := s.providerOf(provider); err != nil {
		return "", "", err
	}
	if address, kept, err = s.cfg.Providers.Begin(ctx, provider, next); err != nil {
		s.log.Warn("api: a sign-in could not begin", slog.String("provider", provider), slog.Any("error", err))
	}
	return address, kept, err
}

func (s *Server) providerOf(id string) (audit.IdentityProvider, error) {
	for _, p := range s.Providers() {
		if p.ID == id {
			return p, nil
		}
	}
	return audit.IdentityProvider{}, audit.NotFound("provider")
}

// FinishSignIn takes what a provider answered and what the browser kept, and returns the cookie of a new session, when that ends at the latest, and the
// next of BeginSignIn. The directory follows the provider as far as its settings say. Both outcomes are recorded. CodeUnauthenticated where nobody is
// signed in, with a reason for people; CodeUnavailable where the provider cannot be reached; CodeRateLimited where too many have failed from the address.
func (s *Server) FinishSignIn(ctx context.Context, provider, kept string, answer url.Values, source audit.Source) (cookie string, expires time.Time, next string, err error) {
	source.Platform = "web"
	from := origin{source: source}
	p, err := s.providerOf(provider)
	if err != nil {
		return "", time.Time{}, "", err
	}
	if _, err := s.cfg.Directory.Organization(ctx, p.Organization); audit.CodeOf(err) == audit.CodeNotFound {
		s.log.Error("api: a provider is bound to an organization that does not exist", slog.String("provider", p.ID), slog.String("organization", p.Organization))
		return "", time.Time{}, "", audit.Errorf(audit.CodeUnauthenticated, "the organization of %s is not set up here", p.Name)
	} else if err != nil {
		return "", time.Time{}, "", err
	}
	by := audit.Principal{Organization: p.Organization}
	who, next, err := s.cfg.Providers.Finish(ctx, provider, kept, answer)
	if err != nil {
		return "", time.Time{}, next, s.refuseIdentity(ctx, from, p, by, err)
	}
	by.Member = who.Member
	member, err := s.settle(ctx, from, who)
	if by.MemberName = member.Name; err != nil {
		return "", time.Time{}, next, s.refuseIdentity(ctx, from, p, by, err)
	}
	session := audit.Session{Provider: p.ID, Idle: who.Idle}
	cookie, expires, err = s.openSession(ctx, from, by, session, who.Life, map[string]string{"provider": p.ID})
	return cookie, expires, next, err
}

// settle brings the directory into line with what the provider says, and returns the member: CodeUnauthenticated where there is none who may sign in.
func (s *Server) settle(ctx context.Context, from origin, who audit.Identity) (audit.Member, error) {
	for try := 1; ; try++ {
		before, err := s.cfg.Directory.Member(ctx, who.Provider.Organization, who.Member)
		switch {
		case audit.CodeOf(err) == audit.CodeNotFound && !who.CreatesMembers:
			return before, audit.Errorf(audit.CodeUnauthenticated, "%s knows you, but you are not in the organization's directory here", who.Provider.Name)
		case audit.CodeOf(err) == audit.CodeNotFound:
			before = audit.Member{}
		case err != nil:
			return before, err
		case !before.Included():
			return before, audit.Errorf(audit.CodeUnauthenticated, "your membership in the organization was ended (%s)", before.Status)
		}
		after, err := s.keepCurrent(ctx, from, who, before)
		if audit.CodeOf(err) == audit.CodeConflict && try < maxSettles { // somebody else changed the entry meanwhile
			continue
		}
		return after, err
	}
}

// keepCurrent makes or changes the entry as the identity says, and records that.
func (s *Server) keepCurrent(ctx context.Context, from origin, who audit.Identity, before audit.Member) (audit.Member, error) {
	after := who.Apply(before)
	if activeCreator(before) && !activeCreator(after) {
		if err := s.keepCreator(ctx, before); audit.CodeOf(err) == audit.CodeConflict {
			after.Role = before.Role // a mapping that means nobody must not leave nobody who may do everything
		} else if err != nil {
			return before, err
		}
	}
	if err := (audit.Member{ID: "x", Name: "x", Email: after.Email, Role: audit.RoleMember, Status: audit.MemberActive}).Validate(); err != nil {
		after.Email = before.Email // no reason to keep anybody out
	}
	if err := after.Validate(); err != nil {
		return before, audit.WithCause(audit.CodeUnauthenticated, err, "what %s says of you cannot become an entry of the directory", who.Provider.Name)
	}
	changes := memberChanges(before, after)
	if len(changes) == 0 {
		return before, nil
	}
	after.UpdatedAt = s.now().UTC().Truncate(audit.TimePrecision)
	e := entry{action: audit.ActionMemberUpdated, message: "The directory entry of " + after.Name + " was changed at a sign-in by " + who.Provider.Name, system: true,
		targets: []audit.Target{{Type: "member", ID: after.ID, Name: after.Name}}, changes: changes, metadata: map[string]string{"provider": who.Provider.ID}}
	if before.Version == 0 {
		e.message = after.Name + " was added to the directory at the first sign-in by " + who.Provider.Name
	}
	err := s.recordedFrom(ctx, from, audit.Principal{Organization: after.Organization}, e, func() (err error) {
		after, err = s.cfg.Directory.PutMember(ctx, after)
		return err
	})
	s.auth.forget(after.Organization)
	return after, err
}

// refuseIdentity is the answer to a sign-in by a provider that failed. It is recorded where the address has not failed too often.
func (s *Server) refuseIdentity(ctx context.Context, from origin, p audit.IdentityProvider, by audit.Principal, cause error) error {
	code := audit.CodeOf(cause)
	if code != audit.CodeUnauthenticated && code != audit.CodeUnavailable {
		return cause
	}
	s.log.Warn("api: a sign-in by a provider failed", slog.String("provider", p.ID), slog.String("organization", p.Organization), slog.Any("error", cause))
	if err := s.failures.add(from.source.IP, s.now()); err != nil {
		if code == audit.CodeUnavailable {
			return cause
		}
		return err
	}
	reason := audit.MessageOf(cause)
	e := entry{action: audit.ActionSessionCreated, message: "A sign-in to the audit trail by " + p.Name + " was refused: " + reason, system: by.Member == "",
		metadata: map[string]string{"provider": p.ID, "reason": reason}}
	if by.Member != "" {
		by.Member = cutID(by.Member)
		e.targets = sessionTargets(by)
	}
	if err := s.append(ctx, from, by, e, audit.OutcomeFailure); err != nil {
		return err
	}
	return cause
}

// SignOutAddress returns where the session of the cookie is signed out at its provider as well; "" where it has none. It is asked before SignOut.
func (s *Server) SignOutAddress(ctx context.Context, cookie string) string {
	if s.cfg.Providers == nil || s.cfg.Sessions == nil || !audit.IsSessionSecret(cookie) {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, signOutTimeout)
	defer cancel()
	session, err := s.cfg.Sessions.SessionByHash(ctx, audit.HashKey(cookie))
	if err != nil || session.Provider == "" {
		return ""
	}
	return s.cfg.Providers.SignOut(ctx, session.Provider)
}
