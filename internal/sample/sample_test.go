package sample

import (
	"net/netip"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/audittrail/audittrail/audit"
	"github.com/nyaruka/phonenumbers"
)

var testEnd = time.Date(2026, 11, 20, 10, 30, 0, 0, time.UTC)

func testOptions() Options { return Options{Seed: 7, End: testEnd, Count: 60_000} }

func collect(e *Enterprise) []*audit.Event {
	events := make([]*audit.Event, 0, e.Count())
	for event := range e.Events() {
		events = append(events, event)
	}
	return events
}

func TestTheSameOptionsGiveTheSameEnterpriseAndEvents(t *testing.T) {
	first, second := New(testOptions()), New(testOptions())
	if !reflect.DeepEqual(first.Members, second.Members) {
		t.Error("the members differ")
	}
	a, b, again := collect(first), collect(second), collect(first)
	if !reflect.DeepEqual(a, b) || !reflect.DeepEqual(a, again) {
		t.Error("the events differ")
	}
	other := testOptions()
	other.Seed = 8
	if c := collect(New(other)); reflect.DeepEqual(a[0], c[0]) {
		t.Error("another seed gives the same first event")
	}
}

func TestEventsAreCountedOrderedUniqueAndWithinTheSpan(t *testing.T) {
	for name, opts := range map[string]Options{
		"six months":             testOptions(),
		"one event":              {End: testEnd, Count: 1},
		"a short span":           {End: testEnd, Span: 90 * time.Second, Count: 5000},
		"one week, ten members":  {End: testEnd, Span: 7 * 24 * time.Hour, Count: 9000, Members: 10},
		"start and end as given": {Start: testEnd.Add(-48 * time.Hour), End: testEnd, Count: 3000},
	} {
		t.Run(name, func(t *testing.T) {
			e := New(opts)
			ids, count := map[string]bool{}, 0
			last := e.Start()
			for event := range e.Events() {
				if event.Time.Before(last) || !event.Time.Before(e.End()) {
					t.Fatalf("event %d at %v, after one at %v, span %v to %v", count, event.Time, last, e.Start(), e.End())
				}
				last = event.Time
				ids[event.ID] = true
				count++
			}
			if count != opts.Count || len(ids) != count {
				t.Errorf("%d events with %d ids, want %d", count, len(ids), opts.Count)
			}
		})
	}
}

func TestTheDefaultSpanIsJustUnderSixMonthsAndEndsNow(t *testing.T) {
	now := time.Date(2026, 8, 31, 12, 0, 0, 123456789, time.UTC)
	e := New(Options{Clock: func() time.Time { return now }})
	if want := now.Truncate(time.Millisecond); !e.End().Equal(want) {
		t.Errorf("ends %v, want %v", e.End(), want)
	}
	horizon := audit.Horizon(now)
	if e.Start().Before(horizon) || e.Start().Sub(horizon) > 48*time.Hour {
		t.Errorf("starts %v, the horizon is %v", e.Start(), horizon)
	}
	if len(e.Members) != DefaultMembers || e.Count() != DefaultCount || e.Organization.ID != DefaultOrganization {
		t.Errorf("%d members, %d events of %q", len(e.Members), e.Count(), e.Organization.ID)
	}
}

func TestAReaderMayStopAtAnyEvent(t *testing.T) {
	e := New(Options{End: testEnd, Count: 4000})
	for stop := 1; stop < 4000; stop += 97 {
		seen := 0
		for range e.Events() {
			if seen++; seen == stop {
				break
			}
		}
		if seen != stop {
			t.Fatalf("stopped at %d, wanted to at %d", seen, stop)
		}
	}
}

func TestSharesActorsAndActionsAreThoseOfAnEnterprise(t *testing.T) {
	e := New(testOptions())
	logs, actions, actors, failed := map[audit.Log]int{}, map[string]int{}, map[string]int{}, 0
	for event := range e.Events() {
		logs[event.Log]++
		actions[event.Action]++
		actors[event.Actor.ID]++
		if event.Action == "login.failed" {
			failed++
		}
	}
	n := float64(e.Count())
	for log, want := range map[audit.Log]float64{audit.LogLogin: 0.60, audit.LogOperation: 0.27, audit.LogProduct: 0.13} {
		if share := float64(logs[log]) / n; share < want-0.03 || share > want+0.03 {
			t.Errorf("%s is %.3f of all, want %.2f", log, share, want)
		}
	}
	if len(actions) < 35 || len(actors) < 430 || failed < 2000 {
		t.Errorf("%d actions, %d actors, %d failed logins", len(actions), len(actors), failed)
	}
	top := 0
	for _, count := range actors {
		top = max(top, count)
	}
	if float64(top) < 8*n/float64(len(actors)) {
		t.Errorf("the busiest actor has %d of %d events: no skew", top, e.Count())
	}
}

func TestWorkIsDoneInWorkingHoursOfTheOffice(t *testing.T) {
	e := New(testOptions())
	berlin := e.offices[0].zone
	day, night, weekend, week := 0, 0, 0, 0
	for event := range e.Events() {
		if event.Source.Location.City != "Berlin" || event.Source.Platform == "vpn" {
			continue
		}
		local := event.Time.In(berlin)
		if d := local.Weekday(); d == time.Saturday || d == time.Sunday {
			weekend++
			continue
		}
		week++
		switch h := local.Hour(); {
		case h >= 9 && h < 17:
			day++
		case h < 6:
			night++
		}
	}
	if day < 20*night || float64(day) < 0.6*float64(week) {
		t.Errorf("%d by day, %d by night, %d in the week", day, night, week)
	}
	if weekend*8 > week || weekend == 0 {
		t.Errorf("%d at weekends, %d in the week", weekend, week)
	}
}

