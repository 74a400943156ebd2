package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"time"
)

// Log is the log that an event belongs to.
type Log string

// The three logs.
const (
	LogLogin     Log = "login"     // Login History
	LogOperation Log = "operation" // Operation Logs: actions that touch the enterprise
	LogProduct   Log = "product"   // Product Logs: actions that touch one product; never shown in Operation Logs
)

// Logs returns every log, in the order in which they are shown.
func Logs() []Log { return []Log{LogLogin, LogOperation, LogProduct} }

// Outcome says how an action ended.
type Outcome string

// The outcomes. An event that names none is stored with OutcomeUnknown.
const (
	OutcomeSuccess Outcome = "success"
	OutcomeFailure Outcome = "failure"
	OutcomeUnknown Outcome = "unknown"
)

// Outcomes returns every outcome.
func Outcomes() []Outcome { return []Outcome{OutcomeSuccess, OutcomeFailure, OutcomeUnknown} }

// Limits of an event and of a request.
const (
	MaxEventBytes    = 64 << 10                        // of one event's JSON
	MaxRequestEvents = 1000                            // events in one request
	MaxRequestBytes  = 8 << 20                         // of one request's body, decompressed
	MaxIDBytes       = 128                             // of an event's id, and of the ids of actors and targets
	MaxNameBytes     = 256                             // of names, types, platforms, places, products
	MaxActionBytes   = 128                             // of an action
	MaxMessageBytes  = 32 << 10                        // of a message
	MaxValueBytes    = 8 << 10                         // of a change's old or new value, of a metadata value, of a user agent
	MaxTargets       = 50                              // of one event
	MaxChanges       = 100                             // of one event
	MaxMetadata      = 64                              // keys of one event
	MaxKeyBytes      = 128                             // of a metadata key or a changed field's name
	MaxDepth         = 8                               // of nesting in an event's JSON
	MaxFuture        = 10 * time.Minute                // how far ahead of the server an event's time may be
	DedupeWindow     = 7 * 24 * time.Hour              // how long the same id is recognised as a duplicate, at least
	TimePrecision    = time.Millisecond                // times are cut to it when they are taken in
	RetentionMonths  = 6                               // calendar months that events are kept and shown
	TimeLayout       = "2006-01-02T15:04:05.000Z07:00" // how times are written
)

// Event is one thing that happened: a login, or an administrator's action. It is never changed once stored.
type Event struct {
	// ID is the producer's idempotency key, or a UUIDv7 that the server gave; unique in the organization.
	ID string
	// Organization is the tenant. The server sets it; it is not part of the ingest format.
	Organization string
	// Time is when it happened, in UTC, to the millisecond. The producer says it.
	Time time.Time
	// ReceivedAt is when the batch that holds it was committed, in UTC, to the millisecond. The engine sets it.
	ReceivedAt time.Time
	Log        Log
	// Action is dotted and past tense: "contacts.member.added". Its first part is the range.
	Action  string
	Product string
	Outcome Outcome
	Actor   Actor
	Targets []Target
	Source  Source
	Message string
	Changes []Change
	// Metadata holds what the producer adds; keys are unique.
	Metadata map[string]string
}

// Actor is who acted: the "Operator" of the page.
type Actor struct {
	ID   string
	Name string
	// Type is "member", "key", "system" or a word of the producer's own.
	Type string
}

// Target is what was acted on.
type Target struct {
	Type string
	ID   string
	Name string
}

// Source is where the action came from.
type Source struct {
	IP        netip.Addr // the zero Addr: not known
	Platform  string
	UserAgent string
	Location  Location
}

// Location is a place, as the producer or the GeoIP database knows it.
type Location struct {
	Country string // ISO 3166-1 alpha-2
	City    string
}

// Change is one field that the action changed. Old or New is empty where there was no value.
type Change struct {
	Field string
	Old   string
	New   string
}

// Range is the module that the action belongs to: its first dotted part.
func (e *Event) Range() string { return RangeOf(e.Action) }

// RangeOf returns the first dotted part of an action.
func RangeOf(action string) string {
	for i := range len(action) {
		if action[i] == '.' {
			return action[:i]
		}
	}
	return action
}

// Position is an event's place in the one order that every engine keeps: newest time first and, within
// one millisecond, by descending tie.
type Position struct {
	Time time.Time
	Tie  uint32
}

// TieBits is how many bits of a tie are used, so that an engine can pack time and tie into 63 bits.
const TieBits = 31

// Tie returns the tie of an event id: arbitrary, stable, and the same in every engine. The two events of an organization that
// share both millisecond and tie (one chance in two billion a pair) are told apart by the engine, which gives
// the later one the next free tie.
func Tie(id string) uint32 {
	sum := sha256.Sum256([]byte(id))
	return binary.BigEndian.Uint32(sum[:4]) >> 1
}
