package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/fulltext"
)

// row is an event made ready to be stored.
type row struct {
	index     int // in the call
	hash      [16]byte
	month     monthKey
	rowid     int64
	body      []byte
	text      documents
	kind      kind
	actor     actor
	ip        netip.Addr
	duplicate bool
	// received is the time of receipt, in ms since 1970, and commit the number of the commit: the batch's, but for imported rows.
	received, commit int64
}

// documents is the text of an event as it goes into the columns of fts.
type documents struct{ text, actor, target string }

// batch is what one Append stores. The work of the processor is done when it is made, before the writer's lock is taken.
type batch struct {
	rows   []row
	groups []group
	// imported rows keep when they were received, and have commits of their own.
	imported bool
	// first and stamp are the first and the last time of receipt, in ms since 1970; commit is the last number.
	first, stamp int64
	commit       int64
}

// group is the part of a batch that goes into one month, in the three orders in which it is written.
type group struct {
	key     monthKey
	arrival []*row
	byRow   []*row
	byHash  []*row
	// stored is the highest number of a commit that a row was stored with, 0 where none was.
	stored int64
}

// idHash returns what finds an event by its id.
func idHash(id string) [16]byte {
	sum := sha256.Sum256([]byte(id))
	return [16]byte(sum[:16])
}

// prepareAtOnce is how many events one goroutine prepares before it looks whether the caller is still there.
const prepareAtOnce = 128

func prepare(ctx context.Context, events []*audit.Event, imported, fullText bool) (*batch, error) {
	b := &batch{rows: make([]row, len(events)), imported: imported}
	if err := fillAll(ctx, b.rows, events, fullText); err != nil {
		return nil, err
	}
	b.arrange()
	return b, nil
}

