package audit

import (
	"encoding/json"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

func query(t *testing.T, text string) Query {
	t.Helper()
	values, err := url.ParseQuery(text)
	if err != nil {
		t.Fatal(err)
	}
	q, err := ParseQuery(values)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

const fullQuery = "log=login&log=operation&range=contacts&action=contacts.*&action=login.failed&actor=WORKSTATION5%5Cwardog&outcome=failure" +
	"&ip=203.0.113.7&ip=10.1.2.3/8&ip=::ffff:192.168.0.0/112&ip=2001:db8::/32&from=2026-11-20&to=2026-11-21T01:00:00.1239%2B01:00&q=alice+OR+bob&limit=5&cursor=x"

func wantFullQuery() Query {
	return Query{
		Logs: []Log{LogLogin, LogOperation}, Ranges: []string{"contacts"}, Actions: []string{"contacts.*", "login.failed"},
		Actors: []string{`WORKSTATION5\wardog`}, Outcomes: []Outcome{OutcomeFailure},
		IPs: []netip.Prefix{netip.MustParsePrefix("203.0.113.7/32"), netip.MustParsePrefix("10.0.0.0/8"),
			netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("2001:db8::/32")},
		From: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 11, 21, 0, 0, 0, 123e6, time.UTC),
		Text: "alice OR bob",
	}
}

func TestParseQueryReadsEveryParameter(t *testing.T) {
	q := query(t, fullQuery)
	if want := wantFullQuery(); !reflect.DeepEqual(q, want) {
		t.Fatalf("got  %+v\nwant %+v", q, want)
	}
	if err := q.Validate(now); err != nil {
		t.Fatal(err)
	}
	again, err := ParseQuery(q.Values())
	if err != nil || !reflect.DeepEqual(again, q) {
		t.Fatalf("its parameters are read as %+v, %v", again, err)
	}
	var back Query
	text, err := json.Marshal(q)
	if err == nil {
		err = json.Unmarshal(text, &back)
	}
	if err != nil || !reflect.DeepEqual(back, q) {
		t.Fatalf("as JSON %s: %v", text, err)
	}
}

func TestParseQueryIgnoresEmptyValues(t *testing.T) {
	for _, text := range []string{"", "log=&range=&action=&actor=&outcome=&ip=&from=&to=&q=", "foo=bar&limit=x"} {
		if q := query(t, text); !reflect.DeepEqual(q, Query{}) {
			t.Errorf("%q: %+v", text, q)
		}
	}
	if got := (Query{}).Values().Encode(); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestParseQueryNamesEveryBadValue(t *testing.T) {
	tests := []struct{ name, in, field, part string }{
		{"another log", "log=system", "log", `"system" is not known: it must be login, operation or product`},
		{"another outcome", "outcome=ok", "outcome", "must be success, failure or unknown"},
		{"a range with a dot", "range=a.b", "range", "is not a range"},
		{"a long range", "range=" + strings.Repeat("a", 129), "range", "is not a range"},
		{"an action of one part", "action=login", "action", "is not an action"},
		{"a star in the middle", "action=a.*.b", "action", "is not an action"},
		{"only a star", "action=*", "action", "is not an action"},
		{"a star without a dot", "action=cont*", "action", "is not an action"},
		{"a long action", "action=" + strings.Repeat("a", 129) + ".*", "action", "is not an action"},
		{"a control character", "actor=a%00", "actor", "control character"},
		{"a long actor", "actor=" + strings.Repeat("a", 129), "actor", "at most 128"},
		{"not an address", "ip=10.0.0", "ip", "is not an IP address or network"},
		{"a long prefix", "ip=10.0.0.0/33", "ip", "is not an IP address or network"},
		{"a zone", "ip=fe80::1%25eth0", "ip", "is not an IP address or network"},
		{"not a time", "from=yesterday", "from", "RFC 3339"},
		{"a plus that became a space", "to=2026-11-20T00:00:00+01:00", "to", "must be written as %2B"},
		{"two times", "from=2026-11-20&from=2026-11-21", "from", "is given 2 times"},
		{"two texts", "q=a&q=b", "q", "is given 2 times"},
		{"an empty span", "from=2026-11-20&to=2026-11-20", "from", "must be before to"},
		{"an unbalanced quote", "q=%22a", "q", "no closing quote"},
		{"201 actions", strings.Repeat("action=a&", MaxFilterActions+1), "action", "has 201 entries; at most 200"},
		{"101 values", strings.Repeat("actor=a&", MaxFilterValues+1), "actor", "has 101 entries; at most 100"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			values, err := url.ParseQuery(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			_, err = ParseQuery(values)
			if got := fieldsOf(t, err, CodeInvalid); len(got) != 1 || !strings.Contains(got[tt.field], tt.part) {
				t.Fatalf("got %v, want %q on %s", err, tt.part, tt.field)
			}
		})
	}
	t.Run("all of them at once", func(t *testing.T) {
		_, err := ParseQuery(url.Values{"log": {"x", "y"}, "range": {"A"}, "action": {"*"}, "actor": {"\x00"}, "outcome": {"x"}, "ip": {"x", "1.1.1.1"}, "from": {"x"}, "to": {"x"}, "q": {"ip:x"}})
		wantFields(t, err, "log", "range", "action", "actor", "outcome", "ip", "from", "to", "q")
		if got := fieldsOf(t, err, CodeInvalid)["log"]; strings.Count(got, "\n") != 2 {
			t.Errorf("both logs should be named: %q", got)
		}
	})
	wantFields(t, Query{IPs: []netip.Prefix{{}}, Actors: []string{""}}.Validate(now), "ip", "actor")
}

func TestMatchAction(t *testing.T) {
	tests := []struct {
		pattern, action string
		want            bool
	}{
		{"contacts.member.added", "contacts.member.added", true},
		{"contacts.member", "contacts.member.added", false},
		{"contacts.*", "contacts.member.added", true},
		{"contacts.*", "contacts", false},
		{"contacts.*", "contacts_x.added", false},
		{"contacts.member.*", "contacts.member.added", true},
		{"contacts.member.*", "contacts.members.added", false},
		{"contacts*", "contacts.member.added", false},
		{"*", "contacts.member.added", false},
	}
	for _, tt := range tests {
		if got := MatchAction(tt.pattern, tt.action); got != tt.want {
			t.Errorf("%s on %s: %t", tt.pattern, tt.action, got)
		}
	}
}

func TestCursorsBelongToOneOrganizationAndQuery(t *testing.T) {
	q := wantFullQuery()
	p := Position{Time: time.Date(2026, 11, 20, 8, 15, 30, 123e6, time.UTC), Tie: 1<<31 - 1}
	cursor := EncodeCursor("acme", q, p)
	if got, err := DecodeCursor("acme", q, cursor); err != nil || got != p {
		t.Fatalf("got %+v, %v", got, err)
	}
	if url.QueryEscape(cursor) != cursor || len(cursor) > 40 {
		t.Errorf("%s is not compact", cursor)
	}
	reordered := q
	reordered.Actions = []string{"login.failed", "contacts.*", "login.failed"}
	if _, err := DecodeCursor("acme", reordered, cursor); err != nil {
		t.Errorf("the same filters in another order: %v", err)
	}
	if q.Actions[0] != "contacts.*" {
		t.Error("the query was changed")
	}
	_, err := DecodeCursor("other", q, cursor)
	wantFields(t, err, "cursor")
	for _, change := range []func(q *Query){
		func(q *Query) { q.Logs = nil }, func(q *Query) { q.Ranges = nil }, func(q *Query) { q.Actions = q.Actions[:1] },
		func(q *Query) { q.Actors = []string{"x"} }, func(q *Query) { q.Outcomes = nil }, func(q *Query) { q.IPs = nil },
		func(q *Query) { q.From = time.Time{} }, func(q *Query) { q.To = q.To.Add(time.Millisecond) }, func(q *Query) { q.Text = "alice" },
	} {
		other := q
		change(&other)
		_, err := DecodeCursor("acme", other, cursor)
		wantFields(t, err, "cursor")
	}
	for i := range cursor {
		altered := []byte(cursor)
		if altered[i]++; altered[i] == '{' || altered[i] == '[' || altered[i] == '`' {
			altered[i] = 'A'
		}
		_, err := DecodeCursor("acme", q, string(altered))
		wantFields(t, err, "cursor")
	}
	for _, text := range []string{"", "x", "!", cursor + "A", cursor[:len(cursor)-1], cursor + "=", cursor + "\n"} {
		_, err := DecodeCursor("acme", q, text)
		wantFields(t, err, "cursor")
	}
}

// FuzzParseQuery: nothing panics; what is accepted is valid and its parameters are read as the same query.
func FuzzParseQuery(f *testing.F) {
	for _, seed := range []string{"", fullQuery, "q=%22a&from=x", "ip=::ffff:1.2.3.4/95", "from=0000-01-01&to=9999-12-31T23:59:59.9999Z", "log=&log=login", "ip=::/0&ip=::ffff:0.0.0.0/96"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		values, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		q, err := ParseQuery(values)
		if err != nil {
			fieldsOf(t, err, CodeInvalid)
			return
		}
		if err := q.Validate(now); err != nil {
			t.Fatalf("%q: accepted and not valid: %v", text, err)
		}
		again, err := ParseQuery(q.Values())
		if err != nil || !reflect.DeepEqual(again, q) {
			t.Fatalf("%q is %+v, its parameters are read as %+v, %v", text, q, again, err)
		}
	})
}

// FuzzDecodeCursor: nothing panics, and what is accepted is what EncodeCursor makes.
func FuzzDecodeCursor(f *testing.F) {
	q := wantFullQuery()
	f.Add(EncodeCursor("acme", q, Position{Time: now, Tie: 7}))
	f.Add(EncodeCursor("acme", q, Position{}))
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, cursor string) {
		p, err := DecodeCursor("acme", q, cursor)
		if err != nil {
			wantFields(t, err, "cursor")
			return
		}
		if again := EncodeCursor("acme", q, p); again != cursor {
			t.Fatalf("%q is %+v, whose cursor is %q", cursor, p, again)
		}
	})
}
