package api

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// madeKey is the answer to who makes or rotates a key.
type madeKey struct {
	audit.Key
	Secret   string     `json:"secret"`
	Previous *audit.Key `json:"previous"`
}

func (g *rig) makeKey(body string, header map[string]string) *answer {
	g.t.Helper()
	return g.do(call{method: "POST", path: "/v1/keys", key: "admin", body: body, header: header})
}

// list returns the keys of acme by id, as the API lists them.
func (g *rig) list() map[string]audit.Key {
	g.t.Helper()
	byID := map[string]audit.Key{}
	for _, k := range into[struct{ Keys []audit.Key }](g.do(call{method: "GET", path: "/v1/keys", key: "admin"}).want(200)).Keys {
		byID[k.ID] = k
	}
	return byID
}

// works says what a request with the secret is answered.
func (g *rig) works(secret string, header map[string]string) int {
	g.t.Helper()
	g.keys["tried"] = secret
	return g.do(call{method: "GET", path: "/v1/organization", key: "tried", header: header}).status
}

func TestAKeyThatIsRotatedGoesOnUntilTheOverlapEnds(t *testing.T) {
	g := newRig(t)
	old := into[madeKey](g.makeKey(`{"name":"siem","scopes":["events:read"],"allowed_addresses":["127.0.0.0/8"],"expires_at":"2026-12-24T12:00:00Z"}`, nil).want(201))
	got := into[madeKey](g.do(call{method: "POST", path: "/v1/keys/" + old.ID + "/rotate", key: "admin", body: `{"overlap_seconds":3600}`}).want(201))
	if got.ID == old.ID || got.Secret == old.Secret || got.Name != "siem" || !slices.Equal(got.Scopes, old.Scopes) || got.Replaces != old.ID || !slices.Equal(got.AllowedAddresses, old.AllowedAddresses) ||
		!got.ExpiresAt.Equal(today.AddDate(0, 0, 30)) {
		t.Errorf("the new key is %+v", got)
	}
	if got.Previous == nil || !got.Previous.ExpiresAt.Equal(today.Add(time.Hour)) || got.Previous.ReplacedBy != got.ID {
		t.Errorf("the old key is %+v", got.Previous)
	}
	if listed := g.list()[old.ID]; !listed.ExpiresAt.Equal(today.Add(time.Hour)) || listed.ReplacedBy != got.ID {
		t.Errorf("the list has %+v", listed)
	}
	if a, b := g.works(old.Secret, nil), g.works(got.Secret, nil); a != 200 || b != 200 {
		t.Errorf("within the overlap the old key answers %d, the new one %d", a, b)
	}
	g.clock.Advance(time.Hour)
	if a, b := g.works(old.Secret, nil), g.works(got.Secret, nil); a != 401 || b != 200 {
		t.Errorf("after the overlap the old key answers %d, the new one %d", a, b)
	}
	if trail := g.trail("acme"); !slices.Contains(trail, audit.ActionKeyRotated+" success") {
		t.Errorf("recorded: %v", trail)
	}
	g.do(call{method: "POST", path: "/v1/keys/" + old.ID + "/rotate", key: "admin", body: `{}`}).want(409)
}

func TestWhoRotatesAKeyNeedsWhatItHasAndSaysForHowLong(t *testing.T) {
	g := newRig(t)
	rotate := func(by, id, body string) *answer {
		return g.do(call{method: "POST", path: "/v1/keys/" + id + "/rotate", key: by, body: body})
	}
	for _, seconds := range []string{"-1", "604801", "9223372036854775807"} {
		if got := rotate("admin", g.keyIDs["reader"], `{"overlap_seconds":`+seconds+`}`).want(422).fields(); !slices.Equal(got, []string{"overlap_seconds"}) {
			t.Errorf("%s seconds: %v", seconds, got)
		}
	}
	rotate("admin", g.keyIDs["reader"], `{"expires_at":"2020-01-01T00:00:00Z","overlap_seconds":1.5}`).want(422)
	rotate("admin", g.keyIDs["creator"], `{}`).want(422) // a mightier member's
	rotate("admin", g.keyIDs["other"], `{}`).want(404)   // another organization's
	rotate("admin", "none", ``).want(404)
	must(t, g.store.RevokeKey(t.Context(), "acme", g.keyIDs["producer"], today))
	rotate("admin", g.keyIDs["producer"], `{}`).want(409)
	g.addKey("expired", audit.Key{Organization: "acme", Member: "s_1", Scopes: audit.Scopes(), ExpiresAt: today})
	rotate("admin", g.keyIDs["expired"], `{}`).want(409)
	day := into[madeKey](rotate("creator", g.keyIDs["reader"], ``).want(201))
	if !day.Previous.ExpiresAt.Equal(today.Add(24*time.Hour)) || !day.ExpiresAt.IsZero() {
		t.Errorf("without a body: %+v", day)
	}
	none := into[madeKey](rotate("creator", day.ID, `{"overlap_seconds":0}`).want(201))
	if got := g.works(day.Secret, nil); got != 401 || none.Replaces != day.ID {
		t.Errorf("without an overlap the old key answers %d", got)
	}
}

