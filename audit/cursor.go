package audit

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"time"
)

// A cursor is version, milliseconds since 1970, tie, and a checksum over those, the organization and the query. The
// checksum keeps honest callers from using a cursor with a query it does not belong to. It is not a secret and need not be:
// a cursor grants nothing, as every page is authorised on its own.
const (
	cursorVersion = 1
	cursorBody    = 1 + 8 + 4
	cursorSum     = 16
)

var cursorEncoding = base64.RawURLEncoding.Strict()

// EncodeCursor returns the position as text that DecodeCursor takes with the same organization and query only.
func EncodeCursor(organization string, q Query, p Position) string {
	raw := make([]byte, 0, cursorBody+cursorSum)
	raw = append(raw, cursorVersion)
	raw = binary.BigEndian.AppendUint64(raw, uint64(p.Time.UnixMilli()))
	raw = binary.BigEndian.AppendUint32(raw, p.Tie)
	return cursorEncoding.EncodeToString(append(raw, cursorSumOf(organization, q, raw)...))
}

// DecodeCursor returns the position. A cursor that was altered or belongs to another organization or query is CodeInvalid
// on the field "cursor".
func DecodeCursor(organization string, q Query, cursor string) (Position, error) {
	raw, err := cursorEncoding.DecodeString(cursor)
	// The text's own length counts too, as the decoder overlooks line breaks.
	if err != nil || len(cursor) != cursorEncoding.EncodedLen(cursorBody+cursorSum) || len(raw) != cursorBody+cursorSum || raw[0] != cursorVersion {
		return Position{}, InvalidField("cursor", "is not a cursor that this server gave; begin again without one")
	}
	body, sum := raw[:cursorBody], raw[cursorBody:]
	if string(sum) != string(cursorSumOf(organization, q, body)) {
		return Position{}, InvalidField("cursor", "belongs to another query; use it with the filters it was given for, or begin again without one")
	}
	return Position{
		Time: time.UnixMilli(int64(binary.BigEndian.Uint64(body[1:]))).UTC(),
		Tie:  binary.BigEndian.Uint32(body[9:]),
	}, nil
}

func cursorSumOf(organization string, q Query, body []byte) []byte {
	values := q.Values()
	for name, all := range values {
		slices.Sort(all)
		values[name] = slices.Compact(all)
	}
	h := sha256.New()
	h.Write([]byte("audittrail cursor\x00" + organization + "\x00" + values.Encode() + "\x00"))
	h.Write(body)
	return h.Sum(nil)[:cursorSum]
}
