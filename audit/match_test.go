package audit

import (
	"net/netip"
	"testing"
	"time"
)

func TestAQueryMatchesAsASearchFinds(t *testing.T) {
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	e := &Event{Time: at, Log: LogOperation, Action: "contacts.member.added", Outcome: OutcomeSuccess, Actor: Actor{ID: "u_1"}, Source: Source{IP: netip.MustParseAddr("10.0.0.7")}}
	for name, tt := range map[string]struct {
		query Query
		want  bool
	}{
		"everything":                    {Query{}, true},
		"its log among others":          {Query{Logs: []Log{LogLogin, LogOperation}}, true},
		"another log":                   {Query{Logs: []Log{LogLogin}}, false},
		"its range":                     {Query{Ranges: []string{"contacts"}}, true},
		"the beginning of its range":    {Query{Ranges: []string{"contact"}}, false},
		"a pattern of actions":          {Query{Actions: []string{"login.*", "contacts.member.*"}}, true},
		"an action that it begins with": {Query{Actions: []string{"contacts.member"}}, false},
		"its actor in capitals":         {Query{Actors: []string{"U_1"}}, false},
		"another outcome":               {Query{Outcomes: []Outcome{OutcomeFailure}}, false},
		"its network":                   {Query{IPs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}}, true},
		"another network":               {Query{IPs: []netip.Prefix{netip.MustParsePrefix("::/0")}}, false},
		"from its time on":              {Query{From: at}, true},
		"up to its time":                {Query{To: at}, false},
		"all filters but one":           {Query{Logs: []Log{LogOperation}, Actors: []string{"u_1"}, From: at.Add(time.Millisecond)}, false},
		"the text is not looked at":     {Query{Text: "nothing of the kind"}, true},
	} {
		if got := tt.query.Matches(e); got != tt.want {
			t.Errorf("%s: matches %v", name, got)
		}
	}
	if (Query{IPs: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}).Matches(&Event{}) {
		t.Error("an event without an address is in a network")
	}
}

func TestAQueryNamesARange(t *testing.T) {
	for name, tt := range map[string]struct {
		query Query
		want  bool
	}{
		"nothing":                       {Query{}, false},
		"the log that it belongs to":    {Query{Logs: []Log{LogOperation}}, false},
		"as a range":                    {Query{Ranges: []string{"contacts", "audit_trail"}}, true},
		"by an action of it":            {Query{Actions: []string{ActionKeyCreated}}, true},
		"by all its actions":            {Query{Actions: []string{"audit_trail.*"}}, true},
		"by another range like it":      {Query{Ranges: []string{"audit_trails"}}, false},
		"in the text":                   {Query{Text: "alice contacts OR range:Audit_Trail"}, true},
		"by an action in the text":      {Query{Text: "action:audit_trail.key.*"}, true},
		"by the prefix of its actions":  {Query{Text: "action:audit_trail*"}, true},
		"excluded in the text":          {Query{Text: "alice -range:audit_trail"}, false},
		"as a word of the text":         {Query{Text: "audit_trail"}, false},
		"in text that cannot be parsed": {Query{Text: `"range:audit_trail`}, false},
	} {
		if got := tt.query.Names(RangeAuditTrail); got != tt.want {
			t.Errorf("%s: names %v", name, got)
		}
	}
}
