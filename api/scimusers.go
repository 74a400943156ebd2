package api

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/elimity-com/scim"
	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/elimity-com/scim/optional"

	"github.com/audittrail/audittrail/audit"
)

const enterpriseSchema = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

// scimUsers answers /scim/v2/Users: members who are not deleted.
type scimUsers struct{}

var _ scim.ResourceHandler = scimUsers{}

// user returns a member who is there; what is deleted, of another organization or nowhere is the same.
func (c *scimCall) user(id string) (audit.Member, error) {
	m, err := c.s.cfg.Directory.Member(c.ctx, c.by.Organization, id)
	if err == nil && m.Status == audit.MemberDeleted {
		err = audit.NotFound("member")
	}
	return m, err
}

// Get is GET /scim/v2/Users/{id}.
func (scimUsers) Get(r *http.Request, id string) (scim.Resource, error) {
	c := scimCallOf(r)
	m, err := c.user(id)
	if err == nil {
		err = c.s.record(c.ctx, c.request, c.by, entry{action: audit.ActionMemberViewed, message: c.by.MemberName + " viewed the card of a member",
			targets: []audit.Target{{Type: "member", ID: m.ID}}, metadata: map[string]string{"by": "scim"}})
	}
	if err != nil {
		return scim.Resource{}, c.fails(err)
	}
	return c.userAnswer(m)
}

// userAnswer is the answer about one user.
func (c *scimCall) userAnswer(m audit.Member) (scim.Resource, error) {
	resources, err := c.userResources([]audit.Member{m})
	if err != nil {
		return scim.Resource{}, c.fails(err)
	}
	return resources[0], nil
}

// userResources are members as SCIM shows them, with their groups.
func (c *scimCall) userResources(members []audit.Member) ([]scim.Resource, error) {
	groups, err := c.groupsOf(members)
	if err != nil {
		return nil, err
	}
	resources := []scim.Resource{}
	for _, m := range members {
		r := userResource(m)
		if list := groups[m.ID]; len(list) > 0 {
			r.Attributes["groups"] = list
		}
		resources = append(resources, c.selected(r))
	}
	return resources, nil
}

// Create is POST /scim/v2/Users. Who was deleted under the same externalId comes back as themselves, with the role member
// unless another is given, and in no department.
func (scimUsers) Create(r *http.Request, attributes scim.ResourceAttributes) (scim.Resource, error) {
	c := scimCallOf(r)
	externalID, _ := attributes["externalId"].(string)
	before, err := c.deletedAs(externalID)
	if err != nil {
		return scim.Resource{}, c.fails(err)
	}
	d := draft{member: before}
	d.member.Organization, d.member.Role, d.member.Status = c.by.Organization, audit.RoleMember, audit.MemberActive
	d.member.Departments, d.member.Provisioned.Department = nil, ""
	if before.ID == "" {
		d.member.ID = newID()
	}
	if err := d.setAll(attributes); err != nil {
		return scim.Resource{}, c.fails(err)
	}
	return c.storeUser(before, d)
}

func (c *scimCall) deletedAs(externalID string) (audit.Member, error) {
	if externalID == "" {
		return audit.Member{}, nil
	}
	found, err := c.s.cfg.Directory.Members(c.ctx, c.by.Organization, audit.MemberFilter{ExternalID: externalID, Status: audit.MemberDeleted, Limit: audit.MaxPage})
	if err != nil || len(found) == 0 {
		return audit.Member{}, err
	}
	return found[len(found)-1], nil
}

// storeUser stores what became of a member.
func (c *scimCall) storeUser(before audit.Member, d draft) (scim.Resource, error) {
	m, err := c.s.changeMember(c.request, before, d.done())
	if err != nil {
		return scim.Resource{}, c.fails(err)
	}
	return c.userAnswer(m)
}

// Replace is PUT /scim/v2/Users/{id}. Roles, departments and all that has its own meaning here stay where they are not given.
func (scimUsers) Replace(r *http.Request, id string, attributes scim.ResourceAttributes) (scim.Resource, error) {
	c := scimCallOf(r)
	before, err := c.user(id)
	if err == nil {
		err = checkMatch(r, before.Version)
	}
	d := draft{member: before}
	d.member.Departments = slices.Clone(before.Departments)
	if err == nil {
		d.member.Email, d.member.Phone, d.member.Avatar = "", "", ""
		d.member.Provisioned.GivenName, d.member.Provisioned.FamilyName = "", ""
		err = d.setAll(attributes)
	}
	if err != nil {
		return scim.Resource{}, c.fails(err)
	}
	return c.storeUser(before, d)
}

