package elastic

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"time"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/audittrail/audittrail/audit"
)

// kind says what a document is.
type kind string

const (
	kindOrganization kind = "organization"
	kindMember       kind = "member"
	kindGroup        kind = "group"
	kindClaim        kind = "claim"
	kindKey          kind = "key"
	kindKeyID        kind = "key-id"
	kindSession      kind = "session"
	kindSessionID    kind = "session-id"
	kindLink         kind = "link"
	kindLinkID       kind = "link-id"
	kindReminder     kind = "reminder"
	kindAddress      kind = "address"
	kindDelivery     kind = "delivery"
	kindMessage      kind = "message"
	kindExport       kind = "export"
	kindCheckpoint   kind = "checkpoint"
	kindSecret       kind = "secret"
)

// document is what is stored of a record. Fields that the mapping does not name are kept and not indexed. Times are milliseconds since
// 1970 in UTC, 0 where there is none. What is a field here is read from here and not from the body.
type document struct {
	Kind         kind   `json:"kind"`
	Organization string `json:"organization"`
	ID           string `json:"id"`
	Version      int64  `json:"version,omitempty"` // of records that are written optimistically
	// Owner is whose list the record stands in: a delivery's reminder, the member of a message, an export, a session or a link. Of a key it is the first
	// characters of the secret, by which it is found too, and of a group its former name, folded.
	Owner  string `json:"owner"`
	Status string `json:"status,omitempty"`
	Role   string `json:"role,omitempty"`
	// Text is what a search of members looks into, folded.
	Text []string `json:"text,omitempty"`
	// UserName, folded, and ExternalID are those of members. A group has its name, folded, as UserName.
	UserName   string `json:"user_name,omitempty"`
	ExternalID string `json:"external_id,omitempty"`
	// Departments are those of members, "" where they are in none. Members whom an older version has written have nothing here.
	Departments []string `json:"departments,omitempty"`
	// At is the time by which lists are ordered.
	At         int64           `json:"at"`
	Unread     bool            `json:"unread"`
	ReadAt     int64           `json:"read_at,omitempty"`
	LastUsedAt int64           `json:"last_used_at,omitempty"`
	RevokedAt  int64           `json:"revoked_at,omitempty"`
	UsedAt     int64           `json:"used_at,omitempty"`
	Hash       []byte          `json:"hash,omitempty"`
	Value      string          `json:"value,omitempty"`
	Secret     []byte          `json:"secret,omitempty"`
	Body       json.RawMessage `json:"body,omitempty"`
}

// Limits of what Elasticsearch keeps: of an _id, and of an id of ours, which is a term of the index.
const (
	maxDocID = 512
	maxID    = 8191
)

// docID is the _id of a record: kind, organization and id, escaped so that no two records share one; a hash where that is too long.
func docID(k kind, organization, id string) string {
	full := string(k) + "/" + url.PathEscape(organization) + "/" + url.PathEscape(id)
	if len(full) <= maxDocID {
		return full
	}
	sum := sha256.Sum256([]byte(full))
	return string(k) + "/#" + hex.EncodeToString(sum[:]) // no escaped text has a #
}

// named is an id and what it is called in an error.
type named struct{ field, id string }

// validIDs refuses what could not be found again: an id that is empty, too long, or not UTF-8 and so not what JSON would keep.
func validIDs(ids ...named) error {
	for _, n := range ids {
		switch {
		case n.id == "" || !utf8.ValidString(n.id):
			return audit.InvalidField(n.field, "is empty or not UTF-8")
		case len(n.id) > maxID:
			return audit.InvalidField(n.field, "has %d bytes; at most %d are allowed", len(n.id), maxID)
		}
	}
	return nil
}

// findable says whether a record or list of these ids can exist.
func findable(ids ...string) bool {
	for _, id := range ids {
		if id == "" || len(id) > maxID || !utf8.ValidString(id) {
			return false
		}
	}
	return true
}

// marshal encodes a record as a body.
func marshal(record any) (json.RawMessage, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(record); err != nil {
		return nil, audit.WithCause(audit.CodeInternal, err, "could not encode the record")
	}
	return buffer.Bytes(), nil
}

// decode reads the record of a document.
func decode[T any](d *document, record *T) error {
	if err := json.Unmarshal(d.Body, record); err != nil {
		return audit.WithCause(audit.CodeInternal, err, "a stored %s cannot be read", d.Kind)
	}
	return nil
}

// fold makes strings that differ in case only, or in how accents are encoded, equal.
func fold(s string) string { return cases.Fold().String(norm.NFC.String(s)) }

// toMillis and fromMillis keep times in fields; the zero time is 0.
func toMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// normalize brings times into the form in which they are kept: UTC, to the millisecond.
func normalize(times ...*time.Time) {
	for _, t := range times {
		*t = t.UTC().Truncate(audit.TimePrecision)
	}
}
