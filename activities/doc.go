// Package activities is everything with a side effect that the workflows ask for: reading and writing index, store and files, and
// sending. Each activity can be run again without harm, as Temporal does after a crash or a timeout: what it makes has an id
// that follows from its input, and what is final stays so.
//
// It decides nothing about order, waiting or retries; that is the workflows' part. It declares the few interfaces that it needs
// itself, in the words of package audit.
package activities

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/audittrail/audittrail/audit"
)

// namespace is what ids that follow from something else are made in.
var namespace = uuid.MustParse("5e1f3a52-7c0e-4d5b-9a57-0a6c2f1d8b44")

// derivedID returns the id that follows from the parts: the same at every attempt.
func derivedID(parts ...string) string {
	return uuid.NewSHA1(namespace, []byte(strings.Join(parts, "\x00"))).String()
}

// now is the clock's time as records hold it.
func now(clock func() time.Time) time.Time { return clock().UTC().Truncate(audit.TimePrecision) }

// ownEvent is an event that Audittrail records about itself. Its id follows from the action and what it was done to, so that an
// activity that is repeated does not record it twice.
func ownEvent(at time.Time, action string, target audit.Target, message string, metadata map[string]string) *audit.Event {
	return &audit.Event{
		ID:       derivedID(action, target.ID),
		Time:     at,
		Log:      audit.LogOperation,
		Action:   action,
		Outcome:  audit.OutcomeSuccess,
		Actor:    audit.Actor{ID: "audit_trail", Name: "Audittrail", Type: "system"},
		Targets:  []audit.Target{target},
		Message:  message,
		Metadata: metadata,
	}
}
