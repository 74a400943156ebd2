package api

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/elimity-com/scim"
	scimerrors "github.com/elimity-com/scim/errors"
	filter "github.com/scim2/filter-parser/v2"

	"github.com/audittrail/audittrail/audit"
)

// groupDraft is what a request makes of a group.
type groupDraft struct {
	group audit.Group
	// wanted says of members by id whether they shall be in it; all, that nobody else shall.
	wanted map[string]bool
	all    bool
}

// wholeGroup checks what the library would refuse without a word about the attribute.
func wholeGroup(body []byte) error {
	var group struct {
		DisplayName json.RawMessage
		Members     json.RawMessage
	}
	if json.Unmarshal(body, &group) != nil {
		return scimerrors.ScimErrorInvalidSyntax
	}
	var name string
	if json.Unmarshal(group.DisplayName, &name) != nil || strings.TrimSpace(name) == "" {
		return audit.InvalidField("displayName", "is required: the name of the department")
	}
	var members []struct{ Value *string }
	if group.Members != nil && json.Unmarshal(group.Members, &members) != nil {
		return audit.InvalidField("members", "must be a list of objects, each with a value: the id of a user")
	}
	for _, m := range members {
		if m.Value == nil {
			return errMemberValue
		}
	}
	return nil
}

var errMemberValue error = audit.InvalidField("members", "every entry needs a value: the id of a user")

// setAll sets every attribute of a whole group. Members who are not given stay; of a group that is replaced an empty list is nobody.
func (d *groupDraft) setAll(op string, attributes map[string]any) error {
	for _, name := range sorted(attributes) {
		if err := d.set(op, name, "", nil, attributes[name]); err != nil {
			return err
		}
	}
	return nil
}

// patch does one operation.
func (d *groupDraft) patch(op scim.PatchOperation) error {
	if op.Path != nil {
		return d.setPath(op.Op, *op.Path, op.Value)
	}
	values, _ := op.Value.(map[string]any)
	for _, name := range sorted(values) {
		path, err := filter.ParsePath([]byte(name))
		if err != nil {
			return scimerrors.ScimErrorInvalidPath
		}
		if err := d.setPath(op.Op, path, values[name]); err != nil {
			return err
		}
	}
	return nil
}

func (d *groupDraft) setPath(op string, path filter.Path, value any) error {
	sub := path.AttributePath.SubAttributeName()
	if sub == "" {
		sub = path.SubAttributeName()
	}
	return d.set(op, path.AttributePath.AttributeName, sub, path.ValueExpression, value)
}

func (d *groupDraft) set(op, name, sub string, where filter.Expression, value any) error {
	text := textOf(value)
	if op == scim.PatchOperationRemove {
		text = ""
	}
	switch strings.ToLower(name) {
	case "displayname":
		if text == "" {
			return audit.InvalidField("displayName", "is required: the name of the department")
		}
		d.group.Name = text
	case "externalid":
		d.group.ExternalID = text
	case "members":
		if sub != "" {
			return badPath("members are added, removed and replaced as wholes, not by their %s", clip(sub))
		}
		return d.setMembers(op, where, value)
	}
	return nil
}

func (d *groupDraft) setMembers(op string, where filter.Expression, value any) error {
	var ids []string
	var err error
	switch {
	case where == nil:
		ids, err = idsOf(value)
	case op != scim.PatchOperationRemove:
		err = badPath("a filter of members chooses whom to remove, and nothing else")
	default:
		ids, err = idsIn(where)
	}
	if err != nil {
		return err
	}
	if op == scim.PatchOperationReplace || op == scim.PatchOperationRemove && where == nil && value == nil {
		d.all, d.wanted = true, map[string]bool{}
	}
	for _, id := range ids {
		d.wanted[id] = op != scim.PatchOperationRemove
	}
	if len(d.wanted) > audit.MaxGroupMembers {
		return audit.InvalidField("members", "%d are named; at most %d are allowed", len(d.wanted), audit.MaxGroupMembers)
	}
	return nil
}

// idsOf are the ids of a list of members.
func idsOf(value any) ([]string, error) {
	list, _ := value.([]any)
	ids := make([]string, 0, len(list))
	for _, item := range list {
		member, _ := item.(map[string]any)
		id, _ := member["value"].(string)
		if id == "" {
			return nil, errMemberValue
		}
		if kind := textOf(member["type"]); strings.EqualFold(kind, "Group") {
			return nil, audit.InvalidField("members", "%s is a group; a group has users as members, and no groups", clip(id))
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// idsIn are the ids that a filter of members names.
func idsIn(where filter.Expression) ([]string, error) {
	switch e := where.(type) {
	case *filter.LogicalExpression:
		if e.Operator == filter.OR {
			left, err := idsIn(e.Left)
			if err != nil {
				return nil, err
			}
			right, err := idsIn(e.Right)
			return append(left, right...), err
		}
	case *filter.AttributeExpression:
		if id, ok := e.CompareValue.(string); ok && e.Operator == filter.EQ && pathOf("", e.AttributePath) == "value" {
			return []string{unescaped(id)}, nil
		}
	}
	return nil, badPath(`members are chosen as in members[value eq "id"], more than one with or`)
}

func badPath(format string, args ...any) error {
	invalid := scimerrors.ScimErrorInvalidPath
	invalid.Detail = fmt.Sprintf(format, args...)
	return invalid
}
