package api

import (
	"slices"
	"strings"

	"github.com/elimity-com/scim"
	"github.com/elimity-com/scim/optional"
)

// scimAlways is what a resource has whatever is asked for.
var scimAlways = []string{"id", "schemas", "meta"}

// wants says whether the answer shall have an attribute, by what attributes and excludedAttributes say. A part of an attribute asks for the whole, and
// only the whole is left out.
func (c *scimCall) wants(attribute string) bool {
	attribute = strings.ToLower(attribute)
	if slices.Contains(scimAlways, attribute) {
		return true
	}
	if only := c.query.Get("attributes"); only != "" {
		return slices.ContainsFunc(strings.Split(only, ","), func(name string) bool { whole, _ := attributeOf(name); return whole == attribute })
	}
	return !slices.ContainsFunc(strings.Split(c.query.Get("excludedAttributes"), ","), func(name string) bool {
		whole, part := attributeOf(name)
		return whole == attribute && !part
	})
}

// attributeOf is the attribute of a resource that a name is about, in small letters, and whether it is about a part of it.
func attributeOf(name string) (whole string, part bool) {
	name = strings.ToLower(strings.TrimSpace(name))
	for _, core := range []string{scimCoreUser, scimCoreGroup} {
		name = strings.TrimPrefix(name, strings.ToLower(core)+":")
	}
	if rest, ok := strings.CutPrefix(name, strings.ToLower(enterpriseSchema)); ok {
		return strings.ToLower(enterpriseSchema), rest != ""
	}
	whole, _, part = strings.Cut(name, ".")
	return whole, part
}

// selected is the resource with the attributes that are wanted.
func (c *scimCall) selected(r scim.Resource) scim.Resource {
	for name := range r.Attributes {
		if !c.wants(name) {
			delete(r.Attributes, name)
		}
	}
	if !c.wants("externalId") {
		r.ExternalID = optional.String{}
	}
	r.Attributes["id"] = r.ID // a resource of no attributes would be no answer at all to the library
	return r
}
