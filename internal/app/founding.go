package app

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// appender stores events durably; index.Appender says what it promises.
type appender interface {
	Append(ctx context.Context, organization string, events []*audit.Event) ([]audit.AppendStatus, error)
}

// organizations keeps tenants; store.Organizations says what it promises.
type organizations interface {
	Organization(ctx context.Context, id string) (audit.Organization, error)
	PutOrganization(ctx context.Context, org audit.Organization) (audit.Organization, error)
}

// founder appends events, and sees to it that the first of an organization says that it was created. Organizations are made on the records alone, whether the
// server runs or not, as the index of a data directory belongs to the server; so the record names an event that is still to be stored.
type founder struct {
	next    appender
	records organizations
	clock   func() time.Time
	logger  *slog.Logger

	mu sync.Mutex
	// known are organizations of which there is no such event, or no more.
	known map[string]bool
}

func newFounder(next appender, records organizations, clock func() time.Time, logger *slog.Logger) *founder {
	return &founder{next: next, records: records, clock: clock, logger: logger, known: make(map[string]bool)}
}

// Append is part of api.Ingester and activities.Appender.
func (f *founder) Append(ctx context.Context, organization string, events []*audit.Event) ([]audit.AppendStatus, error) {
	f.mu.Lock()
	known := f.known[organization]
	f.mu.Unlock()
	if !known {
		if err := f.found(ctx, organization); err != nil {
			return nil, err
		}
	}
	return f.next.Append(ctx, organization, events)
}

// found stores the event, and then notes that it did. A crash between the two, or another process, stores it again, which the index takes for the same.
func (f *founder) found(ctx context.Context, organization string) error {
	org, err := f.records.Organization(ctx, organization)
	if audit.CodeOf(err) == audit.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if org.CreationEvent == "" {
		f.note(organization)
		return nil
	}
	if !org.CreatedAt.Before(audit.Horizon(f.clock())) {
		if _, err := f.next.Append(ctx, organization, []*audit.Event{creationEvent(org)}); err != nil {
			return err
		}
	}
	org.CreationEvent = ""
	if _, err = f.records.PutOrganization(ctx, org); err == nil {
		f.note(organization)
	} else if audit.CodeOf(err) != audit.CodeConflict {
		f.logger.WarnContext(ctx, "that the creation of an organization is on record could not be noted: the next event tries again", "organization", organization, "error", err)
	}
	return nil
}

func (f *founder) note(organization string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.known) >= maxRemembered {
		clear(f.known)
	}
	f.known[organization] = true
}

func creationEvent(org audit.Organization) *audit.Event {
	return &audit.Event{
		ID: org.CreationEvent, Time: org.CreatedAt, Log: audit.LogOperation, Action: audit.ActionOrganizationCreated, Outcome: audit.OutcomeSuccess,
		Actor:   audit.Actor{ID: "audit_trail", Name: "Audittrail", Type: "system"},
		Targets: []audit.Target{{Type: "organization", ID: org.ID, Name: org.Name}},
		Message: "The organization " + org.Name + " was created on the server",
	}
}
