package elastic

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/netip"
	"strconv"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// document is an event as _source returns it. appendDocument writes the same fields; a test holds the two together.
type document struct {
	Time  time.Time `json:"@timestamp"`
	Event struct {
		ID       string        `json:"id"`
		Action   string        `json:"action"`
		Outcome  audit.Outcome `json:"outcome"`
		Ingested time.Time     `json:"ingested"`
	} `json:"event"`
	Organization struct {
		ID string `json:"id"`
	} `json:"organization"`
	User struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"user"`
	Source struct {
		IP  netip.Addr `json:"ip"`
		Geo struct {
			Country string `json:"country_iso_code"`
			City    string `json:"city_name"`
		} `json:"geo"`
	} `json:"source"`
	UserAgent struct {
		Original string `json:"original"`
	} `json:"user_agent"`
	Message string            `json:"message"`
	Labels  map[string]string `json:"labels"`
	Audit   struct {
		Log      audit.Log `json:"log"`
		Product  string    `json:"product"`
		Platform string    `json:"platform"`
		Actor    struct {
			Type string `json:"type"`
		} `json:"actor"`
		Targets []audit.Target `json:"targets"` // their fields are named as in JSON but for case
		Changes []audit.Change `json:"changes"`
		Tie     uint32         `json:"tie"`
		Key     int64          `json:"key"`
	} `json:"audit"`
}

// readDocument reads a _source.
func readDocument(source []byte) (*document, error) {
	d := &document{}
	if err := json.Unmarshal(source, d); err != nil {
		return nil, audit.WithCause(audit.CodeInternal, err, "a stored event cannot be read")
	}
	return d, nil
}

// event returns the event that the document is.
func (d *document) event() audit.Event {
	return audit.Event{
		ID: d.Event.ID, Organization: d.Organization.ID, Time: d.Time.UTC(), ReceivedAt: d.Event.Ingested.UTC(),
		Log: d.Audit.Log, Action: d.Event.Action, Product: d.Audit.Product, Outcome: d.Event.Outcome,
		Actor:   audit.Actor{ID: d.User.ID, Name: d.User.Name, Type: d.Audit.Actor.Type},
		Targets: d.Audit.Targets,
		Source: audit.Source{IP: d.Source.IP, Platform: d.Audit.Platform, UserAgent: d.UserAgent.Original,
			Location: audit.Location{Country: d.Source.Geo.Country, City: d.Source.Geo.City}},
		Message: d.Message, Changes: d.Audit.Changes, Metadata: d.Labels,
	}
}

// position is where the event stands in a page.
func (d *document) position() audit.Position {
	return audit.Position{Time: d.Time.UTC(), Tie: d.Audit.Tie}
}

// documentID is an _id, and the number made of it that is audit.key.
type documentID struct {
	text string
	key  int64
}

// idOf is the _id of an event.
func idOf(organization, id string) documentID {
	return hashed(organization + "\x00" + id)
}

// laterIDOf is the _id of an imported event whose id another event has that was received long before it. No id holds a zero byte.
func laterIDOf(organization, id string, received time.Time) documentID {
	return hashed(organization + "\x00" + id + "\x00" + strconv.FormatInt(received.UnixMilli(), 10))
}

func hashed(name string) documentID {
	sum := sha256.Sum256([]byte(name))
	return documentID{text: base64.RawURLEncoding.EncodeToString(sum[:16]), key: int64(binary.BigEndian.Uint64(sum[:8]) >> 1)}
}
