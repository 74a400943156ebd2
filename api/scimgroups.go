package api

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/elimity-com/scim"
	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/elimity-com/scim/optional"
	"github.com/gofiber/fiber/v2"

	"github.com/audittrail/audittrail/audit"
)

const (
	scimCoreUser  = "urn:ietf:params:scim:schemas:core:2.0:User"
	scimCoreGroup = "urn:ietf:params:scim:schemas:core:2.0:Group"
)

// scimGroups answers /scim/v2/Groups: departments that an identity provider made or took over.
type scimGroups struct{}

var _ scim.ResourceHandler = scimGroups{}

// maxSCIMMembers bounds how many members the groups of one answer may have together.
const maxSCIMMembers = 50_000

// failsGroup keeps an error for the answer, with the names that SCIM has for what it is about.
func (c *scimCall) failsGroup(err error) error {
	known := clientError(err)
	named := *known
	named.Fields = nil
	for _, f := range known.Fields {
		switch f.Field {
		case "name":
			f.Field = "displayName"
		case "external_id":
			f.Field = "externalId"
		}
		named.Fields = append(named.Fields, f)
	}
	if len(named.Fields) == 0 {
		return c.fails(err)
	}
	return c.fails(&named)
}

// Get is GET /scim/v2/Groups/{id}.
func (scimGroups) Get(r *http.Request, id string) (scim.Resource, error) {
	c := scimCallOf(r)
	g, err := c.s.cfg.Directory.Group(c.ctx, c.by.Organization, id)
	if err == nil {
		err = c.s.record(c.ctx, c.request, c.by, entry{action: audit.ActionDepartmentViewed, message: c.by.MemberName + " viewed the department " + g.Name,
			targets: []audit.Target{{Type: "department", ID: g.ID, Name: g.Name}}, metadata: map[string]string{"by": "scim"}})
	}
	return c.groupAnswer(g, err)
}

// groupAnswer is the answer about one group.
func (c *scimCall) groupAnswer(g audit.Group, err error) (scim.Resource, error) {
	if err != nil {
		return scim.Resource{}, c.failsGroup(err)
	}
	if c.brief {
		c.c.Response().Header.Set(fiber.HeaderETag, etag(g.Version))
		return scim.Resource{}, nil
	}
	resources, err := c.groupResources([]audit.Group{g})
	if err != nil {
		return scim.Resource{}, c.failsGroup(err)
	}
	return resources[0], nil
}

// Create is POST /scim/v2/Groups. Whoever is in a department of that name already is in the group.
func (scimGroups) Create(r *http.Request, attributes scim.ResourceAttributes) (scim.Resource, error) {
	c := scimCallOf(r)
	d := groupDraft{wanted: map[string]bool{}}
	if err := d.setAll(scim.PatchOperationAdd, attributes); err != nil {
		return scim.Resource{}, c.failsGroup(err)
	}
	return c.groupAnswer(c.s.createGroup(c.request, &d))
}

// Replace is PUT /scim/v2/Groups/{id}. Members who are not given stay.
func (scimGroups) Replace(r *http.Request, id string, attributes scim.ResourceAttributes) (scim.Resource, error) {
	return scimCallOf(r).changeGroup(r, id, func(d *groupDraft) error {
		d.group.ExternalID = ""
		return d.setAll(scim.PatchOperationReplace, attributes)
	})
}

// Patch is PATCH /scim/v2/Groups/{id}: what is wrong with any part of it is found before any part of it is done. Its answer has no body unless attributes are
// asked for: who adds one member to thousands does not want to read them all.
func (scimGroups) Patch(r *http.Request, id string, operations []scim.PatchOperation) (scim.Resource, error) {
	c := scimCallOf(r)
	c.brief = c.query.Get("attributes") == ""
	return c.changeGroup(r, id, func(d *groupDraft) error {
		for _, op := range operations {
			if err := d.patch(op); err != nil {
				return err
			}
		}
		return nil
	})
}

// changeGroup does a change. Where another one of the same group was first and the request does not name a version, it is done to what that one made.
func (c *scimCall) changeGroup(r *http.Request, id string, fill func(*groupDraft) error) (scim.Resource, error) {
	for tries := 1; ; tries++ {
		before, err := c.s.cfg.Directory.Group(c.ctx, c.by.Organization, id)
		if err == nil {
			err = checkMatch(r, before.Version)
		}
		d := groupDraft{group: before, wanted: map[string]bool{}}
		if err == nil {
			err = fill(&d)
		}
		if err != nil {
			return scim.Resource{}, c.failsGroup(err)
		}
		after, err := c.s.changeGroup(c.request, before, &d)
		if audit.CodeOf(err) != audit.CodeConflict || len(clientError(err).Fields) > 0 || tries == maxOvertaken {
			return c.groupAnswer(after, err)
		}
	}
}

