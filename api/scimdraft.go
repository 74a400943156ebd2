package api

import (
	"strings"

	"github.com/elimity-com/scim"
	scimerrors "github.com/elimity-com/scim/errors"
	filter "github.com/scim2/filter-parser/v2"

	"github.com/audittrail/audittrail/audit"
)

// draft is what a request makes of a member.
type draft struct {
	member audit.Member
	// display and formatted are the names that were given, parts says that one of its parts was.
	display, formatted string
	parts              bool
}

// done is the member with the name that the request gives: displayName first, then name.formatted, then the parts of the name.
func (d *draft) done() audit.Member {
	m := d.member
	joined := strings.TrimSpace(m.Provisioned.GivenName + " " + m.Provisioned.FamilyName)
	switch {
	case d.display != "":
		m.Name = d.display
	case d.formatted != "":
		m.Name = d.formatted
	case d.parts && joined != "":
		m.Name = joined
	case m.Name == "":
		m.Name = m.UserName
	}
	return m
}

// setAll sets every attribute of a whole user.
func (d *draft) setAll(attributes map[string]any) error {
	for _, name := range sorted(attributes) {
		if err := d.set(name, "", nil, attributes[name]); err != nil {
			return err
		}
	}
	return nil
}

// patch does one operation.
func (d *draft) patch(op scim.PatchOperation) error {
	if op.Op == scim.PatchOperationRemove {
		op.Value = nil // what was meant is gone, whatever it was
	}
	if op.Path != nil {
		return d.setPath(*op.Path, op.Value)
	}
	values, _ := op.Value.(map[string]any)
	for _, name := range sorted(values) {
		if strings.EqualFold(name, enterpriseSchema) {
			if err := d.set(name, "", nil, values[name]); err != nil {
				return err
			}
			continue
		}
		path, err := filter.ParsePath([]byte(name))
		if err != nil {
			return scimerrors.ScimErrorInvalidPath
		}
		if err := d.setPath(path, values[name]); err != nil {
			return err
		}
	}
	return nil
}

func (d *draft) setPath(path filter.Path, value any) error {
	sub := path.AttributePath.SubAttributeName()
	if sub == "" {
		sub = path.SubAttributeName()
	}
	return d.set(path.AttributePath.AttributeName, sub, path.ValueExpression, value)
}

// set sets one attribute, or a part of it; nil empties it. What the directory does not keep is taken and forgotten.
func (d *draft) set(name, sub string, where filter.Expression, value any) error {
	m, text := &d.member, textOf(value)
	switch strings.ToLower(name) {
	case "username":
		if text == "" {
			return audit.InvalidField("userName", "is required")
		}
		m.UserName = text
	case "externalid":
		m.ExternalID = text
	case "displayname":
		d.display = text
	case "name":
		return d.setName(sub, value)
	case "active":
		active, ok := value.(bool)
		if !ok {
			return audit.InvalidField("active", "must be true or false")
		}
		m.Status = audit.MemberDeactivated
		if active {
			m.Status = audit.MemberActive
		}
	case "emails":
		return setOne(&m.Email, "work", sub, where, value)
	case "photos":
		if err := setOne(&m.Avatar, "photo", sub, where, value); err != nil {
			return err
		}
		if (audit.Member{ID: "x", Name: "x", Role: audit.RoleMember, Status: audit.MemberActive, Avatar: m.Avatar}).Validate() != nil {
			m.Avatar = "" // a picture is not worth keeping a leaver active for
		}
	case "phonenumbers":
		if err := setOne(&m.Phone, "mobile", sub, where, value); err != nil {
			return err
		}
		m.Phone = phoneOf(m.Phone)
	case "roles":
		return d.setRole(sub, where, value)
	case "department":
		d.setDepartment(text)
	case strings.ToLower(enterpriseSchema):
		parts, _ := value.(map[string]any)
		if department, given := parts["department"]; given || value == nil {
			d.setDepartment(textOf(department))
		}
	}
	return nil
}

func (d *draft) setName(sub string, value any) error {
	parts := map[string]any{strings.ToLower(sub): value}
	if sub == "" {
		whole, _ := value.(map[string]any)
		parts = map[string]any{}
		for name, part := range whole {
			parts[strings.ToLower(name)] = part
		}
	}
	for name, part := range parts {
		switch name {
		case "formatted":
			d.formatted = textOf(part)
		case "givenname":
			d.member.Provisioned.GivenName, d.parts = textOf(part), true
		case "familyname":
			d.member.Provisioned.FamilyName, d.parts = textOf(part), true
		}
	}
	return nil
}

// setDepartment puts the user's own department in the place of the one before; those of groups stay.
func (d *draft) setDepartment(department string) {
	m := &d.member
	var rest []string
	for _, name := range m.Departments {
		if name != m.Provisioned.Department && name != department {
			rest = append(rest, name)
		}
	}
	if m.Departments = rest; department != "" {
		m.Departments = append([]string{department}, rest...)
	}
	m.Provisioned.Department = department
}

func (d *draft) setRole(sub string, where filter.Expression, value any) error {
	role := ""
	if err := setOne(&role, "", sub, where, value); err != nil {
		return err
	}
	if role == "" {
		if value == nil || where == nil {
			d.member.Role = audit.RoleMember
		}
		return nil
	}
	known, err := roleOf(role)
	if err == nil {
		d.member.Role = known
	}
	return err
}

// setOne sets the one value that is kept of an attribute that may have many: the primary one, else that of the kind, else the first.
func setOne(field *string, kind, sub string, where filter.Expression, value any) error {
	if where != nil {
		matches, err := compileSCIM(where, func(current string, path string) ([]any, bool) {
			one := map[string][]any{"value": {current}, "type": {kind}, "primary": {true}, "display": {}}
			values, known := one[path]
			return values, known
		})
		if err != nil {
			return err
		}
		if !matches(*field) {
			return nil // one of those that are not kept
		}
	}
	if sub != "" && !strings.EqualFold(sub, "value") {
		return nil
	}
	list, many := value.([]any)
	if !many {
		list = []any{value}
	}
	best, rank := "", 0
	for _, item := range list {
		text, score := textOf(item), 1
		if parts, ok := item.(map[string]any); ok {
			text = textOf(parts["value"])
			kindOf, _ := parts["type"].(string)
			switch primary, _ := parts["primary"].(bool); {
			case kind != "" && kind == "mobile" && strings.EqualFold(kindOf, kind):
				score = 4
			case primary:
				score = 3
			case strings.EqualFold(kindOf, kind):
				score = 2
			}
		}
		if text != "" && score > rank {
			best, rank = text, score
		}
	}
	*field = best
	return nil
}

func textOf(value any) string {
	text, _ := value.(string)
	return strings.TrimSpace(text)
}

// phoneOf writes a number as E.164, and returns "" for what cannot be called from anywhere: nobody stays active because their number is odd.
func phoneOf(number string) string {
	clean := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", ".", "", "/", "", "tel:", "").Replace(number)
	if (audit.Member{ID: "x", Name: "x", Role: audit.RoleMember, Status: audit.MemberActive, Phone: clean}).Validate() != nil {
		return ""
	}
	return clean
}