// fillAll makes the rows of the events, on all processors where they are many.
func fillAll(ctx context.Context, rows []row, events []*audit.Event, fullText bool) error {
	if len(events) <= prepareAtOnce { // another goroutine would cost more than it takes off this one
		fill(rows, events, fullText)
		return nil
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	workers := make(semaphore, runtime.GOMAXPROCS(0))
	for from := 0; from < len(events); from += prepareAtOnce {
		if err := workers.acquire(ctx); err != nil {
			return err
		}
		wg.Go(func() {
			defer workers.release()
			to := min(from+prepareAtOnce, len(events))
			fill(rows[from:to], events[from:to], fullText)
		})
	}
	return nil
}

// tokenizers are kept: most calls make one event ready.
var tokenizers = sync.Pool{New: func() any { return new(tokenizer) }}

// fill makes the rows of the events.
func fill(rows []row, events []*audit.Event, fullText bool) {
	t := tokenizers.Get().(*tokenizer)
	defer tokenizers.Put(t)
	for i := range rows {
		rows[i].fill(events[i], fullText, t)
	}
}

// fill makes row from e. The body leaves out what the file knows: the organization, and when it was received.
func (r *row) fill(e *audit.Event, fullText bool, t *tokenizer) {
	stored := *e
	stored.Organization, stored.ReceivedAt = "", time.Time{}
	if stored.Outcome == "" {
		stored.Outcome = audit.OutcomeUnknown
	}
	r.received = e.ReceivedAt.UnixMilli()
	r.hash = idHash(e.ID)
	r.month = monthOf(e.Time)
	r.rowid = r.month.rowid(e.Time.Truncate(audit.TimePrecision), audit.Tie(e.ID))
	t.body = stored.AppendJSON(t.body[:0])
	r.body = bytes.Clone(t.body)
	r.kind = kind{log: e.Log, action: e.Action, outcome: stored.Outcome, platform: e.Source.Platform}
	r.actor = actor{id: e.Actor.ID, name: e.Actor.Name}
	r.ip = e.Source.IP
	if fullText {
		r.text = t.documents(e, r.kind)
	}
}

// prepared is what Prepare made of the events of one call: no rows where these are many.
type prepared struct {
	events []*audit.Event
	rows   []row
}

// Prepare does for AppendPrepared what of an Append costs processor time and needs neither the writer nor the other events of a commit. Whoever merges
// the events of several requests calls it for each of them beside the commit under way. Of many events it leaves that to AppendPrepared, which has all
// processors do it. The events must stay as they are until they are appended.
func (x *Index) Prepare(events []*audit.Event) any {
	p := &prepared{events: events}
	if len(events) <= prepareAtOnce {
		p.rows = make([]row, len(events))
		fill(p.rows, events, !x.options.DisableFullText)
	}
	return p
}

// AppendPrepared is Append of all events that the parts, which Prepare has made, were made of, in their order. The same parts may be given again.
func (x *Index) AppendPrepared(ctx context.Context, organization string, parts []any) ([]audit.AppendStatus, error) {
	var events []*audit.Event
	for _, part := range parts {
		events = append(events, part.(*prepared).events...)
	}
	return x.store(ctx, organization, events, func(limited context.Context) (*batch, error) {
		b := &batch{rows: make([]row, len(events))}
		at := 0
		for _, part := range parts {
			p := part.(*prepared)
			rows := b.rows[at : at+len(p.events)]
			if copy(rows, p.rows) < len(rows) {
				if err := fillAll(limited, rows, p.events, !x.options.DisableFullText); err != nil {
					return nil, err
				}
			}
			at += len(rows)
		}
		b.arrange()
		return b, nil
	})
}

// arrange marks what stands in the call twice and sorts the rest.
func (b *batch) arrange() {
	first := make(map[[16]byte]struct{}, len(b.rows))
	byMonth := map[monthKey]int{}
	for i := range b.rows {
		r := &b.rows[i]
		r.index = i
		if _, ok := first[r.hash]; ok && !b.imported {
			r.duplicate = true
			continue
		}
		first[r.hash] = struct{}{}
		g, ok := byMonth[r.month]
		if !ok {
			g = len(b.groups)
			byMonth[r.month] = g
			b.groups = append(b.groups, group{key: r.month})
		}
		b.groups[g].arrival = append(b.groups[g].arrival, r)
	}
	for i := range b.groups {
		g := &b.groups[i]
		g.byRow = slices.Clone(g.arrival)
		g.sortRows()
		g.byHash = slices.Clone(g.arrival)
		slices.SortFunc(g.byHash, func(a, b *row) int { return slices.Compare(a.hash[:], b.hash[:]) })
	}
}

func (g *group) sortRows() {
	slices.SortFunc(g.byRow, func(a, b *row) int {
		return cmp.Or(cmp.Compare(a.rowid, b.rowid), cmp.Compare(a.index, b.index))
	})
}

func (b *batch) statuses() []audit.AppendStatus {
	out := make([]audit.AppendStatus, len(b.rows))
	for i := range b.rows {
		out[i] = audit.StatusCreated
		if b.rows[i].duplicate {
			out[i] = audit.StatusDuplicate
		}
	}
	return out
}

// Tokens that no text contains, as package fulltext drops characters of private use. The gap stands between two values, so
// that a phrase never spans them; the others let a text query pass over rows of another log or outcome without visiting them, and
// together name every row.
const gapToken = "\uE000"

var logTokens = map[audit.Log]string{audit.LogLogin: "\uE001", audit.LogOperation: "\uE002", audit.LogProduct: "\uE003"}

var outcomeTokens = map[audit.Outcome]string{audit.OutcomeSuccess: "\uE004", audit.OutcomeFailure: "\uE005", audit.OutcomeUnknown: "\uE006"}

// tokenizer turns events into documents; it keeps its buffers, and that of bodies.
type tokenizer struct {
	tokens              []fulltext.Token
	text, actor, target []byte
	body                []byte
}

func (t *tokenizer) documents(e *audit.Event, k kind) documents {
	t.text = append(append(append(t.text[:0], logTokens[k.log]...), ' '), outcomeTokens[k.outcome]...)
	t.actor, t.target = t.actor[:0], t.target[:0]
	for _, v := range audit.SearchedText(e) {
		t.tokens = fulltext.AppendTokens(t.tokens[:0], v.Value)
		switch {
		case strings.HasPrefix(v.Field, "actor."):
			t.actor = appendValue(t.actor, t.tokens)
		case strings.HasPrefix(v.Field, "targets["):
			t.target = appendValue(t.target, t.tokens)
		default:
			t.text = appendValue(t.text, t.tokens)
		}
	}
	return documents{text: string(t.text), actor: string(t.actor), target: string(t.target)}
}

// appendValue adds the tokens of one value, behind a gap where it is not the first.
func appendValue(dst []byte, tokens []fulltext.Token) []byte {
	if len(tokens) > 0 && len(dst) > 0 {
		dst = append(append(dst, ' '), gapToken...)
	}
	for _, token := range tokens {
		if len(dst) > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, token.Text...)
	}
	return dst
}
