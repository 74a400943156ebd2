package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// readyExport makes an export of the key's, with files that can be fetched, and returns the address of one.
func (g *rig) readyExport(key, filters string, size int) (e audit.Export, path string) {
	g.t.Helper()
	id := g.request(key, filters).ID
	e, err := g.store.Export(g.t.Context(), "acme", id)
	must(g.t, err)
	e.Status, e.ReadyAt, e.ExpiresAt = audit.ExportReady, g.clock.Now(), g.clock.Now().Add(audit.ExportLife)
	e.Files = []audit.ExportFile{{Name: "events.csv", Rows: 1, Bytes: int64(size), SHA256: strings.Repeat("a", 64)}}
	e, err = g.store.PutExport(g.t.Context(), e)
	must(g.t, err)
	g.files.content[exportPrefix(e)+"events.csv"] = []byte(strings.Repeat("x", size))
	return e, "/v1/exports/" + id + "/files/events.csv"
}

func (g *rig) changeMember(id string, change func(*audit.Member)) {
	g.t.Helper()
	m, err := g.store.Member(g.t.Context(), "acme", id)
	must(g.t, err)
	change(&m)
	g.putMember(m)
}

var demotions = map[string]func(*audit.Member){
	"demoted":     func(m *audit.Member) { m.Role = audit.RoleMember },
	"deactivated": func(m *audit.Member) { m.Status = audit.MemberDeactivated },
	"deleted":     func(m *audit.Member) { m.Status = audit.MemberDeleted },
}

// TestWhoLosesTheRoleLosesTheFile: in another process, so that all that tells of it is the directory.
func TestWhoLosesTheRoleLosesTheFile(t *testing.T) {
	for name, change := range demotions {
		for _, by := range []string{"contact", "admin"} {
			t.Run(name+", fetched by "+by, func(t *testing.T) {
				g := newRig(t)
				e, path := g.readyExport("contact", `{"log":["operation"]}`, 3)
				g.do(call{method: "GET", path: path, key: by}).want(200)
				g.changeMember("a_1", change)
				g.clock.Advance(authLife)
				want := http.StatusGone
				switch {
				case by == "contact" && name == "demoted":
					want = http.StatusForbidden
				case by == "contact":
					want = http.StatusUnauthorized
				}
				g.do(call{method: "HEAD", path: path, key: by}).want(want)
				if want == http.StatusForbidden {
					want = http.StatusGone // from then on
				}
				g.do(call{method: "GET", path: path, key: by}).want(want)
				if by == "contact" && name != "demoted" {
					return // who has left does not get far enough to be told
				}
				now, err := g.store.Export(t.Context(), "acme", e.ID)
				must(t, err)
				if now.Status != audit.ExportRevoked || !g.jobs.has("stop acme %s", e.ID) {
					t.Errorf("the export is %s, and the jobs are %v", now.Status, g.jobs.calls)
				}
				if trail := fmt.Sprint(g.trail("acme")); !strings.Contains(trail, audit.ActionExportRevoked+" success") {
					t.Errorf("the trail has %s", trail)
				}
			})
		}
	}
}

func TestAChangeOfTheDirectoryTakesFilesBackAtOnce(t *testing.T) {
	for name, change := range demotions {
		t.Run(name, func(t *testing.T) {
			g := newRig(t)
			lost, _ := g.readyExport("contact", `{"log":["operation"]}`, 3)
			running := g.request("contact", `{"log":["operation"]}`)
			others, _ := g.readyExport("admin", `{"log":["operation"]}`, 3)
			m, err := g.store.Member(t.Context(), "acme", "a_1")
			must(t, err)
			change(&m)
			g.do(call{method: "PUT", path: "/v1/members/a_1", key: "admin",
				body: fmt.Sprintf(`{"name":"x","role":%q,"status":%q,"version":%d}`, m.Role, m.Status, m.Version)}).want(200)
			for id, want := range map[string]audit.ExportStatus{lost.ID: audit.ExportRevoked, running.ID: audit.ExportRevoked, others.ID: audit.ExportReady} {
				if now, err := g.store.Export(t.Context(), "acme", id); err != nil || now.Status != want {
					t.Errorf("the export is %s, %v; want %s", now.Status, err, want)
				}
			}
		})
	}
}

func TestWhoKeepsTheSightKeepsTheFile(t *testing.T) {
	g := newRig(t)
	_, logins := g.readyExport("member", `{}`, 3)
	_, operations := g.readyExport("admin", `{"log":["operation"]}`, 3)
	g.changeMember("m_1", func(m *audit.Member) { m.Role = audit.RoleSystemAdmin })
	g.changeMember("s_1", func(m *audit.Member) { m.Role = audit.RoleContactAdmin })
	g.clock.Advance(authLife)
	g.do(call{method: "GET", path: logins, key: "member"}).want(200)
	g.do(call{method: "GET", path: operations, key: "admin"}).want(200)
}

