package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// A page of another site whose name leads here sends that name: nothing answers to it but what says nothing of anybody.
func TestARequestToAnotherNameIsRefusedOnEveryRoute(t *testing.T) {
	g := newRig(t, func(cfg *Config) { cfg.Hosts, cfg.OnlyHosts = []string{"audit.example.com"}, true })
	for _, e := range endpoints {
		path := strings.NewReplacer("{", "", "}", "").Replace(e.Path)
		response, body := g.dial().send("%s %s HTTP/1.1\r\nHost: evil.example\r\nAuthorization: Bearer %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
			e.Method, path, g.keys["admin"]).answer()
		if e.health {
			if response.StatusCode != http.StatusOK {
				t.Errorf("%s %s is answered %d", e.Method, path, response.StatusCode)
			}
			continue
		}
		if e.scim {
			if response.StatusCode != http.StatusMisdirectedRequest || !strings.Contains(body, "allowed_hosts") {
				t.Errorf("%s %s is answered %d %s", e.Method, path, response.StatusCode, body)
			}
			continue
		}
		var p Problem
		must(t, json.Unmarshal([]byte(body), &p))
		if response.StatusCode != http.StatusMisdirectedRequest || p.Type != "/problems/misdirected" || !strings.Contains(p.Detail, "allowed_hosts") {
			t.Errorf("%s %s is answered %d %s", e.Method, path, response.StatusCode, body)
		}
	}
	if got := g.trail("acme"); len(got) != 0 {
		t.Errorf("the requests did something: %v", got)
	}
}

func TestWhichNamesAreTheServers(t *testing.T) {
	g := newRig(t, func(cfg *Config) { cfg.Hosts, cfg.OnlyHosts = []string{"audit.example.com", "2001:db8::1"}, true })
	for host, want := range map[string]int{
		"audit.example.com": 401, "AUDIT.example.com:8443": 401, "audit.example.com.": 401, "localhost": 401, "localhost:1": 401, "127.0.0.1:99": 401,
		"127.9.9.9": 401, "[::1]:8080": 401, "[::1]": 401, "[2001:db8::1]:443": 401,
		"evil.example": 421, "audit.example.com.evil.example": 421, "localhost.evil.example": 421, "xaudit.example.com": 421, "10.0.0.5": 421,
		"[2001:db8::2]": 421, "": 400, "127.0.0.1.evil.example": 421, "0.0.0.0": 421, "2130706433": 421,
	} {
		response, body := g.dial().send("GET /v1/events HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host).answer()
		if response.StatusCode != want {
			t.Errorf("%q is answered %d, want %d: %s", host, response.StatusCode, want, body)
		}
	}
	g.dial().send("GET http://evil.example/v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").want(421)
	g.dial().send("GET http://localhost/v1/events HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").want(421)
}

func TestPagesAreOfTheServersNamesOnly(t *testing.T) {
	g := newRig(t, func(cfg *Config) { cfg.OnlyHosts = true })
	g.server.Mount(somePages{})
	for host, want := range map[string]int{"localhost": 200, "evil.example": 421} {
		g.dial().send("GET /members HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host).want(want)
	}
}

func TestEveryNameIsTakenWhereNoneIsKnown(t *testing.T) {
	g := newRig(t)
	g.dial().send("GET /v1/events HTTP/1.1\r\nHost: anything.example\r\nConnection: close\r\n\r\n").want(401)
}

// somePages answers every page.
type somePages struct{}

func (somePages) ServePage(ctx *fasthttp.RequestCtx) string { ctx.SetBodyString("a page"); return "/x" }
