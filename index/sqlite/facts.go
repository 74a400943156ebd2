package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"math"
	"net/netip"
)

const (
	// tailRows is how many rows a chunk gathers while every commit rewrites it.
	tailRows = 256
	// bigRows is from how many rows on full chunks are merged into one that is never touched again.
	bigRows = 8192
)

// builder is the writer's side of a month's facts. The last chunk ("tail", under tailRows rows) is rewritten by each commit; full ones
// gather until together they have bigRows rows and become one chunk. All of it happens in the transaction that stores the events.
type builder struct {
	tail    *growing
	middles []*growing
}

// growing is a chunk that rows are added to.
type growing struct {
	id      int64
	found   int // see header
	dict    dictionary
	columns columns
	kinds   map[kind]uint16
	actors  map[actor]uint16
	ips     map[netip.Addr]uint16
}

func newGrowing(id int64) *growing {
	return &growing{id: id, kinds: map[kind]uint16{}, actors: map[actor]uint16{}, ips: map[netip.Addr]uint16{}}
}

// intern returns the index of v in values, adding it where it is new.
func intern[T comparable](index map[T]uint16, values *[]T, v T) uint16 {
	i, ok := index[v]
	if !ok {
		i = uint16(len(*values))
		index[v] = i
		*values = append(*values, v)
	}
	return i
}

func (g *growing) add(rowid int64, k kind, a actor, ip netip.Addr, commit, received int64) {
	c := &g.columns
	if n := len(c.runs); n == 0 || c.runs[n-1].commit != commit {
		c.runs = append(c.runs, run{start: len(c.rows), commit: commit, received: received})
	}
	c.rows = append(c.rows, rowid)
	c.kind = append(c.kind, intern(g.kinds, &g.dict.kinds, k))
	c.actor = append(c.actor, intern(g.actors, &g.dict.actors, a))
	c.ip = append(c.ip, intern(g.ips, &g.dict.ips, ip))
}

// addAll adds the rows of another chunk.
func (g *growing) addAll(dict *dictionary, c *columns) {
	cursor := 0
	for i, rowid := range c.rows {
		r := c.received(i, &cursor)
		g.add(rowid, dict.kinds[c.kind[i]], dict.actors[c.actor[i]], dict.ips[c.ip[i]], r.commit, r.received)
	}
}

func (g *growing) n() int { return len(g.columns.rows) }

func (g *growing) header() header {
	h := header{id: g.id, n: g.n(), found: g.found, minRow: math.MaxInt64, minCommit: g.columns.runs[0].commit}
	for _, r := range g.columns.rows {
		h.minRow, h.maxRow = min(h.minRow, r), max(h.maxRow, r)
	}
	for _, r := range g.columns.runs {
		h.maxCommit, h.maxReceived = max(h.maxCommit, r.commit), max(h.maxReceived, r.received)
	}
	return h
}

func (g *growing) store(c *conn, z *codec) error {
	h := g.header()
	if _, err := c.exec("INSERT OR REPLACE INTO chunks VALUES(?,?,?,?,?,?,?,?)",
		h.id, int64(h.n), h.minRow, h.maxRow, h.minCommit, h.maxCommit, h.maxReceived, int64(h.found)); err != nil {
		return err
	}
	_, err := c.exec("INSERT OR REPLACE INTO columns VALUES(?,?,?)", h.id, z.packChunk(g.dict.encode()), z.packChunk(g.columns.encode()))
	return err
}

// flush stores what has been added to the tail, inside the writer's transaction.
func (b *builder) flush(c *conn, z *codec) error {
	if b.tail.n() == 0 {
		return nil
	}
	if err := b.tail.store(c, z); err != nil {
		return err
	}
	if b.tail.n() < tailRows {
		return nil
	}
	next := b.tail.id + int64(b.tail.n())
	b.middles = append(b.middles, b.tail)
	b.tail = newGrowing(next)
	total := 0
	for _, g := range b.middles {
		total += g.n()
	}
	if total < bigRows {
		return nil
	}
	big := newGrowing(b.middles[0].id)
	for _, g := range b.middles {
		big.addAll(&g.dict, &g.columns)
		if _, err := c.exec("DELETE FROM chunks WHERE id=?", g.id); err != nil {
			return err
		}
		if _, err := c.exec("DELETE FROM columns WHERE id=?", g.id); err != nil {
			return err
		}
	}
	b.middles = nil
	big.found = big.n()
	return big.store(c, z)
}

// loadBuilder reads the chunks that are still open from the file.
func loadBuilder(c *conn, z *codec) (*builder, error) {
	headers, err := readHeaders(noContext, c, "WHERE n < ? ORDER BY id", int64(bigRows))
	if err != nil {
		return nil, err
	}
	b := &builder{}
	for _, h := range headers {
		dict, err := readDictionary(c, z, h.id)
		if err != nil {
			return nil, err
		}
		cols, err := readColumns(c, z, dict, h)
		if err != nil {
			return nil, err
		}
		g := newGrowing(h.id)
		g.addAll(dict, cols)
		g.found = h.found
		if h.n < tailRows {
			b.tail = g
		} else {
			b.middles = append(b.middles, g)
		}
	}
	if b.tail == nil {
		next, err := c.integer(noContext, "SELECT id + n FROM chunks ORDER BY id DESC LIMIT 1")
		if err != nil {
			return nil, err
		}
		b.tail = newGrowing(next)
	}
	return b, nil
}

func readHeaders(ctx context.Context, c *conn, where string, args ...any) ([]header, error) {
	var headers []header
	err := c.query(ctx, "SELECT id, n, min_row, max_row, min_commit, max_commit, max_received, found FROM chunks "+where, func(v []driver.Value) error {
		headers = append(headers, header{id: asInt(v[0]), n: int(asInt(v[1])), minRow: asInt(v[2]), maxRow: asInt(v[3]),
			minCommit: asInt(v[4]), maxCommit: asInt(v[5]), maxReceived: asInt(v[6]), found: int(asInt(v[7]))})
		return nil
	}, args...)
	return headers, err
}

func readDictionary(c *conn, z *codec, id int64) (*dictionary, error) {
	b, err := readUnpacked(c, z, "SELECT dictionary FROM columns WHERE id=?", id)
	if err != nil {
		return nil, err
	}
	return decodeDictionary(b)
}

func readColumns(c *conn, z *codec, dict *dictionary, h header) (*columns, error) {
	b, err := readUnpacked(c, z, "SELECT rows FROM columns WHERE id=?", h.id)
	if err != nil {
		return nil, err
	}
	cols, err := decodeColumns(b, dict)
	if err == nil && len(cols.rows) != h.n {
		err = fmt.Errorf("chunk %d has %d rows and not %d: %w", h.id, len(cols.rows), h.n, errDamaged)
	}
	return cols, err
}

func readUnpacked(c *conn, z *codec, query string, id int64) ([]byte, error) {
	var packed []byte
	if err := c.query(noContext, query, func(v []driver.Value) error { packed = asBytes(v[0]); return nil }, id); err != nil {
		return nil, err
	}
	if packed == nil {
		return nil, fmt.Errorf("chunk %d has no columns: %w", id, errDamaged)
	}
	return z.unpack(packed)
}
