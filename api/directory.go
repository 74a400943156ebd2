package api

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/audittrail/audittrail/audit"
)

// organizationView is the answer to GET /v1/organization.
type organizationView struct {
	ID        string         `json:"id"`
	Name      string         `json:"name"`
	CreatedAt time.Time      `json:"created_at"`
	Channels  []ChannelState `json:"channels"`
}

// organization is GET /v1/organization.
func (s *Server) organization(r *request) error {
	org, err := s.cfg.Directory.Organization(r.ctx, r.by.Organization)
	if err != nil {
		return err
	}
	return r.json(http.StatusOK, organizationView{ID: org.ID, Name: org.Name, CreatedAt: org.CreatedAt, Channels: s.channelStates(audit.Channels())})
}

// channelStates says of each of the channels whether it is configured.
func (s *Server) channelStates(channels []audit.Channel) []ChannelState {
	states := make([]ChannelState, 0, len(channels))
	for _, channel := range channels {
		state := ChannelState{Channel: channel, Reason: "not configured"}
		for _, known := range s.cfg.Channels {
			if known.Channel == channel {
				state = known
			}
		}
		states = append(states, state)
	}
	return states
}

type rangeView struct {
	Range   string             `json:"range"`
	Actions []audit.ActionInfo `json:"actions"`
}

// actions is GET /v1/actions: the catalogue by range, in the order of the catalogue.
func (s *Server) actions(r *request) error {
	org, err := s.cfg.Directory.Organization(r.ctx, r.by.Organization)
	if err != nil {
		return err
	}
	ranges := []rangeView{}
	at := map[string]int{}
	for _, action := range org.Catalogue() {
		name := audit.RangeOf(action.Action)
		i, ok := at[name]
		if !ok {
			i = len(ranges)
			at[name] = i
			ranges = append(ranges, rangeView{Range: name})
		}
		ranges[i].Actions = append(ranges[i].Actions, action)
	}
	return r.json(http.StatusOK, map[string]any{"ranges": ranges})
}

// cardView is the information card of a member.
type cardView struct {
	ID          string             `json:"id"`
	Included    bool               `json:"included"`
	Notice      string             `json:"notice,omitempty"`
	Name        string             `json:"name,omitempty"`
	Avatar      string             `json:"avatar,omitempty"`
	Email       string             `json:"email,omitempty"`
	Phone       string             `json:"phone,omitempty"`
	Departments []string           `json:"departments,omitempty"`
	Role        audit.Role         `json:"role,omitempty"`
	Status      audit.MemberStatus `json:"status,omitempty"`
	UserName    string             `json:"user_name,omitempty"`
	ExternalID  string             `json:"external_id,omitempty"`
	ErasedAt    time.Time          `json:"erased_at,omitzero"`
	UpdatedAt   time.Time          `json:"updated_at,omitzero"`
	Version     int64              `json:"version,omitempty"`
}

func viewCard(m audit.Member) cardView {
	card := cardView{ID: m.ID, Included: m.Included(), Name: m.Name, Avatar: m.Avatar, Email: m.Email, Phone: m.Phone,
		Departments: m.Departments, Role: m.Role, Status: m.Status, UserName: m.UserName, ExternalID: m.ExternalID, ErasedAt: m.ErasedAt, UpdatedAt: m.UpdatedAt, Version: m.Version}
	if !card.Included {
		card.Notice = audit.NotIncluded
	}
	return card
}

// listMembers is GET /v1/members.
func (s *Server) listMembers(r *request) error {
	text, textErr := r.memberText()
	limit, limitErr := r.limit(100, audit.MaxPage)
	status, statusErr := r.oneOf("status", "", string(audit.MemberActive), string(audit.MemberDeactivated), string(audit.MemberDeleted))
	role, roleErr := r.oneOf("role", "", string(audit.RoleCreator), string(audit.RoleSystemAdmin), string(audit.RoleContactAdmin), string(audit.RoleMember))
	after, afterErr := r.single("cursor")
	if err := joinFields(textErr, limitErr, statusErr, roleErr, afterErr); err != nil {
		return err
	}
	filter := audit.MemberFilter{Text: text, Status: audit.MemberStatus(status), After: after, Limit: limit}
	if role != "" {
		filter.Roles = []audit.Role{audit.Role(role)}
	}
	members, err := s.cfg.Directory.Members(r.ctx, r.by.Organization, filter)
	if err != nil {
		return err
	}
	if err := s.recordMembersListed(r, text, status, role, after); err != nil {
		return err
	}
	cards := make([]cardView, len(members))
	for i, m := range members {
		cards[i] = viewCard(m)
	}
	return r.json(http.StatusOK, list("members", cards, len(members) == limit, func() string { return members[len(members)-1].ID }))
}

// recordMembersListed records a search of the directory. Its later pages belong to the same search.
func (s *Server) recordMembersListed(r *request, text, status, role, after string) error {
	e := entry{action: audit.ActionMembersListed, message: r.by.MemberName + " listed members", metadata: map[string]string{"q": text, "status": status, "role": role}}
	what := strings.Join([]string{text, status, role}, "\x00")
	if after != "" {
		return s.recordView(r.ctx, r, e, what)
	}
	if err := s.record(r.ctx, r, r.by, e); err != nil {
		return err
	}
	s.views.note(viewOf(r.by, e.action, what), s.now())
	return nil
}

