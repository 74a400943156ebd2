package console

import (
	"errors"
	"net/http"
	"strings"

	"github.com/audittrail/audittrail/audit"
)

func init() {
	add(
		get("/members/:id/erase", (*Console).askEraseMember),
		post("/members/:id/erase", (*Console).eraseMember),
	)
}

type eraseView struct {
	frame
	Member  audit.Member
	Typed   string
	Problem *problem
}

// askEraseMember is GET /members/{id}/erase: the question, before what cannot be undone.
func (con *Console) askEraseMember(r *request) error {
	if err := r.by.Allow(audit.ScopeMembers); err != nil {
		return err
	}
	return con.renderErase(r, "", nil)
}

// eraseMember is POST /members/{id}/erase.
func (con *Console) eraseMember(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	typed := strings.TrimSpace(r.form.Get("confirm"))
	err = r.send(http.MethodPost, "/v1"+memberPath(id)+"/erase", map[string]string{"confirm": typed}, nil)
	if err == nil {
		return r.seeOther(memberPath(id) + "?erased=1")
	}
	var p *problem
	if !errors.As(err, &p) || p.Status != http.StatusUnprocessableEntity && p.Status != http.StatusConflict {
		return err
	}
	return con.renderErase(r, typed, p)
}

func (con *Console) renderErase(r *request, typed string, p *problem) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	found, err := r.member(id)
	switch {
	case err != nil:
		return err
	case found.Version == 0:
		return audit.NotFound("member")
	case found.Role.Above(r.by.Role):
		return audit.Errorf(audit.CodeForbidden, "a member of a mightier role cannot be erased")
	}
	status := http.StatusOK
	if p != nil {
		status = p.Status
	}
	return r.render(status, "membererase", eraseView{frame: r.frame("Erase "+found.Name, "members"), Member: found.Member, Typed: typed, Problem: p})
}
