package console

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/audittrail/audittrail/audit"
)

// memberBody is the body of PUT /v1/members/{id}.
type memberBody struct {
	Name        string   `json:"name"`
	Avatar      string   `json:"avatar,omitempty"`
	Email       string   `json:"email,omitempty"`
	Phone       string   `json:"phone,omitempty"`
	Departments []string `json:"departments,omitempty"`
	Role        string   `json:"role"`
	Status      string   `json:"status"`
	UserName    *string  `json:"user_name,omitempty"`
	ExternalID  *string  `json:"external_id,omitempty"`
	Version     int64    `json:"version"`
}

func memberBodyOf(m audit.Member) memberBody {
	return memberBody{Name: m.Name, Avatar: m.Avatar, Email: m.Email, Phone: m.Phone, Departments: m.Departments, Role: string(m.Role), Status: string(m.Status), Version: m.Version}
}

func memberPath(id string) string { return "/members/" + url.PathEscape(id) }

// departmentsSeparator is what stands between departments in forms and files.
const departmentsSeparator = ";"

type memberView struct {
	frame
	// New says that the member is not there yet.
	New bool
	// Given is what the form shows; Version is of what it was read from.
	Given    audit.Member
	Roles    []choice
	Statuses []choice
	// Locked says that the entry cannot be changed: the member stands above who looks at it, or was erased.
	Locked bool
	Saved  bool
	// SignedOut says that the member's sessions were just ended.
	SignedOut bool
	// JustErased says that the member was erased by the page before.
	JustErased bool
	Problem    *problem
	// Conflict says what is there now where somebody else was faster.
	Conflict []fieldChange
}

// Departments is how the form shows them.
func (v memberView) Departments() string {
	return strings.Join(v.Given.Departments, departmentsSeparator+" ")
}

// DepartmentsError is what is wrong with the departments, whichever of them it is.
func (v memberView) DepartmentsError() string {
	if v.Problem == nil {
		return ""
	}
	for _, f := range v.Problem.Fields {
		if strings.HasPrefix(f.Field, "departments") {
			return f.Message
		}
	}
	return ""
}

// fieldChange is one field before and after.
type fieldChange struct{ Field, Old, New string }

// memberChanges compares two members.
func memberChanges(before, after audit.Member) []fieldChange {
	var changes []fieldChange
	note := func(field, old, now string) {
		if old != now {
			changes = append(changes, fieldChange{field, old, now})
		}
	}
	note("Name", before.Name, after.Name)
	note("Email", before.Email, after.Email)
	note("Phone", before.Phone, after.Phone)
	note("Departments", strings.Join(before.Departments, "; "), strings.Join(after.Departments, "; "))
	note("Role", roleName(before.Role), roleName(after.Role))
	note("Status", humanName(string(before.Status)), humanName(string(after.Status)))
	note("Picture", before.Avatar, after.Avatar)
	return changes
}

func (con *Console) renderMember(r *request, view memberView) error {
	title := view.Given.Name
	if view.New {
		title = "Add a member"
	}
	view.frame = r.frame(title, "members")
	view.Roles, view.Statuses = roleChoices(string(view.Given.Role), r.by.Role), statusChoices(string(view.Given.Status))
	status := http.StatusOK
	if view.Problem != nil {
		status = view.Problem.Status
	}
	return r.render(status, "member", view)
}

// newMember is GET /members/new.
func (con *Console) newMember(r *request) error {
	if err := r.by.Allow(audit.ScopeMembers); err != nil {
		return err
	}
	return con.renderMember(r, memberView{New: true, Given: audit.Member{ID: r.query.Get("id"), Role: audit.RoleMember, Status: audit.MemberActive}})
}

// member reads the member of the id; one that is not there has version 0.
func (r *request) member(id string) (memberAnswer, error) {
	var answer memberAnswer
	err := r.get("/v1"+memberPath(id), nil, &answer)
	return answer, err
}

