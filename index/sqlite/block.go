package sqlite

import (
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"slices"
)

// block holds the bodies of a sealed month's events that lie next to each other in the public order, compressed together.
// Blocks never overlap: one covers the rows from its first to the next one's first.
type block struct {
	first int64
	items []item
}

// item is an event as it is stored.
type item struct {
	row      int64
	received int64 // ms since 1970
	body     []byte
}

func (b *block) encodeRows() []byte {
	var out []byte
	var row, received int64
	for _, it := range b.items {
		out = binary.AppendUvarint(out, uint64(it.row-row))
		out = binary.AppendVarint(out, it.received-received)
		row, received = it.row, it.received
	}
	return out
}

func (b *block) encodeBodies() []byte {
	var out []byte
	for _, it := range b.items {
		out = binary.AppendUvarint(out, uint64(len(it.body)))
	}
	for _, it := range b.items {
		out = append(out, it.body...)
	}
	return out
}

// decodeRows returns the block without bodies.
func decodeRows(n int64, rows []byte) (*block, error) {
	d := decoder{b: rows}
	if n < 1 || n > int64(len(rows)) {
		return nil, fmt.Errorf("rows of a block: %w", errDamaged)
	}
	b := &block{items: make([]item, n)}
	var row, received int64
	for i := range b.items {
		row += int64(d.uvarint())
		received += d.varint()
		b.items[i] = item{row: row, received: received}
	}
	b.first = b.items[0].row
	return b, d.err("rows of a block")
}

func (b *block) decodeBodies(plain []byte) error {
	d := decoder{b: plain}
	lengths := make([]uint64, len(b.items))
	for i := range lengths {
		lengths[i] = d.uvarint()
	}
	for i := range lengths {
		b.items[i].body = d.bytes(lengths[i])
	}
	return d.err("bodies of a block")
}

func (b *block) find(row int64) *item {
	i, ok := slices.BinarySearchFunc(b.items, row, func(it item, row int64) int {
		switch {
		case it.row < row:
			return -1
		case it.row > row:
			return 1
		}
		return 0
	})
	if !ok {
		return nil
	}
	return &b.items[i]
}

// readBlock returns the block that covers row, with its bodies if they are wanted, or nil.
func readBlock(c *conn, z *codec, row int64, bodies bool) (*block, error) {
	query := "SELECT n, rows FROM blocks WHERE first <= ? ORDER BY first DESC LIMIT 1"
	if bodies {
		query = "SELECT n, rows, bodies FROM blocks WHERE first <= ? ORDER BY first DESC LIMIT 1"
	}
	var b *block
	err := c.query(noContext, query, func(v []driver.Value) (err error) {
		if b, err = decodeRows(asInt(v[0]), asBytes(v[1])); err != nil || !bodies {
			return err
		}
		plain, err := z.unpack(asBytes(v[2]))
		if err != nil {
			return err
		}
		return b.decodeBodies(plain)
	}, row)
	return b, err
}

// blockHolds says whether a block has the row.
func blockHolds(c *conn, row int64) (bool, error) {
	b, err := readBlock(c, nil, row, false)
	if err != nil || b == nil {
		return false, err
	}
	return b.find(row) != nil, nil
}
