package elastic

import (
	"strings"
	"testing"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

func TestSetupRefusesWhatIsInTheWay(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(b *bench, name string)
		want string
	}{
		{"an index", func(b *bench, name string) { b.call(esapi.IndicesCreateRequest{Index: name}, nil) }, "an index has the name"},
		{"an alias", func(b *bench, name string) {
			b.call(esapi.IndicesCreateRequest{Index: name + "-other", Body: strings.NewReader(`{"aliases":{"` + name + `":{}}}`)}, nil)
		}, "an alias has the name"},
		{"a template", func(b *bench, name string) {
			b.call(esapi.IndicesPutIndexTemplateRequest{Name: name, Body: strings.NewReader(`{"index_patterns":["` + name + `"],"priority":500}`)}, nil)
		}, "an index template of this name was not made by audittrail"},
		{"a data stream", func(b *bench, name string) {
			b.call(esapi.IndicesPutIndexTemplateRequest{Name: name, Body: strings.NewReader(`{"index_patterns":["` + name + `"],"priority":500,"data_stream":{}}`)}, nil)
			b.store("2026-11-20T00:00:00Z")
		}, "a data stream of this name was not made by audittrail"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			tt.make(b, eventsName(b.opts.Prefix))
			_, err := b.setup(small(t, 1))
			wantConflict(t, err, tt.want, "choose another elastic.prefix")
			findings, err := b.installer(small(t, 1)).check(b.ctx)
			if err != nil || len(findings) != 1 {
				t.Fatalf("check finds %v (%v), want one thing", findings, err)
			}
			if tt.name == "a template" {
				return
			}
			wantConflict(t, findings[0], tt.want)
		})
	}
}

func TestCheckSaysWhatIsMissingOrDifferent(t *testing.T) {
	b := newBench(t)
	finds := func(parts ...string) {
		t.Helper()
		findings, err := b.installer(small(t, 2)).check(b.ctx)
		if err != nil || len(findings) == 0 {
			t.Fatalf("check finds %v (%v), want %q", findings, err, parts)
		}
		wantConflict(t, findings[0], parts...)
	}
	finds("run `audittrail setup`", "missing: index template "+eventsName(b.opts.Prefix)+", data stream "+eventsName(b.opts.Prefix))
	b.mustSetup(small(t, 1))
	finds("an older version", "run `audittrail setup`", "_meta.version: is 1, should be 2")
	b.mustSetup(small(t, 2))
	if findings, err := b.installer(small(t, 2)).check(b.ctx); err != nil || len(findings) > 0 {
		t.Fatalf("check finds %v (%v), want nothing", findings, err)
	}
	changed := b.installer(small(t, 2)).want.template
	subtree(subtree(changed, "template"), "settings")["index.refresh_interval"] = "30s"
	b.call(esapi.IndicesPutIndexTemplateRequest{Name: eventsName(b.opts.Prefix), Body: bodyOf(changed)}, nil)
	finds("changed by hand", `template.settings.index.refresh_interval: is "30s", should not be set`)
	if got := actions(b.mustSetup(small(t, 2))); got != "index template: update" {
		t.Fatalf("setup does %q, want to put the template right", got)
	}
}
