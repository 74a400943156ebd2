package elastic

import (
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// clause is a condition in Elasticsearch's query language.
type clause map[string]any

func term(field string, value any) clause { return clause{"term": clause{field: value}} }

// terms is met by any of the values.
func terms[T any](field string, values []T) clause {
	if len(values) == 1 {
		return term(field, values[0]) // which Elasticsearch prepares faster than a list of one
	}
	return clause{"terms": clause{field: values}}
}

func beginsWith(field, prefix string) clause {
	return clause{"prefix": clause{field: clause{"value": prefix}}}
}

// from, before and upTo compare a field of times with milliseconds since 1970.
func from(field string, least int64) clause   { return bound(field, "gte", least) }
func before(field string, value int64) clause { return bound(field, "lt", value) }
func upTo(field string, most int64) clause    { return bound(field, "lte", most) }

func bound(field, how string, value int64) clause {
	return clause{"range": clause{field: clause{how: value, "format": "epoch_millis"}}}
}

func allOf(clauses []clause) clause {
	if len(clauses) == 1 {
		return clauses[0]
	}
	return clause{"bool": clause{"filter": clauses}}
}

func oneOf(clauses []clause) clause {
	if len(clauses) == 1 {
		return clauses[0]
	}
	return clause{"bool": clause{"should": clauses, "minimum_should_match": 1}}
}

func not(c clause) clause { return clause{"bool": clause{"must_not": []clause{c}}} }

// nothing is met by no event.
func nothing() clause { return clause{"match_none": clause{}} }

// phraseOf is met by the tokens next to each other in one value.
func phraseOf(field string, tokens []string) clause {
	if len(tokens) == 1 {
		return term(field, tokens[0])
	}
	return clause{"match_phrase": clause{field: clause{"query": strings.Join(tokens, " "), "analyzer": tokensAnalyzer}}}
}

// prefixOf is phraseOf where the last token may be continued. Behind other tokens its continuations are looked up one by one; where they are too
// many, Elasticsearch refuses the search (see tooMany), other than match_phrase_prefix, which would leave some out.
func prefixOf(field string, tokens []string) clause {
	last := len(tokens) - 1
	if last == 0 {
		return beginsWith(field, tokens[0])
	}
	return clause{"intervals": clause{field: clause{"all_of": clause{"ordered": true, "max_gaps": 0, "intervals": []clause{
		{"match": clause{"query": strings.Join(tokens[:last], " "), "ordered": true, "max_gaps": 0, "analyzer": tokensAnalyzer}},
		{"prefix": clause{"prefix": tokens[last], "analyzer": tokensAnalyzer}},
	}}}}}
}

// firstMilli is the first whole millisecond that is not before t. Times are stored in whole ones, so it stands for t in "from" and "before" alike.
// What lies outside the years that an event can be of is moved to their ends.
func firstMilli(t time.Time) int64 {
	ms := t.UnixMilli()
	if t.After(time.UnixMilli(ms)) {
		ms++
	}
	return min(max(ms, 0), lastMilli)
}

// lastMilli is the end of the year 9999.
var lastMilli = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli() - 1

// The fields that are searched, as the template names them.
const (
	fieldTime         = "@timestamp"
	fieldAction       = "event.action"
	fieldIngested     = "event.ingested"
	fieldOutcome      = "event.outcome"
	fieldOrganization = "organization.id"
	fieldActor        = "user.id"
	fieldActorName    = "user.name"
	fieldIP           = "source.ip"
	fieldLog          = "audit.log"
	fieldRange        = "audit.range"
	fieldPlatform     = "audit.platform"
	fieldTie          = "audit.tie"
	fieldKey          = "audit.key"
	fieldPlatformLow  = "audit.search.platform"

	// tokensAnalyzer splits at spaces and does nothing else.
	tokensAnalyzer = "tokens"
)

// searchedField is where the tokens are that a phrase looks at.
func searchedField(f audit.TextField) string {
	switch f {
	case audit.FieldActor:
		return "audit.search.actor"
	case audit.FieldTarget:
		return "audit.search.target"
	}
	return "audit.search.text"
}
