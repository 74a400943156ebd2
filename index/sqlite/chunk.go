package sqlite

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/audittrail/audittrail/audit"
)

// kind is what most filters and facets look at. There are few distinct ones, so a filter is decided once a kind, not once a row.
type kind struct {
	log      audit.Log
	action   string
	outcome  audit.Outcome
	platform string
}

// actor is an actor as facets need it.
type actor struct{ id, name string }

// header describes a chunk well enough to skip it.
type header struct {
	id                   int64 // ordinal of its first row in the order of arrival
	n                    int
	minRow, maxRow       int64
	minCommit, maxCommit int64
	maxReceived          int64
	found                int // so many of its rows, from the first on, are in ids and fts
}

// dictionary holds the distinct values of a chunk; its rows name them by index.
type dictionary struct {
	kinds  []kind
	actors []actor
	ips    []netip.Addr
}

// run is a stretch of rows that one commit brought: from start to the next run's start.
type run struct {
	start    int
	commit   int64
	received int64 // ms since 1970
}

// columns holds the rows of a chunk, in the order of arrival. Indices have 16 bits: no chunk grows beyond bigRows and two appends.
type columns struct {
	rows  []int64
	kind  []uint16
	actor []uint16
	ip    []uint16
	runs  []run
}

func (d *dictionary) size() int {
	n := 64*len(d.kinds) + 40*len(d.actors) + 24*len(d.ips)
	for i := range d.kinds {
		n += len(d.kinds[i].action) + len(d.kinds[i].platform)
	}
	for i := range d.actors {
		n += len(d.actors[i].id) + len(d.actors[i].name)
	}
	return n
}

func (c *columns) size() int { return 14*len(c.rows) + 24*len(c.runs) }

// received returns when row i was received; rows are asked for in ascending order, and cursor is where the last one was found.
func (c *columns) received(i int, cursor *int) *run {
	for *cursor+1 < len(c.runs) && c.runs[*cursor+1].start <= i {
		*cursor++
	}
	return &c.runs[*cursor]
}

func appendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

func (d *dictionary) encode() []byte {
	var b []byte
	b = binary.AppendUvarint(b, uint64(len(d.kinds)))
	for i := range d.kinds {
		k := &d.kinds[i]
		b = appendString(b, string(k.log))
		b = appendString(b, k.action)
		b = appendString(b, string(k.outcome))
		b = appendString(b, k.platform)
	}
	b = binary.AppendUvarint(b, uint64(len(d.actors)))
	for i := range d.actors {
		b = appendString(b, d.actors[i].id)
		b = appendString(b, d.actors[i].name)
	}
	b = binary.AppendUvarint(b, uint64(len(d.ips)))
	for _, ip := range d.ips {
		b = appendString(b, string(ip.AsSlice()))
	}
	return b
}

// encode writes columns one behind the other. The low bits of a row are a hash and do not compress; the rest is near the
// row before.
func (c *columns) encode() []byte {
	b := make([]byte, 0, 12*len(c.rows)+64)
	b = binary.AppendUvarint(b, uint64(len(c.rows)))
	last := int64(0)
	for _, r := range c.rows {
		ms := r >> audit.TieBits
		b = binary.AppendVarint(b, ms-last)
		last = ms
	}
	for _, r := range c.rows {
		b = binary.LittleEndian.AppendUint32(b, uint32(r&tieMask))
	}
	for _, column := range [][]uint16{c.kind, c.actor, c.ip} {
		for _, v := range column {
			b = binary.AppendUvarint(b, uint64(v))
		}
	}
	b = binary.AppendUvarint(b, uint64(len(c.runs)))
	var before run
	for _, r := range c.runs {
		b = binary.AppendVarint(b, int64(r.start-before.start))
		b = binary.AppendVarint(b, r.commit-before.commit)
		b = binary.AppendVarint(b, r.received-before.received)
		before = r
	}
	return b
}

const tieMask = 1<<audit.TieBits - 1

// decoder reads what encode wrote. It never panics: on damaged input ok becomes false and every value zero.
type decoder struct {
	b      []byte
	failed bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.failed, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.failed, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.failed, d.b = true, nil
		return nil
	}
	v := d.b[:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) text() string { return string(d.bytes(d.uvarint())) }

// count reads a number of things of which each takes a byte or more, so that a damaged one cannot ask for all memory.
func (d *decoder) count() int {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.failed, d.b = true, nil
		return 0
	}
	return int(n)
}

func (d *decoder) err(what string) error {
	if d.failed {
		return fmt.Errorf("%s: %w", what, errDamaged)
	}
	return nil
}

func decodeDictionary(b []byte) (*dictionary, error) {
	d := decoder{b: b}
	out := &dictionary{}
	out.kinds = make([]kind, d.count())
	for i := range out.kinds {
		out.kinds[i] = kind{log: audit.Log(d.text()), action: d.text(), outcome: audit.Outcome(d.text()), platform: d.text()}
	}
	out.actors = make([]actor, d.count())
	for i := range out.actors {
		out.actors[i] = actor{id: d.text(), name: d.text()}
	}
	out.ips = make([]netip.Addr, d.count())
	for i := range out.ips {
		out.ips[i], _ = netip.AddrFromSlice(d.bytes(d.uvarint()))
	}
	return out, d.err("dictionary of a chunk")
}

func decodeColumns(b []byte, dict *dictionary) (*columns, error) {
	d := decoder{b: b}
	n := d.count()
	c := &columns{rows: make([]int64, n)}
	last := int64(0)
	for i := range c.rows {
		last += d.varint()
		c.rows[i] = last << audit.TieBits
	}
	ties := d.bytes(4 * uint64(n))
	for i := range len(ties) / 4 {
		c.rows[i] |= int64(binary.LittleEndian.Uint32(ties[4*i:]))
	}
	c.kind = d.indices(n, len(dict.kinds))
	c.actor = d.indices(n, len(dict.actors))
	c.ip = d.indices(n, len(dict.ips))
	c.runs = make([]run, d.count())
	var before run
	for i := range c.runs {
		before.start += int(d.varint())
		before.commit += d.varint()
		before.received += d.varint()
		c.runs[i] = before
		if before.start < 0 || before.start >= n || (i == 0) != (before.start == 0) {
			d.failed = true
		}
	}
	if n == 0 || len(c.runs) == 0 {
		d.failed = true
	}
	return c, d.err("columns of a chunk")
}

func (d *decoder) indices(n, limit int) []uint16 {
	out := make([]uint16, n)
	for i := range out {
		v := d.uvarint()
		if v >= uint64(limit) {
			d.failed = true
			return out
		}
		out[i] = uint16(v)
	}
	return out
}
