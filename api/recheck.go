package api

import (
	"context"
	"errors"
	"log/slog"

	"github.com/audittrail/audittrail/audit"
)

// stillMay says whether who began a stream or a download may go on with it: CodeUnauthenticated where the key or session works no more, or the
// member has another role than when it began. They come back with what they may see then.
func (s *Server) stillMay(ctx context.Context, by audit.Principal, shown credential, scope audit.Scope) error {
	st, err := s.auth.valid(ctx, shown)
	if err != nil {
		return err
	}
	if now := st.principal; now.Role != by.Role || now.Allow(scope) != nil {
		return shown.refused()
	}
	return nil
}

// recheck says whether the files of the export may be given to the caller now: the one who asked for it still sees all that it holds, and so does
// the caller. What its requester has lost is taken back: CodeForbidden says so to them, CodeGone to everybody else and from then on.
func (s *Server) recheck(r *request, e audit.Export) error {
	requester, err := s.cfg.Directory.Member(r.ctx, e.Organization, e.RequestedBy)
	if err != nil && audit.CodeOf(err) != audit.CodeNotFound {
		return err
	}
	lost := requester.MayHave(e.Query)
	if lost == nil {
		return r.by.SeesAllOf(e.Query)
	}
	if _, _, err := s.takeBack(r, e, lostEntry(e, lost)); err != nil {
		return err
	}
	if e.RequestedBy == r.by.Member {
		return audit.Errorf(audit.CodeForbidden, "the export was taken back: %s", audit.MessageOf(lost))
	}
	return errRevoked
}

// lostEntry is the record of an export that was taken back because of its requester.
func lostEntry(e audit.Export, lost error) entry {
	return entry{action: audit.ActionExportRevoked, message: "An export was taken back: " + audit.MessageOf(lost), system: true,
		targets: []audit.Target{{Type: "export", ID: e.ID}}, metadata: map[string]string{"requested_by": e.RequestedBy}}
}

// takeBack records that an export is revoked, revokes it, and has its work stopped and its files deleted.
func (s *Server) takeBack(r *request, e audit.Export, trail entry) (now audit.Export, warning string, err error) {
	if err := s.recorded(r, r.by, trail, func() (err error) { now, err = s.revoke(r, e); return err }); err != nil {
		return now, "", err
	}
	if err := s.cfg.Jobs.StopExport(r.ctx, e.Organization, e.ID); err != nil {
		warning = "the export is revoked; its work could not be told yet and ends later"
		s.log.Warn("api: export not stopped", slog.String("request_id", r.id), slog.String("organization", e.Organization),
			slog.String("export", e.ID), slog.Any("error", errors.Join(err, s.deleteFiles(r, e))))
	}
	return now, warning, nil
}

// memberChanged draws the consequences of a change in the directory: what is remembered of keys and sessions is forgotten, and who has left or sees less
// loses the sessions and files that go with it. What fails of this is no failure of the request: sessions do not work without their member, and
// every download looks at the requester again.
func (s *Server) memberChanged(r *request, member audit.Member) {
	s.auth.forget(member.Organization)
	s.endSessions(r, member)
	if err := s.takeBackLost(r, member); err != nil {
		s.log.Warn("api: exports of a member who sees less not taken back", slog.String("request_id", r.id), slog.String("organization", member.Organization), slog.Any("error", err))
	}
}

// takeBackLost revokes the member's exports that they may no longer have, of the newest that one page holds.
func (s *Server) takeBackLost(r *request, member audit.Member) error {
	exports, err := s.cfg.Exports.Exports(r.ctx, member.Organization, member.ID, "", audit.MaxPage)
	for _, e := range exports {
		if status := standingOf(e, s.now()); status != audit.ExportRunning && status != audit.ExportReady {
			continue
		}
		if lost := member.MayHave(e.Query); lost != nil {
			_, _, failed := s.takeBack(r, e, lostEntry(e, lost))
			err = errors.Join(err, failed)
		}
	}
	return err
}
