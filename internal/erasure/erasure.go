// Package erasure is between the index and everybody who shows events: it puts pseudonyms in the place of erased members.
//
// The index keeps what it was given, unchanged and complete; who reads it for people reads it through a Reader. Only what moves events between engines, or
// verifies them, reads the index itself. What an event becomes says audit.Pseudonyms; this package knows whom it is about, and asks the store for those of one page
// at a time, never for all.
package erasure

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index"
)

// life is how long a Reader believes what it was told of the store: how late an erasure in one process is seen in another.
const life = 3 * time.Second

// maxKnown is how many members of an organization a Reader remembers, maxAsked how many it asks for at once, and maxOrganizations of how many organizations
// it keeps what has ended.
const (
	maxKnown         = 20_000
	maxAsked         = 1000
	maxOrganizations = 1000
)

// Records are what a Reader asks of the store.
type Records interface {
	Members(ctx context.Context, organization string, filter audit.MemberFilter) ([]audit.Member, error)
	Checkpoint(ctx context.Context, organization, name string) (string, error)
	SaveCheckpoint(ctx context.Context, organization, name, value string) error
}

// Events is what a Reader reads.
type Events interface {
	index.Reader
	index.Tailer
}

// Reader is an index as people may read it. It is safe for concurrent use.
type Reader struct {
	events  Events
	records Records
	clock   func() time.Time

	mu            sync.Mutex
	organizations map[string]*memory
}

var _ Events = (*Reader)(nil)

// memory is what is known of an organization, until it ends.
type memory struct {
	until time.Time
	// made says that somebody may have been erased.
	made bool
	// names are pseudonyms by member; "" of members who were not erased.
	names map[string]string
}

// NewReader returns a Reader of the events whose directory is in the records. A nil clock is the machine's.
func NewReader(events Events, records Records, clock func() time.Time) *Reader {
	if clock == nil {
		clock = time.Now
	}
	return &Reader{events: events, records: records, clock: clock, organizations: map[string]*memory{}}
}

// Mark notes in the store that the organization erases somebody. It has to return before anybody is.
func (r *Reader) Mark(ctx context.Context, organization string) error {
	err := r.records.SaveCheckpoint(ctx, organization, audit.ErasuresCheckpoint, audit.ErasuresMade)
	r.Forget(organization)
	return err
}

// Forget makes every later call ask the store anew about the organization.
func (r *Reader) Forget(organization string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.organizations, organization) // what is being asked meanwhile goes to the one that is gone
}

// memory returns what is known of the organization.
func (r *Reader) memory(ctx context.Context, organization string) (*memory, error) {
	r.mu.Lock()
	m, now := r.organizations[organization], r.clock()
	if m == nil || !now.Before(m.until) {
		if len(r.organizations) >= maxOrganizations {
			maps.DeleteFunc(r.organizations, func(_ string, m *memory) bool { return !now.Before(m.until) })
		}
		m = &memory{names: map[string]string{}}
		r.organizations[organization] = m
	}
	known := !m.until.IsZero()
	r.mu.Unlock()
	if known {
		return m, nil
	}
	mark, err := r.records.Checkpoint(ctx, organization, audit.ErasuresCheckpoint)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m.made, m.until = mark != "", now.Add(life)
	return m, nil
}

// Pseudonyms returns those of the ids that are of erased members. An organization that never erased anybody costs nothing, others one question for all of
// the ids that were not asked for lately.
func (r *Reader) Pseudonyms(ctx context.Context, organization string, ids []string) (*audit.Pseudonyms, error) {
	m, err := r.memory(ctx, organization)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	made := m.made
	names, unknown := map[string]string{}, []string(nil)
	if made {
		unknown = m.sort(ids, names)
	}
	r.mu.Unlock()
	if !made {
		return audit.NewPseudonyms(nil), nil
	}
	for len(unknown) > 0 {
		asked := unknown[:min(len(unknown), maxAsked)]
		unknown = unknown[len(asked):]
		members, err := r.records.Members(ctx, organization, audit.MemberFilter{IDs: asked, Limit: len(asked)})
		if err != nil {
			return nil, err
		}
		r.mu.Lock()
		m.learn(asked, members, names)
		r.mu.Unlock()
	}
	return audit.NewPseudonyms(names), nil
}

// sort puts the pseudonyms that are known into names, and returns the ids of which nothing is, each once.
func (m *memory) sort(ids []string, names map[string]string) (unknown []string) {
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if seen[id] || id == "" {
			continue
		}
		seen[id] = true
		if name, known := m.names[id]; !known {
			unknown = append(unknown, id)
		} else if name != "" {
			names[id] = name
		}
	}
	return unknown
}

// learn notes what was asked, and puts the pseudonyms into names.
func (m *memory) learn(asked []string, members []audit.Member, names map[string]string) {
	if len(m.names)+len(asked) > maxKnown {
		clear(m.names)
	}
	for _, id := range asked {
		m.names[id] = ""
	}
	for _, member := range members {
		if member.Erased() {
			m.names[member.ID], names[member.ID] = member.Name, member.Name
		}
	}
}