func TestARevokedKeyDownloadsNothing(t *testing.T) {
	g := newRig(t)
	e, path := g.readyExport("contact", `{"log":["operation"]}`, 3)
	must(t, g.store.RevokeKey(t.Context(), "acme", g.keyIDs["contact"], g.clock.Now()))
	g.clock.Advance(authLife)
	g.do(call{method: "GET", path: path, key: "contact"}).want(401)
	if now, err := g.store.Export(t.Context(), "acme", e.ID); err != nil || now.Status != audit.ExportReady {
		t.Errorf("the export of a member who is still there is %s, %v", now.Status, err)
	}
}

// trickle gives a file in pieces, each when it is let.
type trickle struct {
	*fakeFiles
	let chan struct{}
}

type trickled struct {
	io.ReadCloser
	let chan struct{}
}

func (f trickle) Open(ctx context.Context, key string) (io.ReadCloser, int64, error) {
	content, size, err := f.fakeFiles.Open(ctx, key)
	return trickled{content, f.let}, size, err
}

func (f trickled) Read(p []byte) (int, error) {
	<-f.let
	return f.ReadCloser.Read(p[:min(len(p), 1<<12)])
}

func TestADownloadUnderWayEndsWithTheRight(t *testing.T) {
	for name, end := range map[string]func(*rig){
		"the key is revoked": func(g *rig) {
			must(g.t, g.store.RevokeKey(g.t.Context(), "acme", g.keyIDs["contact"], g.clock.Now()))
		},
		"the role is lost": func(g *rig) { g.changeMember("a_1", demotions["demoted"]) },
	} {
		t.Run(name, func(t *testing.T) {
			let := make(chan struct{})
			g := newRig(t, func(cfg *Config) {
				cfg.Files, cfg.Limits.StreamInterval = trickle{cfg.Files.(*fakeFiles), let}, time.Microsecond
			})
			_, path := g.readyExport("contact", `{"log":["operation"]}`, 1<<20)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.base+path, nil)
			must(t, err)
			req.Header.Set("Authorization", "Bearer "+g.keys["contact"])
			done := make(chan error, 1)
			go func() {
				res, err := g.client.Do(req)
				if err == nil {
					_, err = io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
				done <- err
			}()
			let <- struct{}{}
			let <- struct{}{} // the first piece is on its way
			end(g)
			g.clock.Advance(authLife)
			for pieces := 0; ; pieces++ {
				select {
				case let <- struct{}{}:
				case err := <-done:
					if err == nil {
						t.Error("the whole file came")
					}
					t.Logf("cut after %d more pieces of 256: %v", pieces, err)
					return
				}
			}
		})
	}
}

func TestStreamsEndWithTheRoleWhereverItWasLost(t *testing.T) {
	if latest := authLife + (Limits{}).withDefaults().StreamInterval; latest > 4*time.Second {
		t.Errorf("a stream may go on for %s, and a look takes time", latest)
	}
	for name, change := range demotions {
		for _, path := range []string{"/v1/messages/stream", "/v1/events/stream"} {
			t.Run(name+" "+path, func(t *testing.T) {
				g := newRig(t)
				s := g.openStreamOf(path, "streamMessages", "contact", "")
				s.wait(": connected")
				g.changeMember("a_1", change)
				g.clock.Advance(authLife)
				s.ends()
			})
		}
	}
}

func TestAMessageNamesTheEventsThatItsReaderSeesNow(t *testing.T) {
	g := newRig(t)
	for _, test := range []bool{false, true} {
		must(t, g.store.AddMessage(t.Context(), audit.Message{ID: fmt.Sprint("digest-", test), Organization: "acme", Member: "a_1", Title: "3 events", Count: 3, Test: test, CreatedAt: today,
			Events: []audit.DigestEvent{{ID: "o", Time: today, Log: audit.LogOperation, Action: "a.b", Outcome: audit.OutcomeSuccess}, {ID: "p", Time: today, Log: audit.LogProduct, Action: "a.b", Outcome: audit.OutcomeSuccess}}}))
	}
	named := func(m audit.Message) (ids string) {
		for _, e := range m.Events {
			ids += e.ID
		}
		return ids
	}
	for _, step := range []struct {
		role audit.Role
		want string
	}{{audit.RoleContactAdmin, "o"}, {audit.RoleSystemAdmin, "op"}, {audit.RoleMember, ""}} {
		g.changeMember("a_1", func(m *audit.Member) { m.Role = step.role })
		g.clock.Advance(authLife)
		one := into[audit.Message](g.do(call{method: "GET", path: "/v1/messages/digest-false", key: "contact"}).want(200))
		if got := named(one); got != step.want || one.Count != 3 {
			t.Errorf("a %s reads of %q, of %d events", step.role, got, one.Count)
		}
		for _, m := range into[messagesAnswer](g.do(call{method: "GET", path: "/v1/messages", key: "contact"}).want(200)).Messages {
			if got := named(m); got != step.want && !m.Test || m.Test && got != "op" {
				t.Errorf("a %s lists %q of %s", step.role, got, m.ID)
			}
		}
	}
}
