package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/client"
	"github.com/audittrail/audittrail/internal/config"
)

type membersCommand struct {
	List   membersListCommand   `cmd:"" help:"List members."`
	Put    membersPutCommand    `cmd:"" help:"Make or change a member."`
	Import membersImportCommand `cmd:"" help:"Make or change the members of a CSV file."`
	Erase  membersEraseCommand  `cmd:"" help:"Put a pseudonym in the place of a person, for good."`
}

type membersListCommand struct {
	config.Client `embed:""`

	Text   string `arg:"" optional:"" help:"Found in name, id or mail address."`
	Status string `help:"active, deactivated or deleted."`
	Role   string `help:"creator, system_admin, contact_admin or member."`
}

type memberList struct {
	Members []audit.Member `json:"members"`
	Next    string         `json:"next_cursor"`
}

// Run lists members.
func (c *membersListCommand) Run(e *env) error {
	server, err := e.connect(&c.Client)
	if err != nil {
		return err
	}
	defer server.Close()
	query := url.Values{"limit": {"1000"}}
	for name, value := range map[string]string{"q": c.Text, "status": c.Status, "role": c.Role} {
		if value != "" {
			query.Set(name, value)
		}
	}
	all := []audit.Member{}
	for {
		var page memberList
		if err := server.Call(e.ctx, http.MethodGet, "/v1/members", query, nil, &page); err != nil {
			return err
		}
		all = append(all, page.Members...)
		if page.Next == "" {
			break
		}
		query.Set("cursor", page.Next)
	}
	return e.print(all, func(w io.Writer) {
		row(w, "ID", "NAME", "ROLE", "STATUS", "EMAIL", "PHONE", "DEPARTMENTS")
		for _, m := range all {
			row(w, m.ID, m.Name, m.Role, m.Status, m.Email, m.Phone, strings.Join(m.Departments, ", "))
		}
	})
}

// memberInput is a member as it is put.
type memberInput struct {
	Name        string   `json:"name"`
	Avatar      string   `json:"avatar,omitempty"`
	Email       string   `json:"email,omitempty"`
	Phone       string   `json:"phone,omitempty"`
	Departments []string `json:"departments,omitempty"`
	Role        string   `json:"role"`
	Status      string   `json:"status"`
	UserName    *string  `json:"user_name,omitempty"`
	ExternalID  *string  `json:"external_id,omitempty"`
	Version     int64    `json:"version"`
}

type membersPutCommand struct {
	config.Client `embed:""`

	ID          string   `arg:"" help:"Id of the member."`
	Name        *string  `placeholder:"NAME" help:"Name; who is new needs one."`
	Email       *string  `placeholder:"ADDRESS" help:"Mail address."`
	Phone       *string  `placeholder:"NUMBER" help:"Phone number: +491701234567."`
	Avatar      *string  `placeholder:"URL" help:"https address of a picture."`
	Departments []string `placeholder:"NAME" help:"Departments."`
	Role        *string  `placeholder:"ROLE" help:"creator, system_admin, contact_admin or member (default of who is new: member)."`
	Status      *string  `placeholder:"STATUS" help:"active, deactivated or deleted (default of who is new: active)."`
}

// Help is shown behind the summary.
func (membersPutCommand) Help() string {
	return `What is not given stays as it is; an empty value empties it.

  audittrail members put u_42 --name "Bob Lee" --email bob@example.com --departments Sales,Support
  audittrail members put u_42 --role contact_admin`
}

// Run makes a member, or changes what is given of the one who is there.
func (c *membersPutCommand) Run(e *env) error {
	server, err := e.connect(&c.Client)
	if err != nil {
		return err
	}
	defer server.Close()
	path := "/v1/members/" + url.PathEscape(c.ID)
	var before audit.Member
	if err := server.Call(e.ctx, http.MethodGet, path, nil, nil, &before); err != nil {
		return err
	}
	if err := server.Call(e.ctx, http.MethodPut, path, nil, c.over(before), nil); err != nil {
		return err
	}
	return e.done(c.ID, "stored")
}

