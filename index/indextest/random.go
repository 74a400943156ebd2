package indextest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/audittrail/audittrail/audit"
)

// randomBudget bounds how long random sequences are tried; rapid's own number of checks bounds it too.
const randomBudget = 6 * time.Second

var randomCases = []testCase{
	{"answers random sequences of calls like the model", func(s *suite) {
		model, end, round := NewModel(s.clock.Now), time.Now().Add(randomBudget), 0
		rapid.Check(s.T, func(t *rapid.T) {
			if time.Now().After(end) {
				return
			}
			round++ // an organization of its own is as good as an empty engine, and faster
			r := &randomRun{suite: s, t: t, model: model, organization: fmt.Sprint("random-", round)}
			t.Repeat(map[string]func(*rapid.T){
				"append": r.append, "append more": r.append, "clock": r.moveClock, "reopen": r.restart, "retain": r.retain,
				"search": r.search, "search again": r.search, "summary": r.summary, "get": r.get, "tail": r.tail,
			})
		})
	}},
}

// randomRun makes the same calls on an engine and on the model.
type randomRun struct {
	*suite
	t            *rapid.T
	model        *Model
	organization string
	sent         []*audit.Event
	// checkpoints of the engine and of the model.
	checkpoint, modelCheckpoint string
}

// Small vocabularies, so that queries find something and times are often equal.
var (
	randomActions   = []string{"contacts.member.added", "contacts.member.removed", "contacts.department.added", "contacts_sync.started", "login.failed", "login.succeeded", "crm.deal.closed"}
	randomRanges    = []string{"contacts", "contacts_sync", "login", "crm"}
	randomPatterns  = append([]string{"contacts.*", "contacts.member.*", "login.*", "crm.deal.*"}, randomActions...)
	randomActors    = []audit.Actor{{ID: "u_1", Name: "Alice Smith"}, {ID: "u_1", Name: "Alice Jones"}, {ID: "u_1"}, {ID: "u_2", Name: "José Müller"}, {ID: "U_2", Name: "U_2"}, {ID: "山田", Name: "山田 太郎"}}
	randomAddresses = []string{"", "10.0.0.1", "10.0.0.2", "10.1.0.1", "2001:db8::1", "2001:db8:1::1"}
	randomNetworks  = []string{"10.0.0.1/32", "10.0.0.0/24", "10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "2001:db8::1/128", "::/0"}
	randomPlatforms = []string{"", "web", "Web", "iOS app"}
	randomWords     = []string{"added", "to", "sales", "Alice", "smith", "東京", "東", "京", "タワー", "résumé", "resume", "STRASSE", "Straße", "🚀", "ops-812", "a.b", "한국어", "x1", "X1"}
	randomTexts     = []string{"actor:alice", "actor:ali*", "actor:山田", "target:bob", `target:"bob lee"`, "action:contacts.*", "action:login.failed", "range:crm", "outcome:failure", "platform:web", "ip:10.0.0.0/8", "ip:2001:db8::1", "..."}
	randomZones     = []string{"UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"}
	randomSteps     = []time.Duration{0, time.Millisecond, time.Second, time.Hour, 25 * time.Hour, 6 * 24 * time.Hour}
	randomAges      = []time.Duration{-time.Minute, 0, time.Millisecond, time.Hour, 2 * time.Hour, 24 * time.Hour, 35 * 24 * time.Hour, 100 * 24 * time.Hour, 180 * 24 * time.Hour}
)

func pick[T any](t *rapid.T, name string, from []T) T { return rapid.SampledFrom(from).Draw(t, name) }

// some picks up to most values, often none.
func some[T any](t *rapid.T, name string, from []T, most int) []T {
	if rapid.IntRange(0, 3).Draw(t, "filter by "+name) != 0 {
		return nil
	}
	return rapid.SliceOfN(rapid.SampledFrom(from), 1, most).Draw(t, name)
}

func (r *randomRun) sentence(t *rapid.T) string {
	var text string
	for _, word := range rapid.SliceOfN(rapid.SampledFrom(randomWords), 0, 6).Draw(t, "words") {
		text += word + pick(t, "between", []string{" ", ", ", "."})
	}
	return text
}

// time is now or earlier by a round age, and never before the horizon.
func (r *randomRun) time(t *rapid.T) time.Time {
	now := r.clock.Now().Truncate(time.Hour)
	when := now.Add(-pick(t, "age", randomAges))
	if horizon := audit.Horizon(r.clock.Now()); when.Before(horizon) {
		return horizon
	}
	return when
}

func (r *randomRun) event(t *rapid.T) *audit.Event {
	if len(r.sent) > 0 && rapid.IntRange(0, 5).Draw(t, "again") == 0 {
		old := *pick(t, "event", r.sent)
		if r.clock.Now().Sub(old.ReceivedAt) < audit.DedupeWindow {
			old.Time = r.time(t)
			return &old
		}
	}
	e := event(fmt.Sprint("e", len(r.sent)), r.time(t), log(pick(t, "log", audit.Logs())), action(pick(t, "action", randomActions)),
		outcome(pick(t, "outcome", audit.Outcomes())), platform(pick(t, "platform", randomPlatforms)), message(r.sentence(t)))
	e.Actor = pick(t, "actor", randomActors)
	if ip := pick(t, "address", randomAddresses); ip != "" {
		address(ip)(e)
	}
	if rapid.Bool().Draw(t, "target") {
		target("u_3", pick(t, "name", []string{"Bob Lee", "Lee Bob", ""}))(e)
	}
	if rapid.Bool().Draw(t, "metadata") {
		e.Metadata = map[string]string{"a": r.sentence(t), "b": r.sentence(t)}
	}
	r.sent = append(r.sent, e)
	return e
}

func (r *randomRun) append(t *rapid.T) {
	batch := make([]*audit.Event, rapid.IntRange(1, 8).Draw(t, "events"))
	copies := make([]*audit.Event, len(batch))
	for i := range batch {
		batch[i] = r.event(t)
		c := clone(batch[i])
		copies[i] = &c
	}
	want, err := r.model.Append(r.Context(), r.organization, batch)
	if err != nil {
		t.Fatalf("the model's Append: %v", err)
	}
	got, err := r.ix.Append(r.Context(), r.organization, copies)
	r.factory.Visible(r.T, r.ix)
	r.compare(t, "Append", got, want, err, nil)
}

func (r *randomRun) moveClock(t *rapid.T) { r.clock.Advance(pick(t, "step", randomSteps)) }

func (r *randomRun) restart(t *rapid.T) {
	if rapid.IntRange(0, 4).Draw(t, "restart") == 0 {
		r.suite.reopen()
	}
}

func (r *randomRun) retain(t *rapid.T) {
	_, err := r.ix.Retain(r.Context())
	r.compare(t, "Retain", nil, nil, err, nil)
}

func (r *randomRun) query(t *rapid.T) audit.Query {
	q := audit.Query{Logs: some(t, "log", audit.Logs(), 2), Ranges: some(t, "range", randomRanges, 2), Actions: some(t, "action", randomPatterns, 3),
		Outcomes: some(t, "outcome", audit.Outcomes(), 2), IPs: networks(some(t, "network", randomNetworks, 2)...)}
	for _, a := range some(t, "actor", randomActors, 3) {
		q.Actors = append(q.Actors, a.ID)
	}
	if rapid.IntRange(0, 2).Draw(t, "from or to") == 0 {
		q.From, q.To = r.time(t), r.time(t)
		if !q.From.Before(q.To) {
			q.To = time.Time{}
		}
	}
	if rapid.Bool().Draw(t, "text") {
		q.Text = r.text(t)
	}
	return q
}

// text is a random text of the language.
func (r *randomRun) text(t *rapid.T) string {
	term := func() string {
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0:
			return pick(t, "qualifier", randomTexts)
		case 1:
			return `"` + pick(t, "word", randomWords) + " " + pick(t, "word", randomWords) + `"`
		case 2:
			word := []rune(pick(t, "word", randomWords))
			return string(word[:(len(word)+1)/2]) + "*"
		case 3:
			return pick(t, "before or after", []string{"before:", "after:"}) + r.time(t).Format(audit.TimeLayout)
		}
		return pick(t, "word", randomWords)
	}
	var text string
	for range rapid.IntRange(1, 4).Draw(t, "terms") {
		if text != "" {
			text += pick(t, "join", []string{" ", " OR "})
		}
		if rapid.IntRange(0, 3).Draw(t, "negated") == 0 {
			text += "-"
		}
		text += term()
	}
	return text
}