// Patch is PATCH /scim/v2/Users/{id}: all of it, or nothing.
func (scimUsers) Patch(r *http.Request, id string, operations []scim.PatchOperation) (scim.Resource, error) {
	c := scimCallOf(r)
	before, err := c.user(id)
	if err == nil {
		err = checkMatch(r, before.Version)
	}
	d := draft{member: before}
	d.member.Departments = slices.Clone(before.Departments)
	for _, op := range operations {
		if err == nil {
			err = d.patch(op)
		}
	}
	if err != nil {
		return scim.Resource{}, c.fails(err)
	}
	return c.storeUser(before, d)
}

// Delete is DELETE /scim/v2/Users/{id}: the member is deleted, and what they did stays.
func (scimUsers) Delete(r *http.Request, id string) error {
	c := scimCallOf(r)
	before, err := c.user(id)
	if err == nil {
		err = checkMatch(r, before.Version)
	}
	if err != nil {
		return c.fails(err)
	}
	after := before
	after.Status = audit.MemberDeleted
	if _, err := c.s.changeMember(c.request, before, after); err != nil {
		return c.fails(err)
	}
	return nil
}

// GetAll is GET /scim/v2/Users.
func (scimUsers) GetAll(r *http.Request, params scim.ListRequestParams) (scim.Page, error) {
	c := scimCallOf(r)
	page, err := c.listUsers(params)
	if err == nil {
		err = c.s.record(c.ctx, c.request, c.by, entry{action: audit.ActionMembersListed, message: c.by.MemberName + " listed members",
			metadata: map[string]string{"by": "scim", "q": c.query.Get("filter")}})
	}
	if err != nil {
		return scim.Page{}, c.fails(err)
	}
	return page, nil
}

func (c *scimCall) listUsers(params scim.ListRequestParams) (scim.Page, error) {
	page := scim.Page{Resources: []scim.Resource{}}
	skip, filter := params.StartIndex-1, audit.MemberFilter{Present: true, Limit: audit.MaxPage}
	if params.FilterValidator == nil {
		total, err := c.s.cfg.Directory.CountMembers(c.ctx, c.by.Organization, filter)
		page.TotalResults = total
		if err != nil || params.Count == 0 || skip >= total {
			return page, err
		}
		filter.Skip, filter.Limit = skip, params.Count
		members, err := c.s.cfg.Directory.Members(c.ctx, c.by.Organization, filter)
		if err == nil {
			page.Resources, err = c.userResources(members)
		}
		return page, err
	}
	matches, err := compileSCIM(params.FilterValidator.GetFilter(), userValues)
	if err != nil {
		return page, err
	}
	narrowMembers(params.FilterValidator.GetFilter(), &filter)
	var found []audit.Member
	for seen := 0; ; {
		members, err := c.s.cfg.Directory.Members(c.ctx, c.by.Organization, filter)
		if err != nil {
			return page, err
		}
		for _, m := range members {
			if !matches(m) {
				continue
			}
			if page.TotalResults++; page.TotalResults > skip && len(found) < params.Count {
				found = append(found, m)
			}
		}
		if len(members) < filter.Limit {
			page.Resources, err = c.userResources(found)
			return page, err
		}
		if seen += len(members); seen >= maxSCIMScan {
			return page, scimerrors.ScimErrorTooMany
		}
		filter.After = members[len(members)-1].ID
	}
}

// userResource is a member as SCIM shows it.
func userResource(m audit.Member) scim.Resource {
	name := map[string]any{"formatted": m.Name}
	attributes := scim.ResourceAttributes{"userName": cmp.Or(m.UserName, m.ID), "displayName": m.Name, "name": name, "active": m.Included(),
		"roles": []any{map[string]any{"value": string(m.Role), "primary": true}}}
	if m.Provisioned.GivenName != "" {
		name["givenName"] = m.Provisioned.GivenName
	}
	if m.Provisioned.FamilyName != "" {
		name["familyName"] = m.Provisioned.FamilyName
	}
	for attribute, of := range map[string][2]string{"emails": {m.Email, "work"}, "phoneNumbers": {m.Phone, "mobile"}, "photos": {m.Avatar, "photo"}} {
		if of[0] != "" {
			attributes[attribute] = []any{map[string]any{"value": of[0], "type": of[1], "primary": true}}
		}
	}
	if m.Provisioned.Department != "" {
		attributes[enterpriseSchema] = map[string]any{"department": m.Provisioned.Department}
	}
	r := scim.Resource{ID: m.ID, Attributes: attributes, Meta: scim.Meta{LastModified: &m.UpdatedAt, Version: etag(m.Version)}}
	if m.ExternalID != "" {
		r.ExternalID = optional.NewString(m.ExternalID)
	}
	return r
}

// roleOf returns the role of the name, whatever its case.
func roleOf(name string) (audit.Role, error) {
	for _, role := range audit.Roles() {
		if strings.EqualFold(name, string(role)) {
			return role, nil
		}
	}
	return "", audit.InvalidField("roles", "%q is not a role: it must be creator, system_admin, contact_admin or member", clip(name))
}
