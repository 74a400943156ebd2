package cli

import (
	"encoding/csv"
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
}

// Help is shown behind the summary.
func (membersCommand) Help() string {
	return `A CSV file begins with a line of names, in any order: id, name, avatar, email, phone, departments (with ; between), role, status.
Only id and name are needed. Each line replaces the whole member.`
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
	Version     int64    `json:"version"`
}

type membersPutCommand struct {
	config.Client `embed:""`

	ID          string   `arg:"" help:"Id of the member."`
	Name        string   `required:"" help:"Name."`
	Email       string   `help:"Mail address."`
	Phone       string   `help:"Phone number: +491701234567."`
	Avatar      string   `help:"https address of a picture."`
	Departments []string `help:"Departments."`
	Role        string   `default:"member" help:"creator, system_admin, contact_admin or member."`
	Status      string   `default:"active" help:"active, deactivated or deleted."`
}

// Run puts a member.
func (c *membersPutCommand) Run(e *env) error {
	server, err := e.connect(&c.Client)
	if err != nil {
		return err
	}
	defer server.Close()
	err = putMember(e, server, c.ID, memberInput{Name: c.Name, Avatar: c.Avatar, Email: c.Email, Phone: c.Phone,
		Departments: c.Departments, Role: c.Role, Status: c.Status})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(e.Stdout, "stored")
	return err
}

// putMember replaces a member, or makes one.
func putMember(e *env, server *client.Client, id string, in memberInput) error {
	path := "/v1/members/" + url.PathEscape(id)
	var found struct {
		Version int64 `json:"version"`
	}
	if err := server.Call(e.ctx, http.MethodGet, path, nil, nil, &found); err != nil {
		return err
	}
	in.Version = found.Version
	return server.Call(e.ctx, http.MethodPut, path, nil, in, nil)
}

type membersImportCommand struct {
	config.Client `embed:""`
	File          string `arg:"" help:"CSV file; - is standard input."`
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
	fmt.Fprintf(e.Stdout, "%s members stored, %s refused\n", count(stored), count(refused))
	if err == nil && refused > 0 {
		err = errors.New("some members were refused: correct their lines and import the file again")
	}
	return err
}

func (e *env) importMembers(server *client.Client, source io.Reader) (stored, refused int, err error) {
	reader := csv.NewReader(source)
	header, err := reader.Read()
	if err != nil {
		return 0, 0, fmt.Errorf("read the line of names: %w", err)
	}
	known := []string{"id", "name", "avatar", "email", "phone", "departments", "role", "status"}
	for i, name := range header {
		header[i] = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))
		if !slices.Contains(known, header[i]) {
			return 0, 0, usagef("the file has a column %q; known are %s", name, strings.Join(known, ", "))
		}
	}
	for {
		cells, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return stored, refused, nil
		}
		if err != nil {
			return stored, refused, err
		}
		line, _ := reader.FieldPos(0)
		value := make(map[string]string)
		for i, cell := range cells {
			value[header[i]] = strings.TrimSpace(cell)
		}
		in := memberInput{Name: value["name"], Avatar: value["avatar"], Email: value["email"], Phone: value["phone"],
			Role: orDefault(value["role"], "member"), Status: orDefault(value["status"], "active")}
		if value["departments"] != "" {
			in.Departments = strings.Split(value["departments"], ";")
		}
		err = putMember(e, server, value["id"], in)
		var problem *client.Error
		switch {
		case err == nil:
			stored++
		case errors.As(err, &problem) && problem.Status >= 400 && problem.Status < 500 && problem.Status != 401 && problem.Status != 403:
			refused++
			fmt.Fprintf(e.Stderr, "line %d: %s\n", line, plain(problem.Error()))
			for _, f := range problem.Fields {
				fmt.Fprintf(e.Stderr, "  %s: %s\n", f.Field, plain(f.Message))
			}
		default:
			return stored, refused, err
		}
	}
}

func orDefault(text, standard string) string {
	if text == "" {
		return standard
	}
	return text
}
