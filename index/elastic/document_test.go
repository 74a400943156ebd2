package elastic

import (
	"encoding/json"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/audittrail/audittrail/audit"
)

// written returns the document of an event, as it is sent.
func written(t *testing.T, e *audit.Event, received time.Time) []byte {
	t.Helper()
	w := encoder{}
	id := idOf(acme, e.ID)
	w.document(acme, e, id.key, audit.Tie(e.ID), received)
	if !json.Valid(w.dst) || strings.Count(string(w.dst), "\n") != 1 || !strings.HasSuffix(string(w.dst), "\n") {
		t.Fatalf("the document of %q is not one line of JSON: %s", e.ID, w.dst)
	}
	return w.dst
}

func TestAnEventComesBackFromItsDocumentAsItWas(t *testing.T) {
	events := believable(t)
	full := testEvent("full", testNow)
	full.Product, full.Source = "crm", audit.Source{IP: netip.MustParseAddr("2001:db8::7"), Platform: "Web", UserAgent: "Mozilla/5.0",
		Location: audit.Location{Country: "DE", City: "Köln"}}
	full.Changes = []audit.Change{{Field: "role", Old: "member", New: "admin"}, {Field: "note", New: "行政"}, {Field: "owner", Old: "u_1"}, {Field: "none"}}
	full.Targets = append(full.Targets, audit.Target{Type: "group"}, audit.Target{Name: `"quoted" \ name`})
	bare := &audit.Event{ID: "bare", Time: testNow, Log: audit.LogLogin, Action: "contacts.member.added", Outcome: audit.OutcomeUnknown, Actor: audit.Actor{ID: "u_1"}}
	hostile := testEvent("hostile", testNow)
	hostile.Message = "\x00\x1f\"\\\n\t\u2028\U0010ffff</script>" + strings.Repeat("x", 700)
	hostile.Metadata = map[string]string{"a": "", "a.b": hostile.Message, "_source": "{}"}
	received := testNow.Add(time.Minute)
	for _, e := range append(events, full, bare, hostile) {
		d, err := readDocument(written(t, e, received))
		if err != nil {
			t.Fatal(err)
		}
		want := *e
		want.Organization, want.ReceivedAt = acme, received
		if diff := cmp.Diff(want, d.event(), cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("event %q is not what it was (-want +got):\n%s", e.ID, diff)
		}
	}
}

// TestADocumentHasOnlyFieldsOfTheMapping holds the two together: what is not mapped cannot be searched.
func TestADocumentHasOnlyFieldsOfTheMapping(t *testing.T) {
	d, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	mapped := map[string]bool{}
	var collect func(path string, properties map[string]any)
	collect = func(path string, properties map[string]any) {
		for name, field := range properties {
			inner, ok := field.(map[string]any)["properties"].(map[string]any)
			if ok {
				collect(path+name+".", inner)
				continue
			}
			mapped[path+name] = true
		}
	}
	collect("", subtree(d.mappings(), "properties"))
	e := testEvent("full", testNow)
	e.Log, e.Product = audit.LogLogin, "crm"
	e.Source = audit.Source{IP: netip.MustParseAddr("192.0.2.1"), Platform: "web", UserAgent: "x", Location: audit.Location{Country: "DE", City: "Köln"}}
	e.Changes = []audit.Change{{Field: "role", Old: "a", New: "b"}}
	var tree map[string]any
	if err := json.Unmarshal(written(t, e, testNow), &tree); err != nil {
		t.Fatal(err)
	}
	unused := maps.Clone(mapped)
	var check func(path string, tree map[string]any)
	check = func(path string, tree map[string]any) {
		for name, value := range tree {
			if list, ok := value.([]any); ok {
				value = list[0]
			}
			if delete(unused, path+name); mapped[path+name] {
				continue
			}
			if inner, ok := value.(map[string]any); ok {
				check(path+name+".", inner)
				continue
			}
			t.Errorf("the document has the field %s, and the mapping has not", path+name)
		}
	}
	check("", tree)
	for field := range unused {
		t.Errorf("the mapping has the field %s, and a full document has not", field)
	}
}
