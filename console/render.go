package console

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/audittrail/audittrail/audit"
)

//go:embed templates
var templateFiles embed.FS

// mustTemplates reads templates/*.html: each is a page that defines "main" and whatever parts it has; templates/parts/*.html are
// shared by all. It panics where one cannot be read, which a test excludes.
func (con *Console) mustTemplates() map[string]*template.Template {
	base := template.Must(template.New("").Funcs(con.funcs()).ParseFS(templateFiles, "templates/parts/*.html"))
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		panic("console: " + err.Error())
	}
	all := map[string]*template.Template{}
	for _, name := range names {
		t := template.Must(template.Must(base.Clone()).ParseFS(templateFiles, name))
		all[strings.TrimSuffix(path.Base(name), ".html")] = t
	}
	return all
}

// funcs are what templates can call. Times are shown by "when", which every template gives the reader's zone.
func (con *Console) funcs() template.FuncMap {
	return template.FuncMap{
		"asset":    con.assetURL,
		"initials": initials,
		"roleName": roleName,
		"when":     when,
		"count":    countOf,
		"bytes":    byteSize,
		"counted":  counted,
		"dict":     dict,
		"join":     strings.Join,
		// An id may hold a slash, which a template would leave as it is.
		"memberPath": memberPath,
	}
}

// dict makes a map of names and values, to give a part of a page more than one thing.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dict: %d arguments", len(pairs))
	}
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: argument %d is not a name", i)
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}

// frame is what the layout shows around every page. The view of a page embeds it.
type frame struct {
	Title string
	// Active is the name of the entry of the navigation that the page belongs to.
	Active string
	// Me is who is signed in; SignedIn is false on pages before.
	Me       audit.Principal
	SignedIn bool
	Nav      []navItem
	// CanRemind says that the role sets reminders.
	CanRemind bool
	CSRF      string
	Zone      *time.Location
	Now       time.Time
	Version   string
	// Unread is how many messages wait; -1 where it is not known.
	Unread int
}

type navItem struct{ Name, Path, Label string }

// frame returns the frame of a page of that title.
func (r *request) frame(title, active string) frame {
	f := frame{Title: title, Active: active, Me: r.by, SignedIn: r.by.Organization != "", CSRF: maskToken(r.csrf), Zone: r.zone,
		Now: r.con.now(), Version: r.con.cfg.Version, Unread: -1}
	if !f.SignedIn {
		return f
	}
	f.Nav = navigation(r.by)
	f.CanRemind = r.by.Allow(audit.ScopeReminders) == nil
	if !r.isFragment() {
		var inbox struct {
			Unread int `json:"unread"`
		}
		if err := r.get("/v1/messages?limit=1", nil, &inbox); err == nil { // a page without the number is better than none
			f.Unread = inbox.Unread
		}
	}
	return f
}

// navigation returns what the member can open.
func navigation(by audit.Principal) []navItem {
	items := []navItem{{"trail", homeOf(by), "Audit Trail"}}
	if by.Allow(audit.ScopeExports) == nil {
		items = append(items, navItem{"exports", "/exports", "Exports"})
	}
	items = append(items, navItem{"messages", "/messages", "Message Center"})
	if by.Allow(audit.ScopeMembers) == nil {
		items = append(items, navItem{"members", "/members", "Members"})
	}
	if by.Allow(audit.ScopeAdmin) == nil {
		items = append(items, navItem{"keys", "/keys", "Keys"})
	}
	return items
}

// homeOf is the page that a member sees first.
func homeOf(by audit.Principal) string {
	if by.SeesLog(audit.LogOperation) {
		return "/operation-logs"
	}
	return "/login-history"
}

// render answers with a page; to htmx only with its main part and title.
func (r *request) render(status int, name string, view any) error {
	block := "layout"
	if r.isFragment() {
		block = "fragment"
	}
	return r.part(status, name, block, view)
}

// part answers with one defined block of a page's template.
func (r *request) part(status int, name, block string, view any) error {
	t, ok := r.con.templates[name]
	if !ok {
		return fmt.Errorf("there is no template %q", name)
	}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, block, view); err != nil {
		return fmt.Errorf("fill the template %s/%s: %w", name, block, err)
	}
	r.c.Response().SetStatusCode(status)
	r.c.Response().Header.SetContentType(fiber.MIMETextHTMLCharsetUTF8)
	r.c.Response().SetBodyRaw(out.Bytes())
	return nil
}
