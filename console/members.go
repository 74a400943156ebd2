package console

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/audittrail/audittrail/audit"
)

func init() {
	add(
		get("/members", (*Console).listMembers),
		get("/members/new", (*Console).newMember),
		post("/members", (*Console).addMember),
		get("/members/import", (*Console).showImport),
		post("/members/import", (*Console).importMembers),
		get("/members/:id", (*Console).editMember),
		post("/members/:id", (*Console).saveMember),
		post("/members/:id/sign-out", (*Console).signOutMember),
	)
}

// membersPage is how many members one page lists.
const membersPage = 50

// memberAnswer is a member as the API answers it.
type memberAnswer struct {
	audit.Member
	Included bool   `json:"included"`
	Notice   string `json:"notice"`
}

// choice is one of the values of a field.
type choice struct {
	Value, Words      string
	Chosen, Forbidden bool
}

// roleChoices offers the roles. The API gives none above one's own, and the page does not offer them.
func roleChoices(chosen string, by audit.Role) []choice {
	var all []choice
	for _, role := range audit.Roles() {
		all = append(all, choice{string(role), roleName(role), string(role) == chosen, role.Above(by)})
	}
	return all
}

func statusChoices(chosen string) []choice {
	var all []choice
	for _, status := range []audit.MemberStatus{audit.MemberActive, audit.MemberDeactivated, audit.MemberDeleted} {
		all = append(all, choice{Value: string(status), Words: humanName(string(status)), Chosen: string(status) == chosen})
	}
	return all
}

type membersView struct {
	frame
	Members  []memberAnswer
	Text     string
	Roles    []choice
	Statuses []choice
	Filtered bool
	First    bool
	Newest   string
	Next     string
}

// listMembers is GET /members.
func (con *Console) listMembers(r *request) error {
	query := url.Values{"limit": {strconv.Itoa(membersPage)}}
	for _, name := range []string{"q", "status", "role", "cursor"} {
		if value := r.query.Get(name); value != "" {
			query.Set(name, value)
		}
	}
	var answer struct {
		Members []memberAnswer `json:"members"`
		Next    string         `json:"next_cursor"`
	}
	if err := r.get("/v1/members", query, &answer); err != nil {
		return err
	}
	view := membersView{frame: r.frame("Members", "members"), Members: answer.Members, Text: query.Get("q"), Roles: roleChoices(query.Get("role"), audit.RoleCreator),
		Statuses: statusChoices(query.Get("status")), First: !query.Has("cursor")}
	query.Del("limit")
	query.Del("cursor")
	view.Filtered, view.Newest = len(query) > 0, "/members?"+query.Encode()
	if answer.Next != "" {
		query.Set("cursor", answer.Next)
		view.Next = "/members?" + query.Encode()
	}
	return r.render(http.StatusOK, "members", view)
}
