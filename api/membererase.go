package api

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// messagesForgotten is how many messages of an erased member are deleted at a time.
const messagesForgotten = 500

// eraseInput is the body of POST /v1/members/{id}/erase.
type eraseInput struct {
	Confirm string `json:"confirm"`
}

// eraseMember is POST /v1/members/{id}/erase: a pseudonym takes the place of the member, for good. Doing it again finishes what a crash left, and answers the same.
func (s *Server) eraseMember(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	var in eraseInput
	if err := r.readJSON(&in); err != nil {
		return err
	}
	if in.Confirm != id {
		return audit.InvalidField("confirm", "must be the id of the member, as an erasure cannot be undone")
	}
	before, err := s.cfg.Directory.Member(r.ctx, r.by.Organization, id)
	if err != nil {
		return err
	}
	if err := mayChangeRole(r.by, before, before); err != nil {
		return err
	}
	if s.cfg.Erasures == nil {
		return audit.Errorf(audit.CodeUnavailable, "this server erases nobody")
	}
	if activeCreator(before) {
		if err := s.keepCreator(r.ctx, before); err != nil {
			return err
		}
	}
	if r.by.Member == id {
		r.by.MemberName = "" // what is recorded from here on is not to say it once more
	}
	var after audit.Member
	if err := s.recorded(r, r.by, erasedEntry(r.by, id), func() (err error) { after, err = s.erase(r, before); return err }); err != nil {
		return err
	}
	setVersion(r, after.Version)
	return r.json(http.StatusOK, viewCard(after))
}

// erasedEntry names the member by the id alone.
func erasedEntry(by audit.Principal, id string) entry {
	message := by.MemberName + " erased a member"
	if by.MemberName == "" {
		message = "A member erased themself"
	}
	return entry{action: audit.ActionMemberErased, message: message, targets: []audit.Target{{Type: "member", ID: id}}}
}

// erase takes from the member what acts and waits on their behalf, puts the pseudonym into the directory, and deletes what holds their name elsewhere. Each step
// may be done again.
func (s *Server) erase(r *request, before audit.Member) (audit.Member, error) {
	if err := s.strip(r, before); err != nil {
		return before, err
	}
	if err := s.cfg.Erasures.Mark(r.ctx, before.Organization); err != nil {
		return before, err
	}
	after, err := s.putErased(r, before)
	if err != nil {
		return before, err
	}
	s.cfg.Erasures.Forget(after.Organization)
	s.memberChanged(r, after)
	return after, errors.Join(s.forgetMessages(r, after), s.takeBackAll(r, after))
}

// putErased stores the pseudonym. Somebody else may have erased the member meanwhile; then theirs counts.
func (s *Server) putErased(r *request, before audit.Member) (audit.Member, error) {
	if before.Erased() {
		return before, nil
	}
	after, err := s.cfg.Directory.PutMember(r.ctx, before.Erase(audit.NewPseudonym(), s.now().UTC().Truncate(audit.TimePrecision)))
	if audit.CodeOf(err) != audit.CodeConflict {
		return after, err
	}
	now, again := s.cfg.Directory.Member(r.ctx, before.Organization, before.ID)
	if again == nil && now.Erased() {
		return now, nil
	}
	return before, err
}

func (s *Server) forgetMessages(r *request, member audit.Member) error {
	for {
		n, err := s.cfg.Messages.DeleteMessagesOf(r.ctx, member.Organization, member.ID, messagesForgotten)
		if err != nil || n < messagesForgotten {
			return err
		}
	}
}

// erasureKnown is how long after an erasure every process knows of it, and what it writes is without the member.
const erasureKnown = 10 * time.Second

// takeBackAll revokes every export of the organization whose files may have been written before the erasure was known. They can be run again.
func (s *Server) takeBackAll(r *request, erased audit.Member) error {
	exports, err := s.cfg.Exports.OpenExports(r.ctx, erased.Organization)
	for _, e := range exports {
		status := standingOf(e, s.now())
		if status != audit.ExportRunning && status != audit.ExportReady || e.RequestedAt.After(erased.ErasedAt.Add(erasureKnown)) {
			continue
		}
		_, warning, failed := s.takeBack(r, e, lostEntry(e, audit.Errorf(audit.CodeGone, "a member was erased, whom its files may name; run it again")))
		if warning != "" {
			s.log.Warn("api: an export that may name who was erased is deleted later", slog.String("request_id", r.id), slog.String("export", e.ID))
		}
		err = errors.Join(err, failed)
	}
	return err
}
