package api

import (
	"net/http"

	"github.com/audittrail/audittrail/audit"
)

// deleteSessions is DELETE /v1/members/{id}/sessions: the member is signed out everywhere, here at once and in other processes within authLife.
func (s *Server) deleteSessions(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	member, err := s.cfg.Directory.Member(r.ctx, r.by.Organization, id)
	if err != nil {
		return err
	}
	if member.Role.Above(r.by.Role) {
		return audit.Errorf(audit.CodeForbidden, "a %s cannot sign out a member of a mightier role", r.by.Role)
	}
	ended := 0
	if s.cfg.Sessions != nil {
		now := s.now().UTC().Truncate(audit.TimePrecision)
		e := entry{action: audit.ActionSessionEnded, message: r.by.MemberName + " ended the sessions of " + member.Name,
			targets: []audit.Target{{Type: "member", ID: member.ID, Name: member.Name}}}
		if err := s.recorded(r, r.by, e, func() (err error) {
			ended, err = s.cfg.Sessions.RevokeSessions(r.ctx, r.by.Organization, id, now)
			return err
		}); err != nil {
			return err
		}
		s.auth.forget(r.by.Organization)
	}
	return r.json(http.StatusOK, map[string]int{"ended": ended})
}
