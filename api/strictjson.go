package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/audittrail/audittrail/audit"
)

const (
	maxJSONDepth  = 16
	maxJSONErrors = 100
)

// readJSON reads the request's body, one JSON object, into dst, a pointer to a struct. It takes exactly the fields of dst, each at most once and
// of its type, in UTF-8, and names everything else by its path, all at once.
func (r *request) readJSON(dst any) error {
	if _, err := wantContent(&r.c.Request().Header, contentJSON); err != nil {
		return err
	}
	body, done, err := decodedBody(r.c.Request(), maxJSONBytes)
	if err != nil {
		return err
	}
	defer done()
	return strictJSON(body, dst)
}

func strictJSON(body []byte, dst any) error {
	if !utf8.Valid(body) {
		return audit.Errorf(audit.CodeMalformed, "the body is not valid UTF-8")
	}
	c := jsonChecker{dec: json.NewDecoder(bytes.NewReader(body))}
	c.dec.UseNumber()
	err := c.value("", reflect.TypeOf(dst).Elem(), 0)
	if err == nil {
		if _, more := c.dec.Token(); more == nil {
			err = fmt.Errorf("something follows behind the object")
		} else if more != io.EOF {
			err = more
		}
	}
	if err != nil {
		return malformedJSON(c.dec.InputOffset(), err)
	}
	if len(c.fields) > 0 {
		return audit.Invalid(c.fields...)
	}
	if err := json.Unmarshal(body, dst); err != nil {
		return audit.Errorf(audit.CodeInvalid, "the body does not have the right form")
	}
	return nil
}

func malformedJSON(offset int64, err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF { //nolint:errorlint // Token returns them as they are
		return audit.Errorf(audit.CodeMalformed, "not valid JSON: it ends at byte %d, too early", offset)
	}
	return audit.Errorf(audit.CodeMalformed, "not valid JSON at byte %d: %s", offset, err.Error())
}

// jsonChecker walks JSON beside the type it is for.
type jsonChecker struct {
	dec    *json.Decoder
	fields []audit.FieldError
}

func (c *jsonChecker) note(path, format string, args ...any) {
	if len(c.fields) < maxJSONErrors {
		c.fields = append(c.fields, audit.FieldError{Field: path, Message: fmt.Sprintf(format, args...)})
	}
}

// value checks the next value against the type; a nil type takes anything. Its errors are those of the JSON itself.
func (c *jsonChecker) value(path string, t reflect.Type, depth int) error {
	if depth > maxJSONDepth {
		return fmt.Errorf("nested deeper than %d levels", maxJSONDepth)
	}
	token, err := c.dec.Token()
	if err != nil {
		return err
	}
	for t != nil && t.Kind() == reflect.Pointer {
		if token == nil {
			return nil // null leaves it out
		}
		t = t.Elem()
	}
	if delim, ok := token.(json.Delim); ok {
		if delim == '{' {
			return c.object(path, c.want(path, t, reflect.Struct, "an object"), depth)
		}
		return c.array(path, c.want(path, t, reflect.Slice, "an array"), depth)
	}
	if t != nil {
		c.scalar(path, t, token)
	}
	return nil
}

// want returns t where it is of the kind; else it notes what should be there and returns nil, so that the value is skipped.
func (c *jsonChecker) want(path string, t reflect.Type, kind reflect.Kind, found string) reflect.Type {
	if t == nil || t.Kind() == kind {
		return t
	}
	c.note(path, "must be %s, not %s", nameOfKind(t), found)
	return nil
}

func (c *jsonChecker) scalar(path string, t reflect.Type, token json.Token) {
	var ok bool
	found := "null"
	switch v := token.(type) {
	case string:
		ok, found = t.Kind() == reflect.String, "a string"
	case bool:
		ok, found = t.Kind() == reflect.Bool, "a boolean"
	case json.Number:
		_, notInt := v.Int64()
		ok, found = t.Kind() == reflect.Int64 && notInt == nil, "the number "+clip(v.String())
	}
	if !ok {
		c.note(path, "must be %s, not %s", nameOfKind(t), found)
	}
}

func nameOfKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct:
		return "an object"
	case reflect.Slice:
		return "an array"
	case reflect.Bool:
		return "true or false"
	case reflect.Int64:
		return "a whole number"
	default:
		return "a string"
	}
}

func (c *jsonChecker) object(path string, t reflect.Type, depth int) error {
	known, names := jsonFields(t)
	seen := map[string]bool{}
	for c.dec.More() {
		token, err := c.dec.Token()
		if err != nil {
			return err
		}
		key := token.(string)
		at := clip(key)
		if path != "" {
			at = path + "." + at
		}
		field, ok := known[key]
		switch {
		case t != nil && !ok:
			c.note(at, "is not a known field; known are %s", strings.Join(names, ", "))
		case seen[key]:
			c.note(at, "is given twice")
		}
		seen[key] = true
		if err := c.value(at, field, depth+1); err != nil {
			return err
		}
	}
	_, err := c.dec.Token()
	return err
}

// jsonFields returns the types of a struct's fields by their names in JSON, and the names in order.
func jsonFields(t reflect.Type) (map[string]reflect.Type, []string) {
	known := map[string]reflect.Type{}
	if t == nil {
		return known, nil
	}
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			known[name] = f.Type
			names = append(names, name)
		}
	}
	return known, names
}

func (c *jsonChecker) array(path string, t reflect.Type, depth int) error {
	var element reflect.Type
	if t != nil {
		element = t.Elem()
	}
	for i := 0; c.dec.More(); i++ {
		if err := c.value(fmt.Sprintf("%s[%d]", path, i), element, depth+1); err != nil {
			return err
		}
	}
	_, err := c.dec.Token()
	return err
}
