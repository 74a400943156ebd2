package migrate

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
)

// Sum stands for a set of things, whatever order they come in: how many they are, and the sum of their SHA-256, as numbers of 256 bits. Unlike an exclusive or it
// notices what is there twice.
type Sum struct {
	Count    int64  `json:"count"`
	Checksum string `json:"checksum"`
}

type sum struct {
	count int64
	words [4]uint64 // the least one first
}

func (s *sum) add(text []byte) {
	digest := sha256.Sum256(text)
	s.count++
	var carry uint64
	for i := range s.words {
		s.words[i], carry = bits.Add64(s.words[i], binary.LittleEndian.Uint64(digest[8*i:]), carry)
	}
}

// sum returns what s has come to; a nil s is of nothing.
func (s *sum) sum() Sum {
	if s == nil {
		s = &sum{}
	}
	var text []byte
	for i := len(s.words) - 1; i >= 0; i-- {
		text = binary.BigEndian.AppendUint64(text, s.words[i])
	}
	return Sum{Count: s.count, Checksum: hex.EncodeToString(text)}
}
