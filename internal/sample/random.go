package sample

import (
	"math"
	"math/bits"
	"sort"
)

// random is splitmix64. It is our own so that the same seed gives the same bytes under every version of Go.
type random struct{ state uint64 }

// newRandom starts a stream of its own for each purpose, so that a change to one does not move the others.
func newRandom(seed, stream uint64) *random {
	r := &random{state: seed ^ stream*0x9e3779b97f4a7c15}
	r.state = r.next()
	return r
}

func (r *random) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// n returns a number in [0, n).
func (r *random) n(n int) int {
	hi, _ := bits.Mul64(r.next(), uint64(n))
	return int(hi)
}

// between returns a number in [low, high].
func (r *random) between(low, high int) int { return low + r.n(high-low+1) }

// unit returns a number in [0, 1).
func (r *random) unit() float64 { return float64(r.next()>>11) / (1 << 53) }

// chance is true once in n times.
func (r *random) chance(n int) bool { return r.n(n) == 0 }

func pick[T any](r *random, of []T) T { return of[r.n(len(of))] }

// hash mixes numbers into one that looks random.
func hash(parts ...uint64) uint64 {
	r := random{}
	for _, part := range parts {
		r.state ^= part
		r.state = r.next()
	}
	return r.state
}

// zipf draws ranks: rank 0 most often, and rank k about (k+1)^exponent times less.
type zipf struct{ upTo []float64 }

func newZipf(n int, exponent float64) *zipf {
	z := &zipf{upTo: make([]float64, n)}
	sum := 0.0
	for i := range n {
		sum += math.Pow(float64(i+1), -exponent)
		z.upTo[i] = sum
	}
	return z
}

func (z *zipf) draw(r *random) int {
	at := r.unit() * z.upTo[len(z.upTo)-1]
	return min(sort.SearchFloat64s(z.upTo, at), len(z.upTo)-1)
}

// weighted draws one of several with given weights.
type weighted[T any] struct {
	upTo []float64
	of   []T
}

func newWeighted[T any](of []T, weight func(T) float64) *weighted[T] {
	w := &weighted[T]{of: of, upTo: make([]float64, len(of))}
	sum := 0.0
	for i, item := range of {
		sum += weight(item)
		w.upTo[i] = sum
	}
	return w
}

func (w *weighted[T]) draw(r *random) *T {
	at := r.unit() * w.upTo[len(w.upTo)-1]
	return &w.of[min(sort.SearchFloat64s(w.upTo, at), len(w.of)-1)]
}
