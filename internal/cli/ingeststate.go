package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/client"
)

// saveEvery is how often the state is written; what was sent since then is sent again after a crash, as duplicates.
const saveEvery = time.Second

// ingestState is how far a file has been sent: everything up to Lines is stored or rejected. It is kept in a file beside, so that an
// interrupted run can go on, and removed when the file is through.
type ingestState struct {
	Hash       string         `json:"sha256"`
	Audience   string         `json:"audience"` // whom it is sent to: client.Audience
	Lines      int            `json:"lines"`
	Created    int            `json:"created"`
	Duplicates int            `json:"duplicates"`
	Rejected   int            `json:"rejected"`
	Shift      *time.Duration `json:"shift,omitempty"`

	path         string // "" where there is no file to go on with
	rejectedPath string

	mu       sync.Mutex
	began    time.Time
	saved    time.Time
	sentNow  int   // in this run
	offset   int64 // of the file, up to Lines
	next     int   // number of the batch that Lines waits for
	waiting  map[int]*settled
	rejected *os.File
	// complaint is what the user should be told.
	complaint string
}

// settled is a batch that is through.
type settled struct {
	lines, created, duplicates int
	offset                     int64
	rejects                    []reject
}

// reject is one line of the file of rejected lines.
type reject struct {
	Line   int                `json:"line"`
	Errors []audit.FieldError `json:"errors"`
	Event  string             `json:"event"`
}

// loadState begins or takes up the state of a file.
func loadState(in *input, audience string, restart bool) (*ingestState, error) {
	s := &ingestState{Hash: in.hash, Audience: audience, began: now(), waiting: make(map[int]*settled), rejectedPath: in.path + ".rejected.ndjson"}
	if in.path == "-" {
		s.rejectedPath = "stdin.rejected.ndjson"
	}
	if in.size >= 0 {
		s.path = in.path + ".ingest.json"
		data, err := os.ReadFile(s.path)
		found := &ingestState{}
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			return nil, err
		case json.Unmarshal(data, found) == nil && found.Hash == s.Hash && found.Audience == s.Audience && !restart:
			s.Lines, s.Created, s.Duplicates, s.Rejected, s.Shift = found.Lines, found.Created, found.Duplicates, found.Rejected, found.Shift
		}
	}
	if s.Lines == 0 {
		if err := os.Remove(s.rejectedPath); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	return s, nil
}

// done takes note of a batch. Batches may end in any order; Lines moves on when all before it are through.
func (s *ingestState) done(b *sendBatch, result client.IngestResult) error {
	last := b.records[len(b.records)-1]
	ended := &settled{lines: last.line, offset: last.offset, created: result.Created, duplicates: result.Duplicates}
	at := 0
	for i, r := range b.records {
		if at < len(b.sent) && b.sent[at] == i {
			if answer := result.Results[at]; answer.Status == audit.StatusRejected {
				ended.rejects = append(ended.rejects, reject{Line: r.line, Errors: answer.Errors, Event: string(r.data)})
			}
			at++
			continue
		}
		ended.rejects = append(ended.rejects, reject{Line: r.line, Errors: []audit.FieldError{
			{Message: fmt.Sprintf("is longer than %d bytes; at most %d are allowed", maxLine, audit.MaxEventBytes)}}})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[b.number] = ended
	s.sentNow += len(b.records)
	for {
		b, ok := s.waiting[s.next]
		if !ok {
			break
		}
		delete(s.waiting, s.next)
		s.next++
		if err := s.settle(b); err != nil {
			return err
		}
	}
	if now().Sub(s.saved) < saveEvery {
		return nil
	}
	return s.save()
}

// settle adds a batch all of whose predecessors are through. The mutex is held.
func (s *ingestState) settle(b *settled) error {
	if len(b.rejects) > 0 && s.rejected == nil {
		f, err := os.OpenFile(s.rejectedPath, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil { // the file may stand where nothing can be written
			s.rejectedPath = filepath.Base(s.rejectedPath)
			f, err = os.OpenFile(s.rejectedPath, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		}
		if err != nil {
			return fmt.Errorf("write rejected lines: %w", err)
		}
		s.rejected = f
	}
	for _, r := range b.rejects {
		if err := json.NewEncoder(s.rejected).Encode(r); err != nil {
			return fmt.Errorf("write rejected lines: %w", err)
		}
	}
	s.Lines, s.offset = b.lines, b.offset
	s.Created += b.created
	s.Duplicates += b.duplicates
	s.Rejected += len(b.rejects)
	return nil
}

// save replaces the file of the state. The mutex is held.
func (s *ingestState) save() error {
	s.saved = now()
	if s.path == "" || s.Lines == 0 {
		return nil
	}
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	err = os.WriteFile(s.path+".new", data, 0o600)
	if err == nil {
		err = os.Rename(s.path+".new", s.path)
	}
	if err != nil { // sending goes on: an interrupted run then begins at the start, which is harmless
		s.complaint = fmt.Sprintf("how far this came cannot be noted beside the file, so an interrupted run begins at its start: %v", err)
		s.path = ""
	}
	return nil
}

// complain returns what has to be said once.
func (s *ingestState) complain() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.complaint
	s.complaint = ""
	return text
}

// progress says how many events this run has sent, how far in the file that is, and how long it took.
func (s *ingestState) progress() (sent int, offset int64, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sentNow, s.offset, now().Sub(s.began)
}

// close keeps the state where the file is not through, and removes it where it is.
func (s *ingestState) close(keep bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	if s.rejected != nil {
		errs = append(errs, s.rejected.Close())
	}
	if keep {
		return errors.Join(append(errs, s.save())...)
	}
	if s.path != "" {
		if err := os.Remove(s.path); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
