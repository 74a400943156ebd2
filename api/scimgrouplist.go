package api

import (
	"net/http"

	"github.com/elimity-com/scim"
	scimerrors "github.com/elimity-com/scim/errors"
	filter "github.com/scim2/filter-parser/v2"

	"github.com/audittrail/audittrail/audit"
)

// GetAll is GET /scim/v2/Groups.
func (scimGroups) GetAll(r *http.Request, params scim.ListRequestParams) (scim.Page, error) {
	c := scimCallOf(r)
	groups, total, err := c.listGroups(params)
	page := scim.Page{TotalResults: total}
	if err == nil {
		page.Resources, err = c.groupResources(groups)
	}
	if err == nil {
		err = c.s.record(c.ctx, c.request, c.by, entry{action: audit.ActionDepartmentsListed, message: c.by.MemberName + " listed departments",
			metadata: map[string]string{"by": "scim", "q": c.query.Get("filter")}})
	}
	if err != nil {
		return scim.Page{}, c.failsGroup(err)
	}
	return page, nil
}

// listGroups returns a page of groups, and how many there are.
func (c *scimCall) listGroups(params scim.ListRequestParams) (page []audit.Group, total int, err error) {
	skip, chosen := params.StartIndex-1, audit.GroupFilter{Limit: audit.MaxPage}
	if params.FilterValidator == nil {
		total, err = c.s.cfg.Directory.CountGroups(c.ctx, c.by.Organization, chosen)
		if err != nil || params.Count == 0 || skip >= total {
			return nil, total, err
		}
		chosen.Skip, chosen.Limit = skip, params.Count
		page, err = c.s.cfg.Directory.Groups(c.ctx, c.by.Organization, chosen)
		return page, total, err
	}
	matches, nobody, err := c.groupFilter(params.FilterValidator.GetFilter(), &chosen)
	for seen := 0; err == nil && !nobody; {
		var groups []audit.Group
		if groups, err = c.s.cfg.Directory.Groups(c.ctx, c.by.Organization, chosen); err != nil {
			break
		}
		for _, g := range groups {
			if !matches(g) {
				continue
			}
			if total++; total > skip && len(page) < params.Count {
				page = append(page, g)
			}
		}
		if len(groups) < chosen.Limit {
			break
		}
		if seen += len(groups); seen >= maxSCIMScan {
			return nil, 0, scimerrors.ScimErrorTooMany
		}
		chosen.After = groups[len(groups)-1].ID
	}
	return page, total, err
}

// groupFilter makes a filter a function, and restricts what the store looks at to what an index finds. nobody: the filter asks for the groups of a member
// who is in none.
func (c *scimCall) groupFilter(e filter.Expression, chosen *audit.GroupFilter) (matches func(audit.Group) bool, nobody bool, err error) {
	narrowGroups(e, chosen)
	asked := membersAsked(e, "")
	if len(asked) == 0 {
		matches, err = compileSCIM(e, groupValues(audit.Member{}))
		return matches, false, err
	}
	id, always := memberNeeded(e, "")
	if !always || len(asked) > 1 {
		return nil, false, unsupported(`members are asked for once, as members.value eq "id", alone or with and`)
	}
	m, err := c.user(id)
	if audit.CodeOf(err) == audit.CodeNotFound {
		return nil, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	if len(chosen.Names) == 0 {
		chosen.Names = m.Departments
	}
	matches, err = compileSCIM(e, groupValues(m))
	return matches, len(m.Departments) == 0, err
}

// groupValues are the attributes of groups that can be filtered by; of the members it knows one.
func groupValues(asked audit.Member) func(audit.Group, string) ([]any, bool) {
	return func(g audit.Group, path string) ([]any, bool) {
		one := func(value string) ([]any, bool) {
			if value == "" {
				return nil, true
			}
			return []any{value}, true
		}
		switch path {
		case "id":
			return one(g.ID)
		case "externalid":
			return one(g.ExternalID)
		case "displayname":
			return one(g.Name)
		case "meta.created":
			return []any{g.CreatedAt}, true
		case "meta.lastmodified":
			return []any{g.UpdatedAt}, true
		case "members", "members.value":
			if asked.ID != "" && g.Has(asked) {
				return one(asked.ID)
			}
			return nil, asked.ID != ""
		}
		return nil, false
	}
}

// membersAsked are all parts of a filter that are about members.
func membersAsked(e filter.Expression, prefix string) (asked []filter.Expression) {
	switch e := e.(type) {
	case *filter.LogicalExpression:
		return append(membersAsked(e.Left, prefix), membersAsked(e.Right, prefix)...)
	case *filter.NotExpression:
		return membersAsked(e.Expression, prefix)
	case *filter.ValuePath:
		return membersAsked(e.ValueFilter, pathOf(prefix, e.AttributePath)+".")
	case *filter.AttributeExpression:
		if path := pathOf(prefix, e.AttributePath); path == "members" || path == "members.value" {
			return []filter.Expression{e}
		}
	}
	return nil
}

// memberNeeded is the member whom every group that the filter finds has.
func memberNeeded(e filter.Expression, prefix string) (id string, needed bool) {
	switch e := e.(type) {
	case *filter.LogicalExpression:
		if e.Operator == filter.AND {
			if id, needed = memberNeeded(e.Left, prefix); !needed {
				id, needed = memberNeeded(e.Right, prefix)
			}
		}
	case *filter.ValuePath:
		return memberNeeded(e.ValueFilter, pathOf(prefix, e.AttributePath)+".")
	case *filter.AttributeExpression:
		if path := pathOf(prefix, e.AttributePath); path == "members" || path == "members.value" {
			id, needed = e.CompareValue.(string)
			return unescaped(id), needed && e.Operator == filter.EQ
		}
	}
	return id, needed
}

// narrowGroups restricts what the store looks at to what an index finds.
func narrowGroups(e filter.Expression, chosen *audit.GroupFilter) {
	narrow(e, func(path, value string) {
		switch path {
		case "displayname":
			chosen.Names = []string{value}
		case "externalid":
			chosen.ExternalID = value
		}
	})
}
