package sqlite

import (
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// maxDecoded bounds what a compressed value may grow to, so that a damaged one cannot take all memory.
const maxDecoded = 64 << 20

// codec compresses chunks and blocks. It is safe for concurrent use.
type codec struct {
	chunks *zstd.Encoder
	bodies *zstd.Encoder
	in     *zstd.Decoder
}

func newCodec() (*codec, error) {
	chunks, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2),
		zstd.WithWindowSize(256<<10), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(true))
	if err != nil {
		return nil, fmt.Errorf("make encoder: %w", err)
	}
	bodies, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(256<<10), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(true))
	if err != nil {
		return nil, fmt.Errorf("make encoder: %w", err)
	}
	in, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxDecoded))
	if err != nil {
		return nil, fmt.Errorf("make decoder: %w", err)
	}
	return &codec{chunks: chunks, bodies: bodies, in: in}, nil
}

func (c *codec) close() { c.in.Close() }

func (c *codec) packChunk(b []byte) []byte { return c.chunks.EncodeAll(b, nil) }
func (c *codec) packBody(b []byte) []byte  { return c.bodies.EncodeAll(b, nil) }

func (c *codec) unpack(b []byte) ([]byte, error) {
	out, err := c.in.DecodeAll(b, nil)
	if err != nil {
		return nil, fmt.Errorf("decompress: %w: %w", err, errDamaged)
	}
	return out, nil
}
