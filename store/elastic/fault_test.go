package elastic_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store/elastic"
)

func TestAnIndexThatWasDeletedIsUnavailableAndIsNotMadeAgain(t *testing.T) {
	p := newPlace(t)
	s := p.store()
	fill(t, s, "acme")
	p.call(esapi.IndicesDeleteRequest{Index: []string{p.index()}}, nil)
	for _, list := range []map[string]func(context.Context) error{calls(s, "acme"), reads(s, "acme")} {
		for name, call := range list {
			p.wantUnavailable(name, call(t.Context()), "`audittrail setup`")
		}
	}
	p.wantUnavailable("Ready", s.Ready(t.Context()), "`audittrail setup`")
	if p.exists(p.index()) || p.exists(p.alias()) {
		t.Error("a write made an index, with whatever mapping")
	}
	p.setup()
	for name, call := range calls(s, "acme") {
		if err := call(t.Context()); err != nil && audit.CodeOf(err) != audit.CodeNotFound {
			t.Errorf("%s after setup: %v", name, err)
		}
	}
}

func TestAnIndexWithoutItsAliasTakesNoWrites(t *testing.T) {
	p := newPlace(t)
	s := p.store()
	fill(t, s, "acme")
	p.call(esapi.IndicesDeleteAliasRequest{Index: []string{p.index()}, Name: []string{p.alias()}}, nil)
	for name, call := range calls(s, "acme") {
		p.wantUnavailable(name, call(t.Context()), "`audittrail setup`")
	}
	p.setup()
	if _, err := s.Organization(t.Context(), "acme"); err != nil {
		t.Errorf("with the alias again: %v", err)
	}
}

func TestAFullDiskRefusesWritesAndAnswersReads(t *testing.T) {
	p := newPlace(t)
	s := p.store()
	fill(t, s, "acme")
	p.block("index.blocks.read_only_allow_delete", true)
	for name, call := range calls(s, "acme") {
		if name == "DeleteReminder" {
			continue // by that block's name it is allowed; by the version of Elasticsearch it is not
		}
		p.wantUnavailable(name, call(t.Context()), "disk is over the flood stage")
	}
	p.wantUnavailable("Ready", s.Ready(t.Context()), "disk is over the flood stage")
	for name, call := range reads(s, "acme") {
		if err := call(t.Context()); err != nil && name != "MarkRead all" {
			t.Errorf("%s: %v", name, err)
		}
	}
	p.block("index.blocks.read_only_allow_delete", nil)
	for name, call := range calls(s, "acme") {
		if err := call(t.Context()); err != nil {
			t.Errorf("%s with room again: %v", name, err)
		}
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("Ready with room again: %v", err)
	}
}

func TestAProcessGoesOnWhenANewerVersionHasSetUp(t *testing.T) {
	p := newPlace(t)
	s := p.store()
	p.call(esapi.IndicesPutMappingRequest{Index: []string{p.index()}, Body: strings.NewReader(`{"_meta":{"managed_by":"audittrail","version":99}}`)}, nil)
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("Ready: %v", err)
	}
	fill(t, s, "acme")
	if _, err := elastic.Open(t.Context(), p.client, elastic.Options{Prefix: p.prefix}); audit.CodeOf(err) != audit.CodeInvalid {
		t.Errorf("one that starts: %v", err)
	}
}

// block sets or, with nil, takes away a block of the index.
func (p *place) block(name string, value any) {
	p.t.Helper()
	p.call(esapi.IndicesPutSettingsRequest{Index: []string{p.index()}, Body: body(p.t, map[string]any{name: value})}, nil)
}

func TestANodeThatIsDownIsUnavailableAndComesBack(t *testing.T) {
	p := newPlace(t)
	p.setup()
	between := newProxy(t)
	s := p.openBy(t, connect(t, between.address()))
	defer s.Close()
	fill(t, s, "acme")
	between.down.Store(true)
	for _, list := range []map[string]func(context.Context) error{calls(s, "acme"), reads(s, "acme")} {
		together(t, list, func(name string, err error) { p.wantUnavailable(name, err, "Elasticsearch does not answer") })
	}
	p.wantUnavailable("Ready", s.Ready(t.Context()), "Elasticsearch does not answer")
	between.down.Store(false)
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("Ready when it is back: %v", err)
	}
	for name, call := range calls(s, "acme") {
		if err := call(t.Context()); err != nil {
			t.Errorf("%s when it is back: %v", name, err)
		}
	}
}

func TestANodeThatAnswersTooLateDoesNotHoldACallForLongerThanItsContext(t *testing.T) {
	p := newPlace(t)
	p.setup()
	between := newProxy(t)
	s := p.openBy(t, connect(t, between.address()))
	fill(t, s, "acme")
	between.slow.Store(true)
	for _, list := range []map[string]func(context.Context) error{calls(s, "acme"), reads(s, "acme")} {
		for name, call := range list {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			began := time.Now()
			p.wantUnavailable(name, call(ctx), "in time")
			cancel()
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("%s took %v", name, took)
			}
		}
	}
	between.slow.Store(false)
	between.release()
	if _, err := s.Organization(t.Context(), "acme"); err != nil {
		t.Errorf("when it answers again: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestADocumentThatSomebodyChangedByHandIsAnErrorAndNotAPanic(t *testing.T) {
	p := newPlace(t)
	s := p.store()
	fill(t, s, "acme")
	for _, source := range []string{
		`{"kind":"organization","organization":"","id":"acme","body":"text"}`,
		`{"kind":"organization","organization":"","id":"acme","body":{"id":7}}`,
		`{"kind":"organization","organization":"","id":"acme","version":"x"}`,
		`{"kind":"organization","organization":"","id":"acme"}`,
	} {
		p.call(esapi.BulkRequest{Index: p.alias(), Body: strings.NewReader(`{"index":{"_id":"organization//acme"}}` + "\n" + source + "\n")}, nil)
		_, err := s.Organization(t.Context(), "acme")
		wantCode(t, "Organization of "+source, err, audit.CodeInternal)
		_, err = s.Organizations(t.Context())
		wantCode(t, "Organizations with "+source, err, audit.CodeInternal)
	}
}

func TestWithoutSetupNothingOpensAndNothingIsMade(t *testing.T) {
	p := newPlace(t)
	_, err := elastic.Open(t.Context(), p.client, elastic.Options{Prefix: p.prefix})
	p.wantUnavailable("Open", err, "run `audittrail setup`")
	if p.exists(p.alias()) {
		t.Error("Open made an index")
	}
}
