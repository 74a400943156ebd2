package elastic_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store/elastic"
)

func body(t *testing.T, value any) *bytes.Reader {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(data)
}

func (p *place) plan(opts elastic.SetupOptions) []string {
	p.t.Helper()
	opts.Prefix = p.prefix
	plan, err := elastic.Setup(p.t.Context(), p.client, opts)
	if err != nil {
		p.t.Fatal(err)
	}
	lines := []string{}
	for _, c := range plan.Changes {
		line := c.String()
		for _, d := range c.Differences {
			line += "; " + d.String()
		}
		lines = append(lines, strings.ReplaceAll(line, p.prefix, "P"))
	}
	return lines
}

func wantLines(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestSetupMakesWhatIsMissingAndRepeatingItChangesNothing(t *testing.T) {
	p := newPlace(t)
	all := []string{"index template P-records: create", "index P-records-v1: create"}
	wantLines(t, "a dry run on an empty cluster", p.plan(elastic.SetupOptions{DryRun: true}), all...)
	if p.exists(p.index()) {
		t.Fatal("a dry run made the index")
	}
	wantLines(t, "on an empty cluster", p.plan(elastic.SetupOptions{}), all...)
	wantLines(t, "the second time", p.plan(elastic.SetupOptions{}))
	p.call(esapi.IndicesDeleteAliasRequest{Index: []string{p.index()}, Name: []string{p.alias()}}, nil)
	wantLines(t, "without the alias", p.plan(elastic.SetupOptions{}), "alias P-records: create")
	wantLines(t, "with a replica", p.plan(elastic.SetupOptions{Replicas: 1}),
		`index template P-records: update; settings.index.number_of_replicas: is "0", should be 1`,
		`index P-records-v1: change settings; settings.index.number_of_replicas: is "0", should be 1`)
	wantLines(t, "with a replica again", p.plan(elastic.SetupOptions{Replicas: 1}))
}

func TestTenProcessesMaySetUpAtOnce(t *testing.T) {
	p := newPlace(t)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if _, err := elastic.Setup(t.Context(), p.client, elastic.SetupOptions{Prefix: p.prefix}); err != nil {
				t.Errorf("setup: %v", err)
				return
			}
			s, err := elastic.Open(t.Context(), p.client, elastic.Options{Prefix: p.prefix})
			if err != nil {
				t.Errorf("open: %v", err)
				return
			}
			defer s.Close()
			if err := s.SaveCheckpoint(t.Context(), "acme", "c", "v"); err != nil {
				t.Errorf("write: %v", err)
			}
		})
	}
	wg.Wait()
	wantLines(t, "afterwards", p.plan(elastic.SetupOptions{}))
}

// make creates an index with a mapping by hand.
func (p *place) make(name string, mappings map[string]any, aliases ...string) {
	p.t.Helper()
	also := map[string]any{}
	for _, a := range aliases {
		also[a] = map[string]any{}
	}
	p.call(esapi.IndicesCreateRequest{Index: name, Body: body(p.t, map[string]any{
		"settings": map[string]any{"number_of_replicas": 0}, "mappings": mappings, "aliases": also})}, nil)
}

func ours(version int, properties map[string]any) map[string]any {
	return map[string]any{"dynamic": false, "_meta": map[string]any{"managed_by": "audittrail", "version": version}, "properties": properties}
}

func TestAnOlderIndexIsBroughtUpToDateAndKeepsItsRecords(t *testing.T) {
	p := newPlace(t)
	p.make(p.index(), ours(0, map[string]any{"kind": map[string]any{"type": "keyword"}, "id": map[string]any{"type": "keyword"}}), p.alias())
	_, err := elastic.Open(t.Context(), p.client, elastic.Options{Prefix: p.prefix})
	p.wantUnavailable("Open", err, "older version: run `audittrail setup`")
	lines := p.plan(elastic.SetupOptions{})
	if len(lines) != 2 || !strings.HasPrefix(lines[1], "index P-records-v1: add fields; mappings._meta.version: is 0, should be 3; mappings.properties.at: should be {\"type\":\"long\"}, is not set") {
		t.Errorf("the changes are %q", lines)
	}
	s := p.open(t)
	defer s.Close()
	fill(t, s, "acme")
	if n, err := s.Unread(t.Context(), "acme", "m"); n != 1 || err != nil {
		t.Errorf("%d messages, %v", n, err)
	}
}

