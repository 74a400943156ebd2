package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	scimerrors "github.com/elimity-com/scim/errors"
	filter "github.com/scim2/filter-parser/v2"

	"github.com/audittrail/audittrail/audit"
)

// exact are the attributes that are compared as they are written; all other text is compared whatever its case.
var exact = []string{"id", "externalid"}

// compileSCIM makes a filter a function. values returns what of a resource stands at a path, in small letters, and whether there is such a path at all: text,
// true or false, or times. Errors: invalidFilter, with what is not supported.
func compileSCIM[T any](e filter.Expression, values func(T, string) ([]any, bool)) (func(T) bool, error) {
	return compileBelow(e, "", values)
}

func compileBelow[T any](e filter.Expression, prefix string, values func(T, string) ([]any, bool)) (func(T) bool, error) {
	switch e := e.(type) {
	case *filter.LogicalExpression:
		left, err := compileBelow(e.Left, prefix, values)
		if err != nil {
			return nil, err
		}
		right, err := compileBelow(e.Right, prefix, values)
		if e.Operator == filter.OR {
			return func(v T) bool { return left(v) || right(v) }, err
		}
		return func(v T) bool { return left(v) && right(v) }, err
	case *filter.NotExpression:
		inner, err := compileBelow(e.Expression, prefix, values)
		return func(v T) bool { return !inner(v) }, err
	case *filter.ValuePath:
		return compileBelow(e.ValueFilter, pathOf(prefix, e.AttributePath)+".", values)
	case *filter.AttributeExpression:
		return compileAttribute(e, pathOf(prefix, e.AttributePath), values)
	}
	return nil, unsupported("this kind of expression is not supported")
}

func unsupported(format string, args ...any) error {
	return scimerrors.ScimError{Status: 400, ScimType: scimerrors.ScimTypeInvalidFilter, Detail: fmt.Sprintf(format, args...)}
}

func pathOf(prefix string, p filter.AttributePath) string {
	path := prefix + p.AttributeName
	if sub := p.SubAttributeName(); sub != "" {
		path += "." + sub
	}
	return strings.ToLower(path)
}

func compileAttribute[T any](e *filter.AttributeExpression, path string, values func(T, string) ([]any, bool)) (func(T) bool, error) {
	var nothing T
	if _, known := values(nothing, path); !known {
		return nil, unsupported("the attribute %s cannot be filtered by", clip(path))
	}
	want := e.CompareValue
	if text, ok := want.(string); ok {
		want = unescaped(text)
	}
	if e.Operator != filter.PR && want != nil {
		switch want.(type) {
		case string, bool:
		default:
			return nil, unsupported("%s is not compared with numbers", clip(path))
		}
	}
	if strings.HasSuffix(path, "lastmodified") && e.Operator != filter.PR {
		at, err := time.Parse(time.RFC3339, fmt.Sprint(want))
		if err != nil {
			return nil, unsupported("%s is compared with a time, like 2026-11-24T12:00:00Z", path)
		}
		want = at
	}
	fold := !slices.Contains(exact, path)
	return func(v T) bool {
		found, _ := values(v, path)
		return holds(found, e.Operator, want, fold)
	}, nil
}

// unescaped is the text between the quotes, which the parser leaves as it was written.
func unescaped(text string) string {
	var plain string
	if json.Unmarshal([]byte(`"`+text+`"`), &plain) == nil {
		return plain
	}
	return text
}

// holds says whether one of the values is as wanted; of those that are not, all have to be.
func holds(found []any, op filter.CompareOperator, want any, fold bool) bool {
	switch {
	case op == filter.PR:
		return len(found) > 0
	case want == nil: // null is what is not there
		return (op == filter.EQ) == (len(found) == 0) && (op == filter.EQ || op == filter.NE)
	case op == filter.NE:
		return !holds(found, filter.EQ, want, fold)
	}
	return slices.ContainsFunc(found, func(have any) bool { return compared(have, op, want, fold) })
}

func compared(have any, op filter.CompareOperator, want any, fold bool) bool {
	switch have := have.(type) {
	case bool:
		return op == filter.EQ && strings.EqualFold(fmt.Sprint(want), fmt.Sprint(have)) // Entra sends "True"
	case time.Time:
		at, _ := want.(time.Time)
		return ordered(have.Compare(at), op)
	case string:
		text, ok := want.(string)
		if !ok {
			return false
		}
		if fold {
			have, text = foldName(have), foldName(text)
		}
		switch op {
		case filter.CO:
			return strings.Contains(have, text)
		case filter.SW:
			return strings.HasPrefix(have, text)
		case filter.EW:
			return strings.HasSuffix(have, text)
		}
		return ordered(strings.Compare(have, text), op)
	}
	return false
}

func ordered(order int, op filter.CompareOperator) bool {
	switch op {
	case filter.EQ:
		return order == 0
	case filter.GT:
		return order > 0
	case filter.GE:
		return order >= 0
	case filter.LT:
		return order < 0
	case filter.LE:
		return order <= 0
	}
	return false
}

// userValues are the attributes of users that can be filtered by.
func userValues(m audit.Member, path string) ([]any, bool) {
	text := func(values ...string) ([]any, bool) {
		var list []any
		for _, value := range values {
			if value != "" {
				list = append(list, value)
			}
		}
		return list, true
	}
	ifAny := func(value, then string) ([]any, bool) {
		if value == "" {
			return nil, true
		}
		return text(then)
	}
	switch path {
	case "id":
		return text(m.ID)
	case "externalid":
		return text(m.ExternalID)
	case "username":
		return text(m.UserName)
	case "displayname", "name.formatted":
		return text(m.Name)
	case "name.givenname":
		return text(m.Provisioned.GivenName)
	case "name.familyname":
		return text(m.Provisioned.FamilyName)
	case "active":
		return []any{m.Included()}, true
	case "emails", "emails.value":
		return text(m.Email)
	case "emails.type":
		return ifAny(m.Email, "work")
	case "phonenumbers", "phonenumbers.value":
		return text(m.Phone)
	case "phonenumbers.type":
		return ifAny(m.Phone, "mobile")
	case "roles", "roles.value":
		return text(string(m.Role))
	case "department":
		return text(m.Provisioned.Department)
	case "groups.display":
		return text(m.Departments...)
	case "meta.lastmodified":
		return []any{m.UpdatedAt}, true
	}
	return nil, false
}

// narrow names to need every attribute that has to be equal to a value, whatever else the filter says: by these the store
// can look at what an index finds, and no further.
func narrow(e filter.Expression, need func(path, value string)) {
	switch e := e.(type) {
	case *filter.LogicalExpression:
		if e.Operator == filter.AND {
			narrow(e.Left, need)
			narrow(e.Right, need)
		}
	case *filter.AttributeExpression:
		text, ok := e.CompareValue.(string)
		if text = unescaped(text); ok && text != "" && e.Operator == filter.EQ {
			need(pathOf("", e.AttributePath), text)
		}
	}
}

// narrowMembers restricts what the store looks at to what an index finds.
func narrowMembers(e filter.Expression, f *audit.MemberFilter) {
	narrow(e, func(path, value string) {
		field := map[string]*string{"username": &f.UserName, "externalid": &f.ExternalID, "emails.value": &f.Email, "emails": &f.Email}[path]
		if field != nil && *field == "" {
			*field = value
		}
	})
}