// list makes the answer of a list, with a cursor where more may follow.
func list[T any](name string, items []T, more bool, last func() string) map[string]any {
	if items == nil {
		items = []T{}
	}
	answer := map[string]any{name: items}
	if more && len(items) > 0 {
		answer["next_cursor"] = last()
	}
	return answer
}

// getMember is GET /v1/members/{id}: the card.
func (s *Server) getMember(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	if !r.by.ReachesCard(id) {
		return audit.Errorf(audit.CodeForbidden, "the role %s sees no card but its own", r.by.Role)
	}
	member, err := s.cfg.Directory.Member(r.ctx, r.by.Organization, id)
	card := viewCard(member)
	switch {
	case audit.CodeOf(err) == audit.CodeNotFound:
		card = cardView{ID: id, Notice: audit.NotIncluded}
	case err != nil:
		return err
	default:
		setVersion(r, member.Version)
	}
	if err := s.record(r.ctx, r, r.by, entry{action: audit.ActionMemberViewed, message: r.by.MemberName + " viewed the card of a member",
		targets: []audit.Target{{Type: "member", ID: cutID(id)}}}); err != nil {
		return err
	}
	return r.json(http.StatusOK, card)
}

// memberInput is the body of PUT /v1/members/{id}.
type memberInput struct {
	Name        string             `json:"name"`
	Avatar      string             `json:"avatar"`
	Email       string             `json:"email"`
	Phone       string             `json:"phone"`
	Departments []string           `json:"departments"`
	Role        audit.Role         `json:"role"`
	Status      audit.MemberStatus `json:"status"`
	UserName    *string            `json:"user_name"`
	ExternalID  *string            `json:"external_id"`
	Version     *int64             `json:"version"`
}

// over returns the member with what the body says put over it. What it does not say of the names that an identity provider gave stays.
func (in memberInput) over(m audit.Member) audit.Member {
	m.Name, m.Avatar, m.Email, m.Phone, m.Departments, m.Role, m.Status = in.Name, in.Avatar, in.Email, in.Phone, in.Departments, in.Role, in.Status
	if in.UserName != nil {
		m.UserName = *in.UserName
	}
	if in.ExternalID != nil {
		m.ExternalID = *in.ExternalID
	}
	return m
}

// putMember is PUT /v1/members/{id}: it replaces the entry, or makes one where the version is 0.
func (s *Server) putMember(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	var in memberInput
	if err := r.readJSON(&in); err != nil {
		return err
	}
	if in.Status == "" {
		in.Status = audit.MemberActive
	}
	version, versionErr := r.version(in.Version)
	if err := joinFields(in.over(audit.Member{ID: id}).Validate(), versionErr); err != nil {
		return err
	}
	before, err := s.memberBefore(r, id, version)
	if err != nil {
		return err
	}
	member := in.over(before)
	member.ID, member.Organization, member.Version = id, r.by.Organization, version
	settleProvisioned(before, &member)
	if member, err = s.changeMember(r, before, member); err != nil {
		return err
	}
	setVersion(r, member.Version)
	status := http.StatusOK
	if version == 0 {
		status = http.StatusCreated
	}
	return r.json(status, viewCard(member))
}

// memberBefore returns the entry as it is, which must be of the version.
func (s *Server) memberBefore(r *request, id string, version int64) (audit.Member, error) {
	before, err := s.cfg.Directory.Member(r.ctx, r.by.Organization, id)
	switch {
	case err != nil && audit.CodeOf(err) != audit.CodeNotFound:
		return audit.Member{}, err
	case err != nil && version == 0:
		return audit.Member{}, nil
	case err != nil:
		return audit.Member{}, audit.NotFound("member")
	case before.Erased():
		return audit.Member{}, audit.ErrErased()
	}
	return before, checkVersion("member", version, before.Version)
}

// mayChangeRole keeps members from touching anybody above themselves, and from raising anybody there.
func mayChangeRole(by audit.Principal, before, after audit.Member) error {
	if after.Role.Above(by.Role) || before.Role.Above(by.Role) {
		return audit.Errorf(audit.CodeForbidden, "a %s cannot change a member of a mightier role, nor give one", by.Role)
	}
	return nil
}

// version returns the version that the writer read: of the header If-Match or of the body.
func (r *request) version(inBody *int64) (int64, error) {
	header := strings.Trim(strings.TrimSpace(string(r.c.Request().Header.Peek(fiber.HeaderIfMatch))), `"`)
	if header == "" {
		if inBody == nil {
			return 0, audit.InvalidField("version", "is required, here or in the header If-Match: the version that you read, or 0 for a new one")
		}
		if *inBody < 0 {
			return 0, audit.InvalidField("version", "must not be negative")
		}
		return *inBody, nil
	}
	version, err := strconv.ParseInt(header, 10, 64)
	if err != nil || version < 0 {
		return 0, audit.InvalidField("If-Match", `must be the version that you read, in quotes: "3"`)
	}
	if inBody != nil && *inBody != version {
		return 0, audit.InvalidField("version", "is %d, and the header If-Match says %d", *inBody, version)
	}
	return version, nil
}

func setVersion(r *request, version int64) {
	r.c.Response().Header.Set(fiber.HeaderETag, fmt.Sprintf(`"%d"`, version))
}

func checkVersion(what string, given, present int64) error {
	if given != present {
		return audit.Errorf(audit.CodeConflict, "the %s was changed: you read version %d, and it is now %d; read it again", what, given, present)
	}
	return nil
}