func TestMembersOfBeforeDepartmentsWereIndexedAreFoundByThem(t *testing.T) {
	p := newPlace(t)
	p.setup()
	s := p.open(t)
	defer s.Close()
	for id, departments := range map[string][]string{"old": {"Sales"}, "older": {"Legal"}, "new": {"Sales"}, "none": nil} {
		if _, err := s.PutMember(t.Context(), audit.Member{ID: id, Organization: "acme", Departments: departments}); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"old", "older"} { // as an older version has written them
		p.call(esapi.UpdateRequest{Index: p.index(), DocumentID: "member%2Facme%2F" + id, Body: body(t, map[string]any{
			"script": map[string]any{"source": "ctx._source.remove('departments')"}})}, nil)
	}
	for range 2 {
		list, err := s.Members(t.Context(), "acme", audit.MemberFilter{Departments: []string{"Sales"}, Limit: 1, After: "n"})
		if n, countErr := s.CountMembers(t.Context(), "acme", audit.MemberFilter{Departments: []string{"Sales"}}); len(list) != 1 || n != 2 || err != nil || countErr != nil {
			t.Errorf("%d members of Sales, the first %+v, %v, %v", n, list, err, countErr)
		}
		old, err := s.Member(t.Context(), "acme", "old")
		if err == nil {
			_, err = s.PutMember(t.Context(), old) // which indexes it
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatSetupDoesNotKnowIsRefusedAndLeftAsItIs(t *testing.T) {
	keyword := map[string]any{"type": "keyword"}
	for name, c := range map[string]struct {
		prepare func(p *place)
		code    audit.Code
		says    string
	}{
		"an index of the alias's name": {func(p *place) { p.make(p.alias(), map[string]any{}) }, audit.CodeUnavailable, "an index has the name P-records"},
		"a foreign index behind the alias": {func(p *place) { p.make(p.index(), map[string]any{}, p.alias()) }, audit.CodeUnavailable,
			"P-records-v1 was not made by `audittrail setup`"},
		"a foreign index of the index's name": {func(p *place) { p.make(p.index(), map[string]any{}) }, audit.CodeUnavailable,
			"P-records-v1 was not made by `audittrail setup`"},
		"a newer version": {func(p *place) { p.make(p.index(), ours(99, map[string]any{"kind": keyword}), p.alias()) }, audit.CodeInvalid,
			"P-records-v1 is of version 99"},
		"a field of another kind": {func(p *place) {
			p.make(p.index(), ours(1, map[string]any{"kind": map[string]any{"type": "text"}}), p.alias())
		}, audit.CodeUnavailable, "the field kind of P-records-v1 is of another kind"},
		"a body that is indexed": {func(p *place) {
			p.make(p.index(), ours(1, map[string]any{"body": map[string]any{"type": "object"}}), p.alias())
		}, audit.CodeUnavailable, "the field body of P-records-v1 is of another kind"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			c.prepare(p)
			for _, dry := range []bool{true, false} {
				_, err := elastic.Setup(t.Context(), p.client, elastic.SetupOptions{Prefix: p.prefix, DryRun: dry})
				wantCode(t, "Setup", err, c.code)
				if err == nil || !strings.Contains(strings.ReplaceAll(fmt.Sprint(err), p.prefix, "P"), c.says) {
					t.Errorf("Setup: %v, want it to say %q", err, c.says)
				}
			}
			_, err := elastic.Open(t.Context(), p.client, elastic.Options{Prefix: p.prefix})
			if err == nil {
				t.Error("it was opened")
			}
		})
	}
}

func TestAnAliasOfTwoIndicesIsRefused(t *testing.T) {
	p := newPlace(t)
	p.make(p.index(), ours(1, map[string]any{}), p.alias())
	p.make(p.prefix+"-records-v2", ours(1, map[string]any{}), p.alias())
	_, err := elastic.Setup(t.Context(), p.client, elastic.SetupOptions{Prefix: p.prefix})
	if err == nil || !strings.Contains(err.Error(), "leads to more than one index") {
		t.Errorf("Setup: %v", err)
	}
}

func TestTemplatesOfOthersForManyIndicesDoNotGetIntoOurs(t *testing.T) {
	p := newPlace(t)
	wide := p.prefix + "-wide"
	p.call(esapi.IndicesPutIndexTemplateRequest{Name: wide, Body: body(t, map[string]any{"index_patterns": []string{p.prefix + "*"}, "priority": 400,
		"template": map[string]any{"mappings": map[string]any{"dynamic": true, "properties": map[string]any{"kind": map[string]any{"type": "text"}}}}})}, nil)
	s := p.store()
	fill(t, s, "acme")
	wantLines(t, "afterwards", p.plan(elastic.SetupOptions{}))
}

func TestATemplateOfAnotherOwnerIsRefused(t *testing.T) {
	p := newPlace(t)
	p.call(esapi.IndicesPutIndexTemplateRequest{Name: p.alias(), Body: body(t, map[string]any{"index_patterns": []string{p.prefix + "-x"}})}, nil)
	_, err := elastic.Setup(t.Context(), p.client, elastic.SetupOptions{Prefix: p.prefix})
	if err == nil || !strings.Contains(err.Error(), "index template") || !strings.Contains(err.Error(), "was not made by") {
		t.Errorf("Setup: %v", err)
	}
	if p.exists(p.index()) {
		t.Error("it made the index all the same")
	}
}