// over puts what was given over what is there. User name and external id are left out, and so stay.
func (c *membersPutCommand) over(before audit.Member) memberInput {
	given := func(value *string, there string) string {
		if value == nil {
			return there
		}
		return *value
	}
	in := memberInput{Name: given(c.Name, before.Name), Avatar: given(c.Avatar, before.Avatar), Email: given(c.Email, before.Email), Phone: given(c.Phone, before.Phone),
		Departments: before.Departments, Role: given(c.Role, cmp.Or(string(before.Role), string(audit.RoleMember))),
		Status: given(c.Status, cmp.Or(string(before.Status), string(audit.MemberActive))), Version: before.Version}
	if c.Departments != nil {
		in.Departments = slices.DeleteFunc(slices.Clone(c.Departments), func(name string) bool { return name == "" })
	}
	return in
}

type membersImportCommand struct {
	config.Client `embed:""`
	File          string `arg:"" help:"CSV file; - is standard input."`
}

// Help is shown behind the summary.
func (membersImportCommand) Help() string {
	return `A CSV file begins with a line of names, in any order: id, name, avatar, email, phone, departments (with ; between), role, status,
user_name, external_id.
Only id and name are needed. What the file has no column for stays as it is; a new member without role and status is an active member.`
}

// Run puts every member of the file, and goes on behind those that are refused.
func (c *membersImportCommand) Run(e *env) error {
	server, err := e.connect(&c.Client)
	if err != nil {
		return err
	}
	defer server.Close()
	source := e.Stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // it was only read
		source = f
	}
	stored, refused, err := e.importMembers(server, source)
	printErr := e.print(map[string]int{"stored": stored, "refused": refused}, func(w io.Writer) {
		fmt.Fprintf(w, "%s members stored, %s refused\n", count(stored), count(refused))
	})
	if err == nil && refused > 0 {
		err = errors.New("some members were refused: correct their lines and import the file again")
	}
	return errors.Join(printErr, err)
}

func (e *env) importMembers(server *client.Client, source io.Reader) (stored, refused int, err error) {
	file, err := audit.OpenMemberFile(source)
	var wrong *audit.Error
	if errors.As(err, &wrong) && len(wrong.Fields) > 0 {
		return 0, 0, usagef("the file %s", wrong.Fields[0].Message)
	}
	if err != nil {
		return 0, 0, err
	}
	for {
		line, err := file.Next()
		if errors.Is(err, io.EOF) {
			return stored, refused, nil
		}
		if err != nil {
			return stored, refused, err
		}
		fields := line.Errors
		if len(fields) == 0 {
			fields, err = e.importLine(server, line)
		}
		if err != nil {
			return stored, refused, err
		}
		if len(fields) == 0 {
			stored++
			continue
		}
		refused++
		fmt.Fprintf(e.Stderr, "line %d:\n", line.Line)
		for _, f := range fields {
			fmt.Fprintf(e.Stderr, "  %s: %s\n", f.Field, plain(f.Message))
		}
	}
}

// importLine stores the member of a line, over what is there, and returns what was refused.
func (e *env) importLine(server *client.Client, line audit.MemberLine) ([]audit.FieldError, error) {
	if line.ID() == "" {
		return []audit.FieldError{{Field: "id", Message: "is required"}}, nil
	}
	path := "/v1/members/" + url.PathEscape(line.ID())
	var before audit.Member
	if err := server.Call(e.ctx, http.MethodGet, path, nil, nil, &before); err != nil {
		return nil, err
	}
	m := line.Over(before)
	err := server.Call(e.ctx, http.MethodPut, path, nil, memberInput{Name: m.Name, Avatar: m.Avatar, Email: m.Email, Phone: m.Phone, Departments: m.Departments,
		Role: string(m.Role), Status: string(m.Status), UserName: &m.UserName, ExternalID: &m.ExternalID, Version: before.Version}, nil)
	var problem *client.Error
	if !errors.As(err, &problem) || problem.Status < 400 || problem.Status >= 500 || problem.Status == 401 || problem.Status == 403 {
		return nil, err
	}
	if len(problem.Fields) == 0 {
		return []audit.FieldError{{Field: "line", Message: problem.Error()}}, nil
	}
	return problem.Fields, nil
}
