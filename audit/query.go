package audit

import (
	"net/netip"
	"time"
)

// Limits of reading.
const (
	MaxPage           = 1000   // events a page, for callers of the API
	MaxScan           = 5000   // events a page, for exports and the tail
	DefaultPage       = 50     // events a page where none is asked for
	DefaultCountLimit = 10_000 // how far a page's total is counted where not said otherwise
	MaxFilterValues   = 100    // values of one filter but actions
	MaxFilterActions  = 200    // values of the filter of actions: as many as a reminder has, so that each is a query
	MaxTextBytes      = 2048   // of the text of a query
	MaxTextTerms      = 64     // words, phrases and qualifiers of one query
)

// Query says which events are meant. Values of one filter are alternatives; filters are all required.
// It is a plain value that can be kept and run again; Validate has to accept it before an engine sees it.
type Query struct {
	Logs []Log `json:"log,omitempty"`
	// Ranges are whole first parts of actions: "contacts".
	Ranges []string `json:"range,omitempty"`
	// Actions are exact, or end in ".*" and then mean everything below: "contacts.*", "contacts.member.*".
	Actions []string `json:"action,omitempty"`
	// Actors are ids, compared exactly.
	Actors   []string  `json:"actor,omitempty"`
	Outcomes []Outcome `json:"outcome,omitempty"`
	// IPs are addresses (as /32 or /128) or networks.
	IPs []netip.Prefix `json:"ip,omitempty"`
	// From is inclusive and To exclusive; zero means open. Both in UTC, to the millisecond.
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	// Text is in the text language; see ParseText. Empty means everything.
	Text string `json:"q,omitempty"`
}

// Search asks for one page of events, newest first.
type Search struct {
	Query
	// Limit is how many events at most: 1 to MaxScan.
	Limit int
	// After continues behind this position; nil begins with the newest.
	After *Position
	// ReceivedUntil leaves out what was committed after it; zero means no bound. With it a set of rows
	// does not move while it is read: an engine answers only once every commit stamped up to it is visible.
	ReceivedUntil time.Time
	// CountLimit is how far the total is counted: 0 not at all, CountAll exactly, n up to n.
	CountLimit int
}

// CountAll as a Search's CountLimit asks for the exact total.
const CountAll = -1

// Page is one page of events, newest first.
type Page struct {
	Events []Event
	// Next is the position behind the last event where more may follow, else nil.
	Next  *Position
	Total Total
}

// Total is how many events match. It does not change from page to page of one search but for events that arrive.
type Total struct {
	Value int64 `json:"value"`
	// Relation is "eq" (exactly Value) or "gte" (Value or more, as counting stopped there).
	Relation string `json:"relation"`
}

// The relations of a Total.
const (
	RelationEqual   = "eq"
	RelationAtLeast = "gte"
)

// Interval is the width of a histogram's bars, cut at the zone's own hours, days and Mondays.
type Interval string

// The intervals. IntervalAuto picks the finest that needs at most MaxBuckets bars.
const (
	IntervalAuto Interval = ""
	IntervalHour Interval = "hour"
	IntervalDay  Interval = "day"
	IntervalWeek Interval = "week"
)

// MaxBuckets is the greatest number of bars that IntervalAuto makes. An interval that is asked for by name and would
// need more than MaxBucketsAsked is refused.
const (
	MaxBuckets      = 200
	MaxBucketsAsked = 5000
)

// SummaryRequest asks for counts of a query.
type SummaryRequest struct {
	Query
	// Zone cuts the histogram; nil means UTC.
	Zone     *time.Location
	Interval Interval
	// Top is how many values of each facet are named: 1 to 100; the rest is counted in Other.
	Top int
}

// Summary counts what a query matches, exactly.
type Summary struct {
	Total int64
	// Interval is the one used, never IntervalAuto.
	Interval  Interval
	Histogram []Bucket
	Actions   Facet
	Ranges    Facet
	Actors    Facet
	Outcomes  Facet
	Platforms Facet
}

// Bucket is one bar: the events from Start to the next Start. Bars without events are there too, between the
// first and the last that has some.
type Bucket struct {
	Start    time.Time // in the zone of the request
	Count    int64
	Failures int64 // of Count, those whose outcome is failure
}

// Facet counts the values of one field: the most frequent first, equal ones by value.
type Facet struct {
	Values []FacetValue
	// Other counts the events whose value is not among Values.
	Other int64
}

// FacetValue is one value and how many events have it. Events without a value count under "".
type FacetValue struct {
	Value string
	// Label is the name to show where it differs from Value: an actor's most recent name.
	Label string
	Count int64
}

// AppendStatus says what became of one event.
type AppendStatus string

// What can become of an event.
const (
	StatusCreated   AppendStatus = "created"
	StatusDuplicate AppendStatus = "duplicate" // an event with its id is stored already; nothing was changed
	StatusRejected  AppendStatus = "rejected"  // not valid; only the API answers this
)

// TailPage is what arrived next, in the order of arrival.
type TailPage struct {
	Events []Event
	// Checkpoint stands behind the last event; opaque, kept by the reader. Never empty.
	Checkpoint string
	// More says that reading again at once will give more.
	More bool
}

// RetentionReport says what a retention run of an engine found and did.
type RetentionReport struct {
	Horizon time.Time `json:"horizon"`
	// Dropped names what was deleted: files or indices.
	Dropped []string `json:"dropped"`
	// FreedBytes is how much disk they held.
	FreedBytes int64 `json:"freed_bytes"`
	// Problems are findings that need a person: a changed policy, an index that is overdue.
	Problems []string `json:"problems"`
}