func (r *randomRun) search(t *rapid.T) {
	search := audit.Search{Query: r.query(t), Limit: pick(t, "limit", []int{1, 2, 3, 7, 50, audit.MaxScan}), CountLimit: pick(t, "count", []int{0, audit.CountAll, 1, 4, 100})}
	if rapid.IntRange(0, 3).Draw(t, "bounded") == 0 {
		search.ReceivedUntil = r.clock.Now().Add(-time.Minute - pick(t, "bound", randomSteps))
	}
	r.sameSearch(t, r.model, r.organization, search)
}

func (r *randomRun) summary(t *rapid.T) {
	request := audit.SummaryRequest{Query: r.query(t), Zone: r.zone(pick(t, "zone", randomZones)), Top: pick(t, "top", []int{1, 2, 100}),
		Interval: pick(t, "interval", []audit.Interval{audit.IntervalAuto, audit.IntervalHour, audit.IntervalDay, audit.IntervalWeek})}
	want, wantErr := r.model.Summary(r.Context(), r.organization, request)
	got, err := r.ix.Summary(r.Context(), r.organization, request)
	r.compare(t, fmt.Sprintf("Summary %+v", request), got, want, err, wantErr)
}

func (r *randomRun) get(t *rapid.T) {
	id := fmt.Sprint("e", rapid.IntRange(0, len(r.sent)).Draw(t, "id"))
	want, wantErr := r.model.Get(r.Context(), r.organization, id)
	got, err := r.ix.Get(r.Context(), r.organization, id)
	r.compare(t, "Get "+id, got, want, err, wantErr)
}