func TestPasswordGuessingAndImportsComeInBursts(t *testing.T) {
	e := New(testOptions())
	attacks, imports := map[string][]time.Time{}, map[string][]time.Time{}
	for event := range e.Events() {
		if event.Metadata["try"] != "" {
			key := event.Source.IP.String() + event.Time.Format("2006-01-02")
			attacks[key] = append(attacks[key], event.Time)
		}
		if id := event.Metadata["import"]; id != "" {
			imports[id] = append(imports[id], event.Time)
		}
	}
	if len(attacks) < 10 || len(imports) < 5 {
		t.Fatalf("%d attacks and %d imports", len(attacks), len(imports))
	}
	for id, times := range imports {
		if took := times[len(times)-1].Sub(times[0]); len(times) < 20 || took > 5*time.Minute {
			t.Errorf("import %s: %d members in %v", id, len(times), took)
		}
	}
}

func TestTheDirectoryHasEveryRoleStatusAndScript(t *testing.T) {
	e := New(testOptions())
	roles, statuses, mails := map[audit.Role]int{}, map[audit.MemberStatus]int{}, map[string]bool{}
	accents, cjk := 0, 0
	for _, member := range e.Members {
		roles[member.Role]++
		statuses[member.Status]++
		mails[member.Email] = true
		if len(member.Name) > utf8.RuneCountInString(member.Name) {
			accents++
		}
		if regexp.MustCompile(`[\p{Han}\p{Hangul}]`).MatchString(member.Name) {
			cjk++
		}
	}
	if roles[audit.RoleCreator] != 1 || roles[audit.RoleSystemAdmin] != 4 || roles[audit.RoleContactAdmin] != 12 {
		t.Errorf("roles: %v", roles)
	}
	if statuses[audit.MemberDeactivated] < 5 || statuses[audit.MemberDeleted] < 3 || statuses[audit.MemberActive] < 430 {
		t.Errorf("statuses: %v", statuses)
	}
	if len(mails) != len(e.Members) || accents < 100 || cjk < 30 {
		t.Errorf("%d addresses of %d members, %d names with accents, %d in Chinese, Japanese or Korean", len(mails), len(e.Members), accents, cjk)
	}
}

func TestNothingPointsAtRealPeopleOrMachines(t *testing.T) {
	e := New(testOptions())
	mail := regexp.MustCompile(`^[a-z]+\.[a-z]+[0-9]*@example\.(com|org)$`)
	phone := regexp.MustCompile(`^\+(1[0-9]{3}55501[0-9]{2}|44207946[0-9]{4}|493023125[0-9]{3}|331990[0-9]{5}|61491570(006|156|157))$`)
	for _, member := range e.Members {
		if !mail.MatchString(member.Email) {
			t.Errorf("address %q", member.Email)
		}
		if member.Phone == "" {
			continue
		}
		number, err := phonenumbers.Parse(member.Phone, "")
		if err != nil || !phonenumbers.IsValidNumber(number) || !phone.MatchString(member.Phone) {
			t.Errorf("phone %q: %v", member.Phone, err)
		}
	}
	var networks []netip.Prefix
	for _, cidr := range []string{"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"} {
		networks = append(networks, netip.MustParsePrefix(cidr))
	}
	for event := range e.Events() {
		documented := false
		for _, network := range networks {
			documented = documented || network.Contains(event.Source.IP)
		}
		if !documented {
			t.Fatalf("address %v of %s", event.Source.IP, event.Action)
		}
	}
}

func TestEveryEventMemberAndTheOrganizationAreValid(t *testing.T) {
	e := New(testOptions())
	if err := e.Organization.Validate(); err != nil {
		t.Error(err)
	}
	for _, member := range e.Members {
		if err := member.Validate(); err != nil {
			t.Errorf("%s: %v", member.ID, err)
		}
	}
	catalogue := map[string]audit.Log{}
	for _, info := range e.Organization.Catalogue() {
		catalogue[info.Action] = info.Log
	}
	seen, size := map[string]bool{}, 0
	for event := range e.Events() {
		if err := event.Validate(testEnd); err != nil {
			t.Fatalf("%s: %v", event.Action, err)
		}
		if catalogue[event.Action] != event.Log {
			t.Fatalf("%s is of the log %q, the catalogue says %q", event.Action, event.Log, catalogue[event.Action])
		}
		if (event.Product != "") != (event.Log == audit.LogProduct) {
			t.Fatalf("%s has the product %q", event.Action, event.Product)
		}
		seen[event.Action] = true
		data := event.AppendJSON(nil)
		size += len(data)
		if back, err := audit.DecodeEvent(data); err != nil || !reflect.DeepEqual(back, *event) {
			t.Fatalf("%s is not what a producer may send: %v", data, err)
		}
	}
	for action := range catalogue {
		if !seen[action] && audit.RangeOf(action) != audit.RangeAuditTrail {
			t.Errorf("no %s", action)
		}
	}
	if mean := size / e.Count(); mean < 450 || mean > 700 {
		t.Errorf("%d bytes an event, want 450 to 700", mean)
	} else {
		t.Logf("%d bytes an event", mean)
	}
}

func TestEverySentenceNamesItsActorAndReadsAsOne(t *testing.T) {
	for event := range New(testOptions()).Events() {
		if !strings.Contains(event.Message, event.Actor.Name) || strings.Contains(event.Message, "  ") || !utf8.ValidString(event.Message) {
			t.Fatalf("%s: %q", event.Action, event.Message)
		}
	}
}

func BenchmarkEvents(b *testing.B) {
	e := New(Options{End: testEnd, Count: max(b.N, 1)})
	b.ReportAllocs()
	for range e.Events() {
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