func TestAKeyIsRefusedFromAddressesThatItDoesNotAllow(t *testing.T) {
	g := newRig(t, func(cfg *Config) { cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	key := into[madeKey](g.makeKey(`{"name":"k","scopes":["events:read"],"allowed_addresses":["203.0.113.0/24","2001:db8::7"]}`, nil).want(201))
	from := func(address string) int { return g.works(key.Secret, map[string]string{"X-Forwarded-For": address}) }
	for address, want := range map[string]int{"203.0.113.9": 200, "198.51.100.1, 203.0.113.9": 200, "2001:db8::7": 200, "203.0.114.1": 403, "203.0.113.9, 198.51.100.1": 403, "2001:db8::8": 403} {
		if got := from(address); got != want {
			t.Errorf("from %s: %d, want %d", address, got, want)
		}
	}
	g.keys["tried"] = key.Secret
	detail := into[Problem](g.do(call{method: "GET", path: "/v1/organization", key: "tried"}).want(403)).Detail // from the proxy itself
	if !strings.Contains(detail, "127.0.0.1") {
		t.Errorf("the detail does not say the address: %s", detail)
	}
	refused := func() (n int) {
		for _, line := range g.trail("acme") {
			if line == audit.ActionKeyRefused+" failure" {
				n++
			}
		}
		return n
	}
	eventually(t, "the record of the refusals", func() bool { return refused() == 1 })
	g.clock.Advance(time.Minute)
	from("203.0.114.1")
	from("203.0.114.1")
	eventually(t, "the record a minute later", func() bool { return refused() == 2 })
	page, err := g.index.Search(t.Context(), "acme", audit.Search{Query: audit.Query{Actions: []string{audit.ActionKeyRefused}}, Limit: 10})
	must(t, err)
	e := page.Events[0]
	if e.Source.IP != netip.MustParseAddr("203.0.114.1") || e.Metadata["reason"] != "address not allowed" || e.Targets[0].ID != key.ID || e.Actor.Type != "system" || strings.Contains(e.Message, key.Secret) {
		t.Errorf("the record is %+v", e)
	}
}

func TestWithoutATrustedProxyNobodysWordAboutTheAddressIsTaken(t *testing.T) {
	g := newRig(t)
	key := into[madeKey](g.makeKey(`{"name":"k","scopes":["events:read"],"allowed_addresses":["203.0.113.0/24"]}`, nil).want(201))
	if got := g.works(key.Secret, map[string]string{"X-Forwarded-For": "203.0.113.9"}); got != 403 {
		t.Errorf("answered %d", got)
	}
}

func TestAScopeThatIsNoneIsToldWhichThereAre(t *testing.T) {
	g := newRig(t)
	const all = "events:write, events:read, exports, reminders, members, admin"
	for body, want := range map[string]string{`{"name":"k"}`: "is required: at least one of " + all, `{"name":"k","scopes":["all"]}`: `"all" is not a scope; known are ` + all} {
		if got := into[Problem](g.makeKey(body, nil).want(422)).Errors; len(got) != 1 || got[0].Message != want {
			t.Errorf("%s: %+v, want %q", body, got, want)
		}
	}
}

func TestAddressesOfAKeyThatAreWrongAreNamed(t *testing.T) {
	g := newRig(t)
	got := g.makeKey(`{"name":"k","scopes":["exports"],"allowed_addresses":["10.0.0.1/8","here"]}`, nil).want(422).fields()
	if !slices.Equal(got, []string{"allowed_addresses[0]", "allowed_addresses[1]"}) {
		t.Errorf("fields %v", got)
	}
	many := `["` + strings.Repeat(`10.0.0.1","`, 32) + `10.0.0.1"]`
	if got := g.makeKey(`{"name":"k","scopes":["exports"],"allowed_addresses":`+many+`}`, nil).want(422).fields(); !slices.Equal(got, []string{"allowed_addresses"}) {
		t.Errorf("33 of them: %v", got)
	}
}

func TestAKeyThatIsAskedForTwiceIsMadeOnceAndShownBothTimes(t *testing.T) {
	g := newRig(t)
	once := map[string]string{headerOnce: strings.Repeat("r", 32)}
	body := `{"name":"k","scopes":["exports"],"expires_at":"2027-01-01T00:00:00Z"}`
	first := into[madeKey](g.makeKey(body, once).want(201))
	g.clock.Advance(time.Minute)
	second := into[madeKey](g.makeKey(body, once).want(201))
	if first.ID != second.ID || first.Secret != second.Secret || g.works(second.Secret, nil) != 200 {
		t.Errorf("first %+v, second %+v", first, second)
	}
	if got := g.makeKey(`{"name":"other","scopes":["exports"]}`, once).want(422).fields(); !slices.Equal(got, []string{headerOnce}) {
		t.Errorf("another key: %v", got)
	}
	theirs := into[madeKey](g.do(call{method: "POST", path: "/v1/keys", key: "creator", body: body, header: once}).want(201))
	if theirs.ID == first.ID || theirs.Secret == first.Secret {
		t.Error("another member's request led to this one's key")
	}
	rotated := into[madeKey](g.do(call{method: "POST", path: "/v1/keys/" + first.ID + "/rotate", key: "admin", body: `{}`, header: once}).want(201))
	again := into[madeKey](g.do(call{method: "POST", path: "/v1/keys/" + first.ID + "/rotate", key: "admin", body: `{}`, header: once}).want(201))
	if rotated.ID != again.ID || rotated.Secret != again.Secret || rotated.Secret == first.Secret || again.Previous == nil || again.Previous.ID != first.ID {
		t.Errorf("rotated %+v, again %+v", rotated, again)
	}
	g.clock.Advance(onceShown)
	g.makeKey(body, once).want(409)
	g.do(call{method: "POST", path: "/v1/keys/" + first.ID + "/rotate", key: "admin", body: `{}`, header: once}).want(201) // for another nine minutes
	if got := g.do(call{method: "POST", path: "/v1/keys", key: "admin", body: body, header: map[string]string{headerOnce: "guess"}}); got.status != http.StatusUnprocessableEntity {
		t.Errorf("a short one is answered %d", got.status)
	}
}

func TestAKeyThatIsAskedForTwiceAtTheSameTimeIsMadeOnce(t *testing.T) {
	g := newRig(t)
	secrets := make([]string, 8)
	var all sync.WaitGroup
	for i := range secrets {
		all.Go(func() {
			secrets[i] = into[madeKey](g.makeKey(`{"name":"twin","scopes":["exports"]}`, map[string]string{headerOnce: strings.Repeat("r", 40)}).want(201)).Secret
		})
	}
	all.Wait()
	made := 0
	for _, k := range g.list() {
		if k.Name == "twin" {
			made++
		}
	}
	if made != 1 || len(slices.Compact(secrets)) != 1 {
		t.Errorf("%d keys, secrets %v", made, secrets)
	}
}

func TestAKeyThatDoesNotWorkIsRecordedWhereItBelongs(t *testing.T) {
	g := newRig(t)
	must(t, g.store.RevokeKey(t.Context(), "acme", g.keyIDs["reader"], today))
	unknown, prefix, _ := audit.NewKeySecret()
	for range 3 {
		g.works(g.keys["reader"], nil)
		g.works(unknown, nil)
	}
	eventually(t, "the record", func() bool { return slices.Contains(g.trail("acme"), audit.ActionKeyRefused+" failure") })
	eventually(t, "the line of the log", func() bool { return strings.Contains(g.log.String(), prefix) })
	page, err := g.index.Search(t.Context(), "acme", audit.Search{Query: audit.Query{Actions: []string{audit.ActionKeyRefused}}, Limit: 10})
	must(t, err)
	if len(page.Events) != 1 || page.Events[0].Metadata["reason"] != "revoked" || page.Events[0].Outcome != audit.OutcomeFailure {
		t.Errorf("recorded %+v", page.Events)
	}
	if log := g.log.String(); strings.Count(log, "a key of nobody") != 1 || strings.Contains(log, unknown) || strings.Contains(log, g.keys["reader"]) {
		t.Errorf("the log: %s", log)
	}
	if trail := g.trail("other"); len(trail) > 0 {
		t.Errorf("the other organization has %v", trail)
	}
}