// tail reads on from the last checkpoint, or from the beginning. Events of one stamp may come in any order.
func (r *randomRun) tail(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "from the beginning") == 0 {
		r.checkpoint, r.modelCheckpoint = "", ""
	}
	limit := pick(t, "limit", []int{1, 3, 1000})
	got, checkpoint := r.tailEvents(r.organization, r.checkpoint, limit)
	onModel := *r.suite
	onModel.ix = r.model
	want, modelCheckpoint := onModel.tailEvents(r.organization, r.modelCheckpoint, limit)
	r.checkpoint, r.modelCheckpoint = checkpoint, modelCheckpoint
	if !slices.IsSortedFunc(got, func(a, b audit.Event) int { return a.ReceivedAt.Compare(b.ReceivedAt) }) {
		t.Fatalf("Tail returned stamps out of order: %v", idsOf(got))
	}
	byStamp := func(a, b audit.Event) int {
		return cmp.Or(a.ReceivedAt.Compare(b.ReceivedAt), cmp.Compare(a.ID, b.ID))
	}
	slices.SortFunc(got, byStamp)
	slices.SortFunc(want, byStamp)
	r.compare(t, "Tail", got, want, nil, nil)
}

// compare prints both answers where they differ.
func (r *randomRun) compare(t *rapid.T, call string, got, want any, err, wantErr error) {
	t.Helper()
	if audit.CodeOf(err) != audit.CodeOf(wantErr) {
		t.Fatalf("%s: %v, and the model says: %v", call, err, wantErr)
	}
	if diff := difference(got, want); err == nil && diff != "" {
		t.Fatalf("%s differs from the model's (-want +got):\n%s\ngot  %+v\nwant %+v", call, diff, got, want)
	}
}