// Delete is DELETE /scim/v2/Groups/{id}: the department is taken from its members, who are kept.
func (scimGroups) Delete(r *http.Request, id string) error {
	c := scimCallOf(r)
	g, err := c.s.cfg.Directory.Group(c.ctx, c.by.Organization, id)
	if err == nil {
		err = checkMatch(r, g.Version)
	}
	if err == nil {
		err = c.s.deleteGroup(c.request, g)
	}
	if err != nil {
		return c.failsGroup(err)
	}
	return nil
}

// groupResources are groups as SCIM shows them, with their members where these are wanted.
func (c *scimCall) groupResources(groups []audit.Group) ([]scim.Resource, error) {
	members, err := c.membersOf(groups)
	if err != nil {
		return nil, err
	}
	resources := []scim.Resource{}
	for _, g := range groups {
		list := members[g.ID]
		if list == nil {
			list = []any{}
		}
		r := scim.Resource{ID: g.ID, Attributes: scim.ResourceAttributes{"displayName": g.Name, "members": list},
			Meta: scim.Meta{Created: &g.CreatedAt, LastModified: &g.UpdatedAt, Version: etag(g.Version)}}
		if g.ExternalID != "" {
			r.ExternalID = optional.NewString(g.ExternalID)
		}
		resources = append(resources, c.selected(r))
	}
	return resources, nil
}

// membersOf are the members of groups, by the ids of these, found in one walk; none where they are not wanted.
func (c *scimCall) membersOf(groups []audit.Group) (map[string][]any, error) {
	members, byName := map[string][]any{}, map[string]string{}
	for _, g := range groups {
		for _, name := range g.Departments() {
			byName[name] = g.ID
		}
	}
	if len(byName) == 0 || !c.wants("members") {
		return members, nil
	}
	total := 0
	err := c.s.eachOfDepartments(c.request, sorted(byName), func(m audit.Member) error {
		in := map[string]bool{}
		for _, name := range m.Departments {
			if id := byName[name]; id != "" && !in[id] {
				in[id] = true
				members[id] = append(members[id], c.reference(m.ID, m.Name, "/Users/"))
				total++
			}
		}
		if total > maxSCIMMembers {
			tooMany := scimerrors.ScimErrorTooMany
			tooMany.Detail = "members: these groups have too many members for one answer; ask for fewer groups, or with excludedAttributes=members"
			return tooMany
		}
		return nil
	})
	return members, err
}

// reference is a user in a group, or a group at a user.
func (c *scimCall) reference(id, name, under string) map[string]any {
	kind := "User"
	if under != "/Users/" {
		kind = "direct"
	}
	return map[string]any{"value": id, "display": name, "type": kind, "$ref": c.s.cfg.PublicURL + pathSCIM + under + url.PathEscape(id)}
}

// maxNamesAsked is how many departments are looked up at a time: each may be the name of one group and the former one of another.
const maxNamesAsked = audit.MaxPage / 2

// groupsOf are the groups of members, by the ids of these.
func (c *scimCall) groupsOf(members []audit.Member) (map[string][]any, error) {
	names, byMember := map[string]bool{}, map[string][]any{}
	if !c.wants("groups") {
		return byMember, nil
	}
	for _, m := range members {
		for _, name := range m.Departments {
			names[name] = true
		}
	}
	all := sorted(names)
	for len(all) > 0 {
		chunk := all[:min(maxNamesAsked, len(all))]
		all = all[len(chunk):]
		groups, err := c.s.cfg.Directory.Groups(c.ctx, c.by.Organization, audit.GroupFilter{Names: chunk, Limit: audit.MaxPage})
		if err != nil {
			return nil, err
		}
		byName := map[string]audit.Group{}
		for _, g := range groups {
			for _, name := range g.Departments() {
				if _, asked := slices.BinarySearch(chunk, name); asked {
					byName[name] = g
				}
			}
		}
		for _, m := range members {
			for _, name := range m.Departments {
				if g, ok := byName[name]; ok {
					byMember[m.ID] = append(byMember[m.ID], c.reference(g.ID, g.Name, "/Groups/"))
				}
			}
		}
	}
	return byMember, nil
}
