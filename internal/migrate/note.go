package migrate

import (
	"context"
	"encoding/json"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// noteName is the checkpoint of the target that holds the note of an organization.
const noteName = "migrate"

// noteVersion is the form of the note.
const noteVersion = 1

// note is how far an organization has been moved.
type note struct {
	Version int `json:"version"`
	// Source is what the source is known by, Name what it was called.
	Source string `json:"source"`
	Name   string `json:"name"`
	// From is the source's checkpoint behind the last event that is in the target, and Behind the target's behind the same.
	From   string `json:"from"`
	Behind string `json:"behind"`
	// Events is how many were passed to the target, and Latest when the last of them was received.
	Events int64     `json:"events"`
	Latest time.Time `json:"latest,omitzero"`
	// Checkpoints are those of the source that are turned into the target's, by name.
	Checkpoints map[string]turned `json:"checkpoints,omitempty"`
	// Done is when all was there; zero: never yet.
	Done time.Time `json:"done,omitzero"`
}

// turned is a checkpoint of the source and the one of the target that has the same events behind it.
type turned struct {
	Source string `json:"source"`
	Target string `json:"target"`
}

// readNote returns the note of an organization; false where there is none.
func (m *mover) readNote(ctx context.Context, organization string) (note, bool, error) {
	text, err := try(ctx, m, func() (string, error) { return m.To.Records.Checkpoint(ctx, organization, noteName) })
	if err != nil || text == "" {
		return note{}, false, err
	}
	var n note
	if err := json.Unmarshal([]byte(text), &n); err != nil || n.Version != noteVersion {
		return n, false, audit.WithCause(audit.CodeInvalid, err,
			"how far %s was moved is noted in %s in a form that this program does not know: use the program that began it", organization, m.To.Name)
	}
	return n, true, nil
}

// saveNote writes the note. What it says has to be in the target by then.
func (m *mover) saveNote(ctx context.Context, o *moved) error {
	text, err := json.Marshal(o.note)
	if err != nil {
		return err
	}
	return m.do(ctx, func() error { return m.To.Records.SaveCheckpoint(ctx, o.id, noteName, string(text)) })
}