// editMember is GET /members/{id}.
func (con *Console) editMember(r *request) error {
	if err := r.by.Allow(audit.ScopeMembers); err != nil {
		return err
	}
	id, err := r.param("id")
	if err != nil {
		return err
	}
	found, err := r.member(id)
	if err != nil {
		return err
	}
	if found.Version == 0 {
		return con.renderMember(r, memberView{New: true, Given: audit.Member{ID: id, Role: audit.RoleMember, Status: audit.MemberActive},
			Problem: &problem{Status: http.StatusNotFound, Title: "Nobody in the directory has this id", Detail: audit.NotIncluded + ". You can add the member here."}})
	}
	return con.renderMember(r, memberView{Given: found.Member, Locked: found.Role.Above(r.by.Role) || found.Erased(), Saved: r.query.Get("saved") == strconv.FormatInt(found.Version, 10),
		SignedOut: r.query.Get("signed_out") == "1", JustErased: r.query.Get("erased") == "1" && found.Erased()})
}

// signOutMember is POST /members/{id}/sign-out: it ends the member's sessions, everywhere.
func (con *Console) signOutMember(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	if err := r.send(http.MethodDelete, "/v1"+memberPath(id)+"/sessions", nil, nil); err != nil {
		return err
	}
	return r.seeOther(memberPath(id) + "?signed_out=1")
}

// formMember is the member as the form gives it.
func (r *request) formMember(id string) audit.Member {
	text := func(name string) string { return strings.TrimSpace(r.form.Get(name)) }
	m := audit.Member{ID: id, Name: text("name"), Email: text("email"), Phone: text("phone"), Avatar: text("avatar"), Role: audit.Role(text("role")), Status: audit.MemberStatus(text("status"))}
	for part := range strings.SplitSeq(r.form.Get("departments"), departmentsSeparator) {
		if part = strings.TrimSpace(part); part != "" {
			m.Departments = append(m.Departments, part)
		}
	}
	m.Version, _ = strconv.ParseInt(r.form.Get("version"), 10, 64) // 0 is a version that nobody has: the API says so
	return m
}

// addMember is POST /members.
func (con *Console) addMember(r *request) error {
	if err := r.by.Allow(audit.ScopeMembers); err != nil {
		return err
	}
	m := r.formMember(strings.TrimSpace(r.form.Get("id")))
	m.Version = 0
	view := memberView{New: true, Given: m}
	if m.ID == "" {
		view.Problem = r.asProblem(audit.InvalidField("id", "is required: what events call the member"))
		return con.renderMember(r, view)
	}
	return con.putMember(r, view)
}

// saveMember is POST /members/{id}.
func (con *Console) saveMember(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	return con.putMember(r, memberView{Given: r.formMember(id)})
}

// putMember stores what the form gives, and shows the form again where that is refused.
func (con *Console) putMember(r *request, view memberView) error {
	var stored memberAnswer
	err := r.send(http.MethodPut, "/v1"+memberPath(view.Given.ID), memberBodyOf(view.Given), &stored)
	if err == nil {
		return r.seeOther(memberPath(view.Given.ID) + "?saved=" + strconv.FormatInt(stored.Version, 10))
	}
	var p *problem
	if !errors.As(err, &p) || p.Status == http.StatusUnauthorized {
		return err
	}
	view.Problem = p
	if p.Status != http.StatusConflict {
		return con.renderMember(r, view)
	}
	now, err := r.member(view.Given.ID)
	if err != nil {
		return err
	}
	if view.New {
		view.Problem = &problem{Status: http.StatusConflict, Title: "There is a member with this id already", Detail: now.Name + " has the id " + now.ID + ".",
			Fields: []audit.FieldError{{Field: "id", Message: "is taken"}}}
		return con.renderMember(r, view)
	}
	view.Problem = &problem{Status: http.StatusConflict, Title: "Somebody else changed this member meanwhile", Detail: "Nothing of yours is stored yet."}
	view.Conflict, view.Given.Version = memberChanges(now.Member, view.Given), now.Version
	return con.renderMember(r, view)
}
