package api

import (
	"net/http"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// LoginLinkPath returns the address of the page behind a link, on this server. The page signs nobody in by itself: it has a button that does.
func LoginLinkPath(secret string) string { return "/sign-in?link=" + secret }

// linkView is the answer to POST /v1/login-links, with the address that is shown this once.
type linkView struct {
	audit.LoginLink
	URL string `json:"url"`
}

// createLoginLink is POST /v1/login-links.
func (s *Server) createLoginLink(r *request) error {
	var in struct {
		Member string `json:"member"`
	}
	if err := r.readJSON(&in); err != nil {
		return err
	}
	if in.Member == "" {
		in.Member = r.by.Member
	}
	if s.cfg.LoginLinks == nil {
		return audit.NotFound("route")
	}
	member, err := s.checkHolder(r, in.Member, "links")
	if err != nil {
		return err
	}
	l, secret := audit.NewLoginLink(newID(), r.by.Organization, member.ID, r.by.Member, s.now())
	e := linkEntry(l, member.Name)
	e.message = r.by.MemberName + " made a link that signs in as " + member.Name
	e.system, e.at = false, time.Time{}
	if err := s.recorded(r, r.by, e, func() error { return s.cfg.LoginLinks.CreateLoginLink(r.ctx, l) }); err != nil {
		return err
	}
	return r.json(http.StatusCreated, linkView{LoginLink: l, URL: s.cfg.PublicURL + LoginLinkPath(secret)})
}

// linkEntry is the record of a link that whoever runs the server made.
func linkEntry(l audit.LoginLink, name string) entry {
	return entry{action: audit.ActionLoginLinkCreated, message: "A link that signs in as " + name + " was made on the server", at: l.CreatedAt, system: true,
		targets: []audit.Target{{Type: "member", ID: l.Member, Name: name}}, metadata: map[string]string{"login_link": l.ID}}
}
