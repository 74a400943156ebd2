package indextest

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// filtered are the events that filterCases ask for, newest first.
func filtered() []*audit.Event {
	const day = 24 * time.Hour
	return []*audit.Event{
		event("f1", at(0), log(audit.LogLogin), action("login.succeeded"), address("10.0.0.1"), message("signed in")),
		event("f2", at(-1*time.Hour), log(audit.LogLogin), action("login.failed"), actor("u_2", ""), outcome(audit.OutcomeFailure), address("10.0.0.200")),
		event("f3", at(-2*time.Hour), address("192.168.1.1"), message("blue moon")),
		event("f4", at(-3*time.Hour), action("contacts.department.renamed"), actor("u_2", ""), outcome(audit.OutcomeFailure), address("2001:db8::1"), message("blue sky")),
		event("f5", at(-4*time.Hour), action("contacts_sync.started"), actor("u_11", ""), outcome(audit.OutcomeUnknown), address("2001:db8:1::1")),
		event("f6", at(-5*time.Hour), log(audit.LogProduct), action("crm.deal.closed"), message("blue deal")),
		event("f7", at(-31*day), actor("U_1", ""), address("10.0.1.1")),
		event("f8", at(-31*day-time.Millisecond), action("enterprise.product.enabled"), actor("u_3", ""), address("10.1.0.0"), message("blue")),
	}
}

