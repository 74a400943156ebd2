package fulltext

import (
	"iter"
	"strings"
)

// finder finds a phrase among tokens, in a time that does not grow with the length of the phrase: by Knuth, Morris and Pratt for all
// but the last token, which is looked at where the others stand, as it may be a prefix.
type finder struct {
	head   []string
	last   string
	prefix bool
	// borders[i] is how many tokens, fewer than all, both begin and end head[:i+1].
	borders []int
}

func newFinder(p Phrase) *finder {
	n := len(p.Tokens) - 1
	f := &finder{head: p.Tokens[:n], last: p.Tokens[n], prefix: p.Prefix, borders: make([]int, n)}
	for i, k := 1, 0; i < n; i++ {
		k = f.advance(k, f.head[i])
		f.borders[i] = k
	}
	return f
}

// advance returns how much of the head stands before and at a token, where k of it stood before; k is less than all.
func (f *finder) advance(k int, token string) int {
	for k > 0 && f.head[k] != token {
		k = f.borders[k-1]
	}
	if f.head[k] == token {
		k++
	}
	return k
}

// all yields the index of the first token of every occurrence, also of those that overlap.
func (f *finder) all(tokens []Token) iter.Seq[int] {
	return func(yield func(int) bool) {
		k := 0
		for i := range tokens {
			if k == len(f.head) {
				if f.isLast(tokens[i].Text) && !yield(i-k) {
					return
				}
				if k == 0 {
					continue
				}
				k = f.borders[k-1]
			}
			k = f.advance(k, tokens[i].Text)
		}
	}
}

func (f *finder) in(tokens []Token) bool {
	for range f.all(tokens) {
		return true
	}
	return false
}

func (f *finder) isLast(token string) bool {
	return token == f.last || f.prefix && strings.HasPrefix(token, f.last)
}
