package sqlite

import (
	"container/list"
	"sync"
)

// part names one decoded piece of a chunk. A chunk's rows never change but by more being added behind, so its first ordinal and
// its length say what is in it.
type part struct {
	month   uint64 // the month's number in this process
	id      int64
	n       int
	columns bool // its columns, else its dictionary
}

// cache keeps decoded dictionaries and columns, the most recently used ones, up to a number of bytes. One serves the whole engine,
// so memory does not grow with what is stored.
type cache struct {
	mu    sync.Mutex
	limit int
	used  int
	order *list.List // of *cached, most recent first
	items map[part]*list.Element
}

type cached struct {
	part  part
	value any
	size  int
}

func newCache(limit int) *cache {
	return &cache{limit: limit, order: list.New(), items: make(map[part]*list.Element)}
}

func (c *cache) get(p part) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.items[p]
	if !ok {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).value
}

func (c *cache) put(p part, value any, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.items[p]; ok || size > c.limit/4 {
		return
	}
	c.items[p] = c.order.PushFront(&cached{part: p, value: value, size: size})
	c.used += size
	for c.used > c.limit {
		oldest := c.order.Back()
		item := oldest.Value.(*cached)
		c.order.Remove(oldest)
		delete(c.items, item.part)
		c.used -= item.size
	}
}
