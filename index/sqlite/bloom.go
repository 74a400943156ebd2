package sqlite

import (
	"encoding/binary"
	"sync/atomic"
)

// bloom answers "certainly not here" for ids, so that looking for duplicates in months that an append does not touch seldom reads a file.
// It grows by layers, each twice as large as the one before. Only the organization's writer uses it.
type bloom struct {
	layers []bloomLayer
	budget *atomic.Int64 // bytes that the engine's filters may still take
}

type bloomLayer struct {
	bits []uint64
	room int
}

const (
	bloomFirst    = 1 << 16 // entries of the first layer
	bloomBits     = 16      // bits an entry: with four probes one wrong "perhaps" in 400
	bloomProbes   = 4
	bloomMaxBytes = 16 << 20 // of all filters of the engine
)

// add takes an id in. It returns false where there is no memory left for it: the filter is of no use then.
func (b *bloom) add(h *[16]byte) bool {
	if n := len(b.layers); n == 0 || b.layers[n-1].room == 0 {
		entries := bloomFirst << n
		bytes := int64(entries * bloomBits / 8)
		if b.budget.Add(-bytes) < 0 {
			b.budget.Add(bytes)
			return false
		}
		b.layers = append(b.layers, bloomLayer{bits: make([]uint64, bytes/8), room: entries})
	}
	layer := &b.layers[len(b.layers)-1]
	layer.room--
	for i := range bloomProbes {
		bit := layer.bit(h, i)
		layer.bits[bit/64] |= 1 << (bit % 64)
	}
	return true
}

// perhaps returns false only where the id was never added.
func (b *bloom) perhaps(h *[16]byte) bool {
	for i := range b.layers {
		layer := &b.layers[i]
		hit := true
		for p := 0; p < bloomProbes && hit; p++ {
			bit := layer.bit(h, p)
			hit = layer.bits[bit/64]&(1<<(bit%64)) != 0
		}
		if hit {
			return true
		}
	}
	return false
}

func (b *bloom) release() {
	for _, layer := range b.layers {
		b.budget.Add(int64(len(layer.bits) * 8))
	}
	b.layers = nil
}

// bit returns the i-th probe: the hash is uniform already, so its own quarters serve.
func (l *bloomLayer) bit(h *[16]byte, i int) uint64 {
	return uint64(binary.LittleEndian.Uint32(h[4*i:])) % uint64(len(l.bits)*64)
}
