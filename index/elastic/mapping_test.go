package elastic

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/google/go-cmp/cmp"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/fulltext"
	"github.com/audittrail/audittrail/internal/sample"
)

// mapping returns the mapping of the write index as JSON.
func (tr *trail) mapping() string {
	tr.t.Helper()
	var text []byte
	tr.call(esapi.IndicesGetMappingRequest{Index: []string{tr.stream}}, &text)
	return string(text)
}

func TestAHundredThousandMetadataKeysDoNotMakeTheMappingGrow(t *testing.T) {
	const keys, each = 100_000, audit.MaxMetadata
	tr := newTrail(t)
	tr.appendDeadline = time.Minute // Elasticsearch is asked for much here, beside other tests
	tr.wantAppended(testEvents("before", 1), 1)
	before := tr.mapping()
	var events []*audit.Event
	for from := 0; from < keys; from += each {
		e := testEvent(fmt.Sprint("m", from), testNow)
		e.Metadata = map[string]string{}
		for i := range each {
			e.Metadata[fmt.Sprintf("team.%d/key-%d:x", (from+i)%7, from+i)] = fmt.Sprint("value", from+i)
		}
		if err := e.Validate(testNow); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	for batch := range slices.Chunk(events, 200) {
		tr.wantAppended(batch, len(batch))
	}
	if after := tr.mapping(); after != before {
		t.Errorf("the mapping has grown from %d bytes to %d", len(before), len(after))
	}
	last := events[len(events)-1]
	got, err := tr.Get(tr.bench.ctx, acme, last.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(last.Metadata, got.Metadata); diff != "" {
		t.Errorf("the metadata is not what was given (-want +got):\n%s", diff)
	}
	tr.wantStored(len(events) + 1)
}

func TestMetadataKeysOfEveryShapeComeBack(t *testing.T) {
	tr := newTrail(t)
	e := testEvent("keys", testNow)
	e.Metadata = map[string]string{}
	for i, key := range []string{"a", "a.b", "a.b.c", "a..b", "A", "_", "_id", "_source", "a:b/c-d", "0", strings.Repeat("k", audit.MaxKeyBytes)} {
		e.Metadata[key] = strings.Repeat("v", i)
	}
	e.Metadata["long"] = strings.Repeat("long ", audit.MaxValueBytes/5)
	if err := e.Validate(testNow); err != nil {
		t.Fatal(err)
	}
	tr.wantAppended([]*audit.Event{e}, 1)
	got, err := tr.Get(tr.bench.ctx, acme, "keys")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e.Metadata, got.Metadata); diff != "" {
		t.Errorf("the metadata is not what was given (-want +got):\n%s", diff)
	}
}

// believable returns events as Windows recorded them, and made ones.
func believable(t *testing.T) []*audit.Event {
	t.Helper()
	data, err := os.ReadFile("../../audit/testdata/windows-events.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	var events []*audit.Event
	for _, line := range audit.SplitLines(data) {
		e, err := audit.DecodeEvent(line)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, &e)
	}
	if len(events) < 10 {
		t.Fatalf("there are %d real events", len(events))
	}
	for e := range sample.New(sample.Options{Count: 100, Clock: func() time.Time { return testNow }}).Events() {
		events = append(events, e)
	}
	return events
}

// analyzed returns the tokens that Elasticsearch makes of the texts, and where they are.
func (tr *trail) analyzed(request map[string]any) (tokens []string, positions []int) {
	tr.t.Helper()
	var answer struct {
		Tokens []struct {
			Token    string
			Position int
		}
	}
	var write string
	if list, err := tr.generations.read(tr.bench.ctx); err != nil {
		tr.t.Fatal(err)
	} else {
		write = list.write()
	}
	tr.call(esapi.IndicesAnalyzeRequest{Index: write, Body: bodyOf(request)}, &answer)
	for _, token := range answer.Tokens {
		tokens, positions = append(tokens, token.Token), append(positions, token.Position)
	}
	return tokens, positions
}

// TestElasticsearchKeepsOurTokensAsTheyAre compares, on real events, made ones and hostile text, what package fulltext makes of the values with what
// the field makes of what we send: the same tokens, next to each other within a value and far apart between two.
func TestElasticsearchKeepsOurTokensAsTheyAre(t *testing.T) {
	tr := newTrail(t)
	events := believable(t)
	for _, text := range []string{"Ａｌｉｃｅ ﬁne ½ ㎏ ŒUVRE", "行政 ひらがな カタカナ ｶﾅ 한국어", "ภาษาไทย ລາວ", "👩‍👩‍👧 🇩🇪 x\u2028y\u3000z\u00a0w\u1680v", strings.Repeat("x", 700), strings.Repeat("ẞ", 400)} {
		e := testEvent("hostile", testNow)
		e.Message, e.Actor.Name = text, text
		events = append(events, e)
	}
	for _, e := range events {
		var want, values []string
		var starts []int
		for _, v := range audit.SearchedText(e) {
			tokens := fulltext.AppendTokens(nil, v.Value)
			if len(tokens) == 0 {
				continue
			}
			starts = append(starts, len(want))
			var texts []string
			for _, token := range tokens {
				texts = append(texts, token.Text)
			}
			want, values = append(want, texts...), append(values, strings.Join(texts, " "))
		}
		got, positions := tr.analyzed(map[string]any{"field": "audit.search.text", "text": values})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("the tokens of %q differ (-ours +Elasticsearch's):\n%s", e.ID, diff)
		}
		for i := 1; i < len(positions); i++ {
			gap := positions[i] - positions[i-1]
			if begins := slices.Contains(starts, i); begins && gap < 100 || !begins && gap != 1 {
				t.Fatalf("token %d of %q stands %d behind the one before it", i, e.ID, gap)
			}
		}
	}
}

// TestPeopleWhoSearchInKibanaMeanNearlyTheSameWords compares the analyzer that queries of others get.
func TestPeopleWhoSearchInKibanaMeanNearlyTheSameWords(t *testing.T) {
	tr := newTrail(t)
	same, all := 0, 0
	for _, e := range believable(t) {
		var want []string
		for _, token := range fulltext.AppendTokens(nil, e.Message) {
			want = append(want, token.Text)
		}
		got, _ := tr.analyzed(map[string]any{"analyzer": "words", "text": e.Message})
		all++
		if slices.Equal(got, want) {
			same++
		}
	}
	if same*100 < all*85 {
		t.Errorf("%d of %d messages have the same words", same, all)
	}
}
