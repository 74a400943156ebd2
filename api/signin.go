package api

import (
	"context"
	"log/slog"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// errLink is the one answer to every link that does not work, so that nothing is learnt about those that are refused.
var errLink = audit.Errorf(audit.CodeUnauthenticated, "the link does not work: it was used before, is older than ten minutes, or is none of this server; ask for a new one")

// SignIn uses up a one-time link and returns the cookie of a new session and when that ends at the latest. Both outcomes are recorded where the link is
// known. CodeUnauthenticated where it does not work, CodeRateLimited where too many have failed from the same address. A link whose use could not be
// recorded is used up all the same.
func (s *Server) SignIn(ctx context.Context, link string, source audit.Source) (cookie string, expires time.Time, err error) {
	source.Platform = "web"
	from, now := origin{source: source}, s.now().UTC().Truncate(audit.TimePrecision)
	l, by, err := s.takeLink(ctx, from, link, now)
	if err != nil {
		return "", time.Time{}, err
	}
	if l.CreatedBy == "" { // whoever made it could not record it
		if err := s.append(ctx, origin{}, by, linkEntry(l, by.MemberName), audit.OutcomeSuccess); err != nil {
			return "", time.Time{}, err
		}
	}
	return s.openSession(ctx, from, by, audit.Session{}, audit.SessionLife, map[string]string{"login_link": l.ID})
}

// openSession begins a session that lasts for life at most, records that, and returns its cookie.
func (s *Server) openSession(ctx context.Context, from origin, by audit.Principal, session audit.Session, life time.Duration, metadata map[string]string) (string, time.Time, error) {
	cookie, hash := audit.NewSessionSecret()
	now := s.now().UTC().Truncate(audit.TimePrecision)
	session.ID, session.Organization, session.Member, session.Hash = newID(), by.Organization, by.Member, hash
	session.CreatedAt, session.ExpiresAt = now, now.Add(life)
	session.UserAgent, session.IP = cut(from.source.UserAgent, audit.MaxValueBytes), from.source.IP
	by.Session = session.ID
	e := entry{action: audit.ActionSessionCreated, message: by.MemberName + " signed in to the audit trail", targets: sessionTargets(by), metadata: metadata}
	if err := s.recordedFrom(ctx, from, by, e, func() error { return s.cfg.Sessions.CreateSession(ctx, session) }); err != nil {
		return "", time.Time{}, err
	}
	return cookie, session.ExpiresAt, nil
}

// takeLink uses up the link and returns it with whom it signs in.
func (s *Server) takeLink(ctx context.Context, from origin, secret string, now time.Time) (audit.LoginLink, audit.Principal, error) {
	none := func(err error) (audit.LoginLink, audit.Principal, error) {
		return audit.LoginLink{}, audit.Principal{}, err
	}
	if s.cfg.LoginLinks == nil || s.cfg.Sessions == nil || !audit.IsLoginLinkSecret(secret) {
		return none(s.refuseLink(ctx, from, audit.LoginLink{}, audit.Principal{}, "", now))
	}
	hash := audit.HashKey(secret)
	l, err := s.cfg.LoginLinks.LoginLinkByHash(ctx, hash)
	if audit.CodeOf(err) == audit.CodeNotFound {
		return none(s.refuseLink(ctx, from, audit.LoginLink{}, audit.Principal{}, "", now))
	}
	if err != nil {
		return none(err)
	}
	by, included, err := s.holderOfLink(ctx, l)
	switch {
	case err != nil:
		return none(err)
	case !l.UsedAt.IsZero():
		return none(s.refuseLink(ctx, from, l, by, "used before", now))
	case !l.Works(now):
		return none(s.refuseLink(ctx, from, l, by, "expired", now))
	case !included:
		return none(s.refuseLink(ctx, from, l, by, "member not active", now))
	}
	l, err = s.cfg.LoginLinks.UseLoginLink(ctx, hash, now)
	switch audit.CodeOf(err) {
	case "":
		return l, by, nil
	case audit.CodeConflict, audit.CodeNotFound: // someone else was first
		return none(s.refuseLink(ctx, from, l, by, "used before", now))
	}
	return none(err)
}

// holderOfLink returns whom the link signs in, and whether that member is active.
func (s *Server) holderOfLink(ctx context.Context, l audit.LoginLink) (by audit.Principal, included bool, err error) {
	by = audit.Principal{Organization: l.Organization, Member: l.Member}
	member, err := s.cfg.Directory.Member(ctx, l.Organization, l.Member)
	if audit.CodeOf(err) == audit.CodeNotFound {
		return by, false, nil
	}
	by.MemberName = member.Name
	return by, member.Included(), err
}

// refuseLink is the answer to a sign-in that failed. It is recorded where the organization is known and the address has not failed too often.
func (s *Server) refuseLink(ctx context.Context, from origin, l audit.LoginLink, by audit.Principal, reason string, now time.Time) error {
	if err := s.failures.add(from.source.IP, now); err != nil {
		return err
	}
	if by.Organization == "" {
		return errLink
	}
	name := by.MemberName
	if name == "" {
		name = by.Member
	}
	e := entry{action: audit.ActionSessionCreated, message: "A sign-in to the audit trail as " + name + " was refused: " + reason, targets: sessionTargets(by),
		metadata: map[string]string{"login_link": l.ID, "reason": reason}}
	if err := s.append(ctx, from, by, e, audit.OutcomeFailure); err != nil {
		return err
	}
	return errLink
}

// sessionTargets are the session, where there is one, and the member whose it is.
func sessionTargets(by audit.Principal) []audit.Target {
	targets := []audit.Target{{Type: "member", ID: by.Member, Name: by.MemberName}}
	if by.Session != "" {
		targets = append(targets, audit.Target{Type: "session", ID: by.Session})
	}
	return targets
}

// SignOut ends the session of the cookie, and records that. A cookie that signs nobody in any more is no error.
func (s *Server) SignOut(ctx context.Context, cookie string, source audit.Source) error {
	if s.cfg.Sessions == nil || !audit.IsSessionSecret(cookie) {
		return nil
	}
	session, err := s.cfg.Sessions.SessionByHash(ctx, audit.HashKey(cookie))
	if audit.CodeOf(err) == audit.CodeNotFound {
		return nil
	}
	now := s.now().UTC().Truncate(audit.TimePrecision)
	if err != nil || !session.Works(now) {
		return err
	}
	by := audit.Principal{Organization: session.Organization, Member: session.Member, Session: session.ID}
	if member, err := s.cfg.Directory.Member(ctx, session.Organization, session.Member); err == nil {
		by.MemberName = member.Name
	}
	source.Platform = "web"
	e := entry{action: audit.ActionSessionEnded, message: by.MemberName + " signed out of the audit trail", targets: sessionTargets(by)}
	err = s.recordedFrom(ctx, origin{source: source}, by, e, func() error { return s.cfg.Sessions.RevokeSession(ctx, session.Organization, session.ID, now) })
	s.auth.forget(session.Organization)
	return err
}

// endSessions ends the sessions of a member who has left. Those of a member who is not active do not work in any case: it keeps them from coming
// back to life with the member, so that what goes wrong is no failure of the request.
func (s *Server) endSessions(r *request, member audit.Member) {
	if s.cfg.Sessions == nil || member.Included() {
		return
	}
	sessions, err := s.cfg.Sessions.Sessions(r.ctx, member.Organization, member.ID)
	now := s.now().UTC().Truncate(audit.TimePrecision)
	for _, session := range sessions {
		if !session.RevokedAt.IsZero() || !now.Before(session.ExpiresAt) {
			continue
		}
		e := entry{action: audit.ActionSessionEnded, message: r.by.MemberName + " ended the sessions of " + member.Name,
			targets: []audit.Target{{Type: "member", ID: member.ID, Name: member.Name}}}
		err = s.recorded(r, r.by, e, func() error {
			_, err := s.cfg.Sessions.RevokeSessions(r.ctx, member.Organization, member.ID, now)
			return err
		})
		break
	}
	if err != nil {
		s.log.Warn("api: sessions of a member who left not ended", slog.String("request_id", r.id), slog.String("organization", member.Organization), slog.Any("error", err))
	}
}
