package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/hex"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// bloomAfter is how many lookups in one month file pay for reading all its ids into a filter.
const bloomAfter = 20_000

// findElsewhere marks the events whose id was received in another month than theirs within the window. Their own month answers
// by itself when they are inserted.
func (o *organization) findElsewhere(ctx context.Context, b *batch) error {
	since := time.UnixMilli(b.stamp).Add(-audit.DedupeWindow).UnixMilli()
	for _, m := range o.all() {
		if m.lastReceived.Load() < since || (len(b.groups) == 1 && b.groups[0].key == m.key) {
			continue
		}
		if err := m.findDuplicates(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

func (m *month) findDuplicates(ctx context.Context, b *batch) error {
	h, err := m.enter(false)
	if err != nil {
		return err
	}
	defer m.leave()
	if err := m.ready(h); err != nil {
		return err
	}
	if m.seen == nil && m.lookups > bloomAfter {
		if err := m.buildBloom(ctx, h); err != nil {
			return err
		}
	}
	var suspects []*row
	for i := range b.groups {
		if b.groups[i].key == m.key {
			continue
		}
		for _, r := range b.groups[i].byHash {
			if !r.duplicate && (m.seen == nil || m.seen.perhaps(&r.hash)) {
				suspects = append(suspects, r)
			}
		}
	}
	if len(suspects) == 0 {
		return nil
	}
	m.lookups += len(suspects)
	// One transaction for all: each of its own would lock and unlock the file.
	return h.writer.transaction("BEGIN", func() error {
		for i, r := range suspects {
			if i%checkEvery == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			var err error
			if r.duplicate, err = m.holds(h, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// buildBloom reads all ids of the month. Where memory is short the month goes on without a filter.
func (m *month) buildBloom(ctx context.Context, h *handle) error {
	m.lookups = 0 // try again only after as many lookups
	seen := &bloom{budget: &m.index.bloomBudget}
	for hash := range h.pending {
		if !seen.add(&hash) {
			seen.release()
			return nil
		}
	}
	after, more := []byte{}, true
	for more {
		var text string
		err := h.writer.query(ctx, "SELECT group_concat(hex(h), '') FROM (SELECT h FROM ids WHERE h > ? ORDER BY h LIMIT 20000)", func(v []driver.Value) error {
			text, _ = v[0].(string)
			return nil
		}, after)
		if err != nil {
			seen.release()
			return err
		}
		more = text != ""
		for i := 0; i+32 <= len(text); i += 32 {
			var hash [16]byte
			if _, err := hex.Decode(hash[:], []byte(text[i:i+32])); err != nil {
				seen.release()
				return err
			}
			if !seen.add(&hash) {
				seen.release()
				return nil
			}
			after = hash[:]
		}
	}
	m.seen = seen
	return nil
}

// remember adds what has been committed to the filter.
func (m *month) remember(g *group) {
	if m.seen == nil {
		return
	}
	for _, r := range g.byHash {
		if !r.duplicate && !m.seen.add(&r.hash) {
			m.seen.release()
			m.seen = nil
			return
		}
	}
}