func networks(texts ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range texts {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

type filterRow struct {
	query audit.Query
	want  []string
}

var filterCases = []testCase{
	{"filters by each field alone", func(s *suite) {
		s.store(acme, filtered()...)
		manyActors := []string{"u_3"}
		for i := range audit.MaxFilterValues - 1 {
			manyActors = append(manyActors, fmt.Sprint("nobody", i))
		}
		manyActions := []string{"enterprise.*"}
		for i := range audit.MaxFilterActions - 2 {
			manyActions = append(manyActions, fmt.Sprint("nothing.", i, ".done"))
		}
		manyActions = append(manyActions, "contacts.member.added")
		each(s, map[string]filterRow{
			"nothing asked finds everything":             {audit.Query{}, []string{"f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8"}},
			"one log":                                    {audit.Query{Logs: []audit.Log{audit.LogLogin}}, []string{"f1", "f2"}},
			"two logs":                                   {audit.Query{Logs: []audit.Log{audit.LogLogin, audit.LogProduct}}, []string{"f1", "f2", "f6"}},
			"a range is not the start of another":        {audit.Query{Ranges: []string{"contacts"}}, []string{"f3", "f4", "f7"}},
			"two ranges":                                 {audit.Query{Ranges: []string{"contacts_sync", "enterprise"}}, []string{"f5", "f8"}},
			"a range that nothing has":                   {audit.Query{Ranges: []string{"nothing"}}, nil},
			"an exact action":                            {audit.Query{Actions: []string{"contacts.member.added"}}, []string{"f3", "f7"}},
			"an exact action is not a prefix":            {audit.Query{Actions: []string{"contacts.member"}}, nil},
			"all actions of a range":                     {audit.Query{Actions: []string{"contacts.*"}}, []string{"f3", "f4", "f7"}},
			"all actions below two parts":                {audit.Query{Actions: []string{"contacts.member.*"}}, []string{"f3", "f7"}},
			"a pattern does not match its own name":      {audit.Query{Actions: []string{"contacts.member.added.*"}}, nil},
			"patterns and exact actions are alternative": {audit.Query{Actions: []string{"login.*", "crm.deal.closed"}}, []string{"f1", "f2", "f6"}},
			"an actor is compared exactly":               {audit.Query{Actors: []string{"u_1"}}, []string{"f1", "f3", "f6"}},
			"an actor in capitals is another":            {audit.Query{Actors: []string{"U_1"}}, []string{"f7"}},
			"two actors":                                 {audit.Query{Actors: []string{"u_3", "u_11"}}, []string{"f5", "f8"}},
			"a hundred actors":                           {audit.Query{Actors: manyActors}, []string{"f8"}},
			"two hundred actions":                        {audit.Query{Actions: manyActions}, []string{"f3", "f7", "f8"}},
			"one outcome":                                {audit.Query{Outcomes: []audit.Outcome{audit.OutcomeFailure}}, []string{"f2", "f4"}},
			"two outcomes":                               {audit.Query{Outcomes: []audit.Outcome{audit.OutcomeFailure, audit.OutcomeUnknown}}, []string{"f2", "f4", "f5"}},
			"an IPv4 address":                            {audit.Query{IPs: networks("10.0.0.1/32")}, []string{"f1"}},
			"an IPv4 network":                            {audit.Query{IPs: networks("10.0.0.0/24")}, []string{"f1", "f2"}},
			"an IPv4 network cut inside a byte":          {audit.Query{IPs: networks("10.0.0.128/25")}, []string{"f2"}},
			"a wide IPv4 network":                        {audit.Query{IPs: networks("10.0.0.0/8")}, []string{"f1", "f2", "f7", "f8"}},
			"every IPv4 address, and no other":           {audit.Query{IPs: networks("0.0.0.0/0")}, []string{"f1", "f2", "f3", "f7", "f8"}},
			"an IPv6 address":                            {audit.Query{IPs: networks("2001:db8::1/128")}, []string{"f4"}},
			"an IPv6 network":                            {audit.Query{IPs: networks("2001:db8::/47")}, []string{"f4", "f5"}},
			"a narrow IPv6 network":                      {audit.Query{IPs: networks("2001:db8::/48")}, []string{"f4"}},
			"every IPv6 address, and no other":           {audit.Query{IPs: networks("::/0")}, []string{"f4", "f5"}},
			"an IPv4 and an IPv6 network":                {audit.Query{IPs: networks("192.168.0.0/16", "2001:db8:1::/48")}, []string{"f3", "f5"}},
			"from is inclusive":                          {audit.Query{From: at(-2 * time.Hour)}, []string{"f1", "f2", "f3"}},
			"to is exclusive":                            {audit.Query{To: at(-4 * time.Hour)}, []string{"f6", "f7", "f8"}},
			"from and to are half open":                  {audit.Query{From: at(-2 * time.Hour), To: at(0)}, []string{"f2", "f3"}},
			"times count to the millisecond":             {audit.Query{From: at(-31*24*time.Hour - time.Millisecond), To: at(-31 * 24 * time.Hour)}, []string{"f8"}},
			"from across a change of months":             {audit.Query{From: at(-31 * 24 * time.Hour)}, []string{"f1", "f2", "f3", "f4", "f5", "f6", "f7"}},
			"from long before the horizon":               {audit.Query{From: at(-10 * 365 * 24 * time.Hour)}, []string{"f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8"}},
			"to long before the horizon":                 {audit.Query{To: at(-10 * 365 * 24 * time.Hour)}, nil},
			"from in the future":                         {audit.Query{From: at(time.Hour)}, nil},
		}, func(s *suite, row filterRow) { s.expect(acme, row.query, row.want...) })
	}},
	{"filters by several fields at once", func(s *suite) {
		s.store(acme, filtered()...)
		each(s, map[string]filterRow{
			"log and range":       {audit.Query{Logs: []audit.Log{audit.LogOperation}, Ranges: []string{"contacts"}}, []string{"f3", "f4", "f7"}},
			"log and actor":       {audit.Query{Logs: []audit.Log{audit.LogLogin}, Actors: []string{"u_1"}}, []string{"f1"}},
			"action and outcome":  {audit.Query{Actions: []string{"contacts.*"}, Outcomes: []audit.Outcome{audit.OutcomeFailure}}, []string{"f4"}},
			"range and action":    {audit.Query{Ranges: []string{"contacts"}, Actions: []string{"login.*"}}, nil},
			"actor and address":   {audit.Query{Actors: []string{"u_1"}, IPs: networks("10.0.0.0/8", "192.168.0.0/16")}, []string{"f1", "f3"}},
			"address and time":    {audit.Query{IPs: networks("10.0.0.0/8"), To: at(-time.Minute)}, []string{"f2", "f7", "f8"}},
			"text and log":        {audit.Query{Text: "blue", Logs: []audit.Log{audit.LogOperation}}, []string{"f3", "f4", "f8"}},
			"text and action":     {audit.Query{Text: "blue", Actions: []string{"contacts.*"}}, []string{"f3", "f4"}},
			"text and actor":      {audit.Query{Text: "blue", Actors: []string{"u_1", "u_3"}}, []string{"f3", "f6", "f8"}},
			"text and address":    {audit.Query{Text: "blue", IPs: networks("0.0.0.0/0")}, []string{"f3", "f8"}},
			"text and time":       {audit.Query{Text: "blue", From: at(-3 * time.Hour)}, []string{"f3", "f4"}},
			"negated text":        {audit.Query{Text: "-blue", Logs: []audit.Log{audit.LogOperation}}, []string{"f5", "f7"}},
			"a qualifier as well": {audit.Query{Text: "outcome:failure", Actors: []string{"u_2"}, IPs: networks("::/0")}, []string{"f4"}},
			"every filter": {audit.Query{Logs: []audit.Log{audit.LogOperation}, Ranges: []string{"contacts"}, Actions: []string{"contacts.member.*"}, Actors: []string{"u_1"},
				Outcomes: []audit.Outcome{audit.OutcomeSuccess}, IPs: networks("192.168.0.0/16"), From: at(-3 * time.Hour), To: at(0), Text: `"blue moon"`}, []string{"f3"}},
		}, func(s *suite, row filterRow) { s.expect(acme, row.query, row.want...) })
	}},
}
