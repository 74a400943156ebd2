package api

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/audittrail/audittrail/audit"
)

const (
	defaultPeople = 10
	maxPeople     = 50
	maxPeopleIDs  = 200
	// peopleScan is how many members are looked at to find the best: a bound on what a keystroke costs.
	peopleScan = 200
)

// personView is what a type-ahead shows of a member: no address, which is on the card.
type personView struct {
	ID     string             `json:"id"`
	Name   string             `json:"name"`
	Avatar string             `json:"avatar,omitempty"`
	Role   audit.Role         `json:"role"`
	Status audit.MemberStatus `json:"status"`
}

// listPeople is GET /v1/people: members to choose from while somebody types, for all who see their cards. It is not recorded: it shows
// less of a member than the events do, and a record a keystroke would bury what the trail is for.
func (s *Server) listPeople(r *request) error {
	text, textErr := r.memberText()
	operators, operatorsErr := r.oneOf("operators", "false", "true")
	limit, limitErr := r.limit(defaultPeople, maxPeople)
	ids, idsErr := r.peopleIDs(text, operators)
	if err := joinFields(textErr, operatorsErr, limitErr, idsErr); err != nil {
		return err
	}
	if !r.by.ReachesCards() {
		return audit.Errorf(audit.CodeForbidden, "the role %s sees no members but itself", r.by.Role)
	}
	if len(ids) > 0 {
		return s.namePeople(r, ids)
	}
	filter := audit.MemberFilter{Text: text, Limit: peopleScan}
	if operators == "true" {
		filter.Roles = audit.ContactManagers()
	}
	members, err := s.cfg.Directory.Members(r.ctx, r.by.Organization, filter)
	if err != nil {
		return err
	}
	rankPeople(members, text)
	people := make([]personView, min(limit, len(members)))
	for i := range people {
		people[i] = viewPerson(members[i])
	}
	return r.json(http.StatusOK, map[string]any{"people": people, "more": len(members) > limit})
}

func viewPerson(m audit.Member) personView {
	return personView{ID: m.ID, Name: m.Name, Avatar: m.Avatar, Role: m.Role, Status: m.Status}
}

// namePeople answers with the members of the ids, by id: one call for all names of a page.
func (s *Server) namePeople(r *request, ids []string) error {
	members, err := s.cfg.Directory.Members(r.ctx, r.by.Organization, audit.MemberFilter{IDs: ids, Limit: len(ids)})
	if err != nil {
		return err
	}
	people := make([]personView, len(members))
	for i, m := range members {
		people[i] = viewPerson(m)
	}
	return r.json(http.StatusOK, map[string]any{"people": people, "more": false})
}

// peopleIDs reads the repeatable parameter id, which stands alone.
func (r *request) peopleIDs(text, operators string) ([]string, error) {
	ids := r.query["id"]
	switch {
	case len(ids) > maxPeopleIDs:
		return nil, audit.InvalidField("id", "is given %d times; at most %d are allowed", len(ids), maxPeopleIDs)
	case len(ids) > 0 && (text != "" || operators == "true"):
		return nil, audit.InvalidField("id", "cannot be given together with q or operators")
	}
	for _, id := range ids {
		if id == "" || len(id) > audit.MaxIDBytes {
			return nil, audit.InvalidField("id", "has %d bytes; 1 to %d are allowed", len(id), audit.MaxIDBytes)
		}
	}
	return ids, nil
}

// memberText reads the parameter q of a search of members.
func (r *request) memberText() (string, error) {
	text, err := r.single("q")
	if len(text) > audit.MaxTextBytes {
		err = audit.InvalidField("q", "has %d bytes; at most %d are allowed", len(text), audit.MaxTextBytes)
	}
	return text, err
}

// rankPeople puts first whom somebody who types the text most likely means: whose name begins with it, then who has a word of the name or an
// id that does, then the others; among equals those who are in the organization, by name.
func rankPeople(members []audit.Member, text string) {
	text = foldName(text)
	type place struct {
		fit, status int
		name        string
	}
	places := make(map[string]place, len(members))
	for _, m := range members {
		p := place{fit: 2, name: foldName(m.Name)}
		switch {
		case strings.HasPrefix(p.name, text):
			p.fit = 0
		case strings.Contains(p.name, " "+text), strings.HasPrefix(foldName(m.ID), text):
			p.fit = 1
		}
		if !m.Included() {
			p.status = 1
		}
		places[m.ID] = p
	}
	slices.SortFunc(members, func(a, b audit.Member) int {
		p, q := places[a.ID], places[b.ID]
		return cmp.Or(p.fit-q.fit, p.status-q.status, strings.Compare(p.name, q.name), strings.Compare(a.ID, b.ID))
	})
}

func foldName(text string) string { return cases.Fold().String(norm.NFC.String(text)) }
