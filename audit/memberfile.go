package audit

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Limits of a file of members that a page takes.
const (
	MaxMemberLines     = 5000
	MaxMemberFileBytes = 2 << 20
)

// MemberColumns are the columns that a file of members may have.
func MemberColumns() []string {
	return []string{"id", "name", "email", "phone", "departments", "role", "status", "avatar", "user_name", "external_id"}
}

// MemberFile reads members from CSV: a line of column names in any order, of which id and name have to be there, then a member a line.
// Departments are separated by ";". A byte order mark, and space around names and cells, mean nothing.
type MemberFile struct {
	csv    *csv.Reader
	column map[string]int
	broken bool
}

// MemberLine is one line of a MemberFile.
type MemberLine struct {
	// Line is the number of the line at which it begins, from 1.
	Line int
	// Errors says what is wrong with the line as such; whether the member may be stored, Member.Validate says.
	Errors []FieldError
	cells  map[string]string
}

// OpenMemberFile reads the line of names. Errors: CodeInvalid with the field "file", and what the reader answers.
func OpenMemberFile(source io.Reader) (*MemberFile, error) {
	f := &MemberFile{csv: csv.NewReader(source), column: map[string]int{}}
	f.csv.FieldsPerRecord = -1 // counted here, so that one short line does not hide those behind it
	header, err := f.csv.Read()
	var broken *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return nil, InvalidField("file", "is empty: the first line must name the columns, like id,name,email")
	case errors.As(err, &broken):
		return nil, InvalidField("file", "the line of names cannot be read: %v", broken.Err)
	case err != nil:
		return nil, fmt.Errorf("read the line of names: %w", err)
	}
	for i, name := range header {
		clean := strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))
		if !slices.Contains(MemberColumns(), clean) {
			return nil, InvalidField("file", "has a column %q; known are %s", shorten(name), strings.Join(MemberColumns(), ", "))
		}
		if _, twice := f.column[clean]; twice {
			return nil, InvalidField("file", "has the column %s twice", clean)
		}
		f.column[clean] = i
	}
	for _, name := range []string{"id", "name"} {
		if _, ok := f.column[name]; !ok {
			return nil, InvalidField("file", "has no column %s; the first line must name the columns, like id,name,email", name)
		}
	}
	return f, nil
}

// Next returns the next line; io.EOF behind the last. Behind a line whose quotes are broken nothing can be read any more, so it is the last.
func (f *MemberFile) Next() (MemberLine, error) {
	if f.broken {
		return MemberLine{}, io.EOF
	}
	cells, err := f.csv.Read()
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		f.broken = true
		return MemberLine{Line: parse.StartLine, Errors: []FieldError{{Field: "line", Message: fmt.Sprintf("cannot be read, and nothing behind it: %v", parse.Err)}}}, nil
	}
	if err != nil {
		return MemberLine{}, err
	}
	number, _ := f.csv.FieldPos(0)
	line := MemberLine{Line: number, cells: map[string]string{}}
	if len(cells) != len(f.column) {
		line.Errors = []FieldError{{Field: "line", Message: fmt.Sprintf("has %d cells, and the line of names has %d; cells with commas need quotes", len(cells), len(f.column))}}
	}
	for name, i := range f.column {
		if i < len(cells) {
			line.cells[name] = strings.TrimSpace(cells[i])
		}
	}
	return line, nil
}

// ID is the id of the line's member, "" where there is none.
func (l MemberLine) ID() string { return l.cells["id"] }

// Over returns the member with what the line says put over what is there: the zero Member where there is none. What the file has no
// column for stays as it is. So do role and status where their cell is empty; a new member is then an active "member". Any other empty cell
// empties the field.
func (l MemberLine) Over(before Member) Member {
	after := before
	after.ID = l.cells["id"]
	for name, field := range map[string]*string{"name": &after.Name, "email": &after.Email, "phone": &after.Phone, "avatar": &after.Avatar,
		"user_name": &after.UserName, "external_id": &after.ExternalID} {
		if value, ok := l.cells[name]; ok {
			*field = value
		}
	}
	if value, ok := l.cells["departments"]; ok {
		after.Departments = nil
		for part := range strings.SplitSeq(value, ";") {
			if part = strings.TrimSpace(part); part != "" {
				after.Departments = append(after.Departments, part)
			}
		}
	}
	if value := l.cells["role"]; value != "" {
		after.Role = Role(value)
	}
	if value := l.cells["status"]; value != "" {
		after.Status = MemberStatus(value)
	}
	if after.Role == "" {
		after.Role = RoleMember
	}
	if after.Status == "" {
		after.Status = MemberActive
	}
	return after
}
