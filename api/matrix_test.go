package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

// caller is who asks: a role, by a session or by a key with one scope or none.
type caller struct {
	name    string
	role    audit.Role // "": nobody
	member  string
	scope   audit.Scope // of the key; "": none
	session bool
	header  map[string]string
}

func (w caller) reach(letters string) byte {
	i := slices.Index([]audit.Role{audit.RoleCreator, audit.RoleSystemAdmin, audit.RoleContactAdmin, audit.RoleMember}, w.role)
	return letters[i]
}

func (w caller) has(scope audit.Scope) bool {
	return scope == "" || w.session || w.scope == scope || w.scope == audit.ScopeAdmin
}

// matrixCase is one request of the matrix.
type matrixCase struct {
	line   *matrixLine
	who    caller
	log    audit.Log
	target string
}

func (c matrixCase) String() string {
	text := c.line.route + " by " + c.who.name
	if c.log != "" {
		text += ", log " + string(c.log)
	}
	if c.target != "" {
		text += ", " + c.target
	}
	return text
}

func (m *matrix) cases() (all []matrixCase) {
	for i := range matrixTable {
		line := &matrixTable[i]
		logs, targets := []audit.Log{""}, []string{""}
		switch {
		case line.kind == ofEvent, line.route == "POST /v1/events": // each has a log
			logs = []audit.Log{audit.LogLogin, audit.LogOperation, audit.LogProduct}
		case line.logs:
			logs = []audit.Log{"", audit.LogLogin, audit.LogOperation, audit.LogProduct}
		}
		if line.kind != "" {
			targets = []string{targetOwn, targetColleague, targetForeign, targetMissing}
		}
		for _, who := range m.callers {
			for _, log := range logs {
				for _, target := range targets {
					all = append(all, matrixCase{line, who, log, target})
				}
			}
		}
	}
	return all
}

// TestEveryRouteAnswersEveryoneByTheMatrix asks every route as every role, with every scope, for every log, for what is one's own, a colleague's,
// another organization's and nobody's.
func TestEveryRouteAnswersEveryoneByTheMatrix(t *testing.T) {
	m := newMatrix(t)
	cases := m.cases()
	wrong := 0
	for _, c := range cases {
		if err := m.try(c); err != nil {
			wrong++
			t.Errorf("%s: %v", c, err)
		}
		if wrong == 30 {
			t.Fatal("and perhaps more")
		}
	}
	m.checkUntouched()
	t.Logf("%d cases", len(cases))
}

// TestTheMatrixHasEveryRoute: of the router, of the list for documents and of the contract.
func TestTheMatrixHasEveryRoute(t *testing.T) {
	routes := map[string]bool{}
	for _, route := range Routes() {
		routes[route.Method+" "+route.Path] = true
	}
	for _, route := range New(Config{}).app.GetRoutes() {
		path := route.Path
		for _, part := range strings.Split(route.Path, "/") {
			if name, ok := strings.CutPrefix(part, ":"); ok {
				path = strings.Replace(path, part, "{"+name+"}", 1)
			}
		}
		method := route.Method
		if method == http.MethodHead {
			method = http.MethodGet // the same handler
		}
		routes[method+" "+path] = true
	}
	for path, item := range contractOf(t).doc.Paths.Map() {
		for method := range item.Operations() {
			routes[method+" "+path] = true
		}
	}
	for _, line := range matrixTable {
		if !routes[line.route] {
			t.Errorf("%s is in the matrix twice, or is no route", line.route)
		}
		delete(routes, line.route)
	}
	for route := range routes {
		t.Errorf("%s is not in the matrix: say in matrixTable who may use it", route)
	}
}

// try makes the request and compares its answer with the matrix.
func (m *matrix) try(c matrixCase) error {
	want := c.want()
	request := m.request(c, want < 300)
	if strings.HasSuffix(c.line.route, "/stream") {
		if got := m.open(request); got != want {
			return fmt.Errorf("status %d, want %d", got, want)
		}
		return nil
	}
	a := m.do(request)
	if a.status != want {
		return fmt.Errorf("status %d, want %d: %s", a.status, want, clip(string(a.body)))
	}
	if strings.Contains(string(a.body), foreignMark) {
		return fmt.Errorf("another organization is in the answer: %s", a.body)
	}
	if want < 300 && c.line.rows != nil {
		if err := c.line.rows(m, c, a); err != nil {
			return err
		}
	}
	if request.method == http.MethodGet {
		request.method = http.MethodHead
		if head := m.do(request); head.status != want {
			return fmt.Errorf("status %d to HEAD, want %d", head.status, want)
		}
	}
	return nil
}

// open begins a stream, and returns the status of the answer.
func (m *matrix) open(c call) int {
	m.t.Helper()
	ctx, cancel := context.WithCancel(m.t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, c.method, m.base+c.path, nil)
	must(m.t, err)
	for name, value := range c.header {
		req.Header.Set(name, value)
	}
	res, err := m.client.Do(req)
	must(m.t, err)
	defer res.Body.Close()
	return res.StatusCode
}

func decode[T any](a *answer) (v T, err error) {
	err = json.NewDecoder(strings.NewReader(string(a.body))).Decode(&v)
	if err == io.EOF {
		err = nil
	}
	return v, err
}

// eventRows: the ids of the answer are those in sight.
func eventRows(_ *matrix, c matrixCase, a *answer) error {
	got, err := decode[struct{ Events []struct{ ID string } }](a)
	var ids, want []string
	for _, e := range got.Events {
		ids = append(ids, e.ID)
	}
	c.inSight(func(log audit.Log, actor string) { want = append(want, matrixEventID("acme", log, actor)) })
	slices.Sort(ids)
	slices.Sort(want)
	if err == nil && !slices.Equal(ids, want) {
		err = fmt.Errorf("it has %q, want %q", ids, want)
	}
	return err
}

// countedRows: as many are counted as are in sight.
func countedRows(field string) func(*matrix, matrixCase, *answer) error {
	return func(_ *matrix, c matrixCase, a *answer) error {
		got, err := decode[map[string]any](a)
		want := c.inSight(func(audit.Log, string) {})
		if err == nil && got[field] != float64(want) {
			err = fmt.Errorf("%s is %v, want %d", field, got[field], want)
		}
		return err
	}
}

// ownedRows: who reaches everybody's gets a colleague's too, and who reaches the own ones nobody else's.
func ownedRows(list, owner string) func(*matrix, matrixCase, *answer) error {
	return func(_ *matrix, c matrixCase, a *answer) error {
		got, err := decode[map[string][]map[string]any](a)
		if err != nil {
			return err
		}
		owners := map[string]bool{}
		for _, item := range got[list] {
			owners[fmt.Sprint(item[owner])] = true
		}
		all := c.who.reach(c.line.reach) == 'a'
		if !owners[c.who.member] || owners[matrixMate] != all || !all && len(owners) != 1 {
			return fmt.Errorf("it has what is of %v", owners)
		}
		return nil
	}
}

// messageRows: they are the caller's own.
func messageRows(_ *matrix, c matrixCase, a *answer) error {
	got, err := decode[struct{ Messages []audit.Message }](a)
	for _, message := range got.Messages {
		if message.Title != "To "+c.who.member {
			return fmt.Errorf("it has the message %q", message.Title)
		}
	}
	if err == nil && len(got.Messages) != 1 {
		err = fmt.Errorf("it has %d messages, want 1", len(got.Messages))
	}
	return err
}
