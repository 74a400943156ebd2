package sqlite

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/fulltext"
)

// Pending are the rows of the newest chunk that are neither in ids nor in fts yet, under tailRows of them. Commits of few events leave them, as each event
// by itself would write a page of ids, and each commit a piece of full text that has to be merged. Their bodies and facts are stored, so nothing is lost
// with the process. Readers look at them one by one, and write nothing; the writer keeps them in memory.

// pendingEvent is a pending row as readers see it.
type pendingEvent struct {
	row   int64
	event audit.Event
}

// readPending reads what is pending in the snapshot, once.
func (s *snapshot) readPending() error {
	if s.pendingRead {
		return nil
	}
	for _, h := range s.headers {
		if h.found >= h.n {
			continue
		}
		dict, err := s.dictionary(h)
		if err != nil {
			return err
		}
		cols, err := s.columns(h, dict)
		if err != nil {
			return err
		}
		for _, row := range cols.rows[h.found:] {
			e, err := s.event(row)
			if err != nil {
				return err
			}
			s.pending = append(s.pending, pendingEvent{row: row, event: e})
		}
	}
	s.pendingRead = true
	return nil
}

// pendingMatching returns the pending rows from lo to hi (exclusive) that meet the condition.
func (s *snapshot) pendingMatching(m *match, lo, hi int64) ([]int64, error) {
	if err := s.readPending(); err != nil {
		return nil, err
	}
	var rows []int64
	for i := range s.pending {
		if p := &s.pending[i]; p.row >= lo && p.row < hi && !s.month.index.options.DisableFullText && fulltext.Match(&p.event, m.node) {
			rows = append(rows, p.row)
		}
	}
	return rows, nil
}

// loadPending makes the rows again that wait in the newest chunk.
func (m *month) loadPending(h *handle) error {
	h.pending = map[[16]byte]*row{}
	tail := h.facts.tail
	s := &snapshot{conn: h.writer, month: m}
	t := tokenizers.Get().(*tokenizer)
	defer tokenizers.Put(t)
	for _, rowid := range tail.columns.rows[min(tail.found, tail.n()):] {
		e, err := s.event(rowid)
		if err != nil {
			return err
		}
		r := &row{}
		r.fill(&e, !m.index.options.DisableFullText, t)
		r.rowid = rowid // which may not be that of its tie
		h.pending[r.hash] = r
	}
	m.pending.Store(int64(len(h.pending)))
	return nil
}

// pendingRows returns what is pending, by hash.
func (h *handle) pendingRows() []*row {
	return slices.SortedFunc(maps.Values(h.pending), func(a, b *row) int { return slices.Compare(a.hash[:], b.hash[:]) })
}

// markDuplicates finds out which rows of the group the month holds already.
func (m *month) markDuplicates(ctx context.Context, h *handle, g *group) error {
	within := make(map[[16]byte]bool, len(g.byHash)) // imported rows may stand in the call twice
	for _, r := range g.byHash {
		if r.duplicate {
			continue
		}
		holds, err := m.holds(h, r)
		if err != nil {
			return err
		}
		r.duplicate = holds || within[r.hash]
		within[r.hash] = true
	}
	return ctx.Err()
}

// holds says whether the month has the id of r. It is ready.
func (m *month) holds(h *handle, r *row) (bool, error) {
	if m.seen != nil && !m.seen.perhaps(&r.hash) {
		return false, nil
	}
	if _, ok := h.pending[r.hash]; ok {
		return true, nil
	}
	n, err := h.writer.integer(noContext, "SELECT 1 FROM ids WHERE h=?", r.hash[:])
	return n == 1, err
}

// insertIDs puts rows into ids, in the order of its pages, and marks those whose id is there as duplicates.
func (h *handle) insertIDs(ctx context.Context, byHash []*row) error {
	for i, r := range byHash {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if r.duplicate {
			continue
		}
		n, err := h.writer.exec("INSERT OR IGNORE INTO ids VALUES(?,?)", r.hash[:], r.rowid)
		if err != nil {
			return err
		}
		r.duplicate = n == 0
	}
	return nil
}

// insertText puts rows, which are in ids, into fts, by rowid, which keeps its hash table in order. They are all that was pending, so nothing is afterwards.
func (m *month) insertText(ctx context.Context, h *handle, rows []*row) error {
	slices.SortFunc(rows, func(a, b *row) int { return cmp.Compare(a.rowid, b.rowid) })
	for i, r := range rows {
		if m.index.options.DisableFullText {
			break
		}
		if i%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if r.duplicate {
			continue
		}
		if _, err := h.writer.exec("INSERT INTO fts(rowid, text, actor, target) VALUES(?,?,?,?)", r.rowid, r.text.text, r.text.actor, r.text.target); err != nil {
			return err
		}
	}
	clear(h.pending)
	h.facts.tail.found = h.facts.tail.n()
	return nil
}

// settlePending puts what is pending into ids and fts, in a transaction of its own. It is called under the writer's lock.
func (m *month) settlePending(ctx context.Context, h *handle) error {
	if err := m.ready(h); err != nil {
		return err
	}
	if len(h.pending) == 0 {
		return nil
	}
	err := h.writer.transaction("BEGIN IMMEDIATE", func() error {
		rows := h.pendingRows()
		if err := h.insertIDs(ctx, rows); err != nil {
			return err
		}
		if err := m.insertText(ctx, h, rows); err != nil {
			return err
		}
		return h.facts.flush(h.writer, m.index.codec)
	})
	if err != nil {
		h.facts = nil
		return err
	}
	m.pending.Store(0)
	m.segments.Add(1)
	return nil
}
