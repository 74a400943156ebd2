package api

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/audittrail/audittrail/audit"
)

// Events answers queries; index.Reader says what it promises.
type Events interface {
	Get(ctx context.Context, organization, id string) (audit.Event, error)
	Search(ctx context.Context, organization string, search audit.Search) (audit.Page, error)
	Summary(ctx context.Context, organization string, request audit.SummaryRequest) (audit.Summary, error)
	// Tail and TailEnd are index.Tailer's: what event streams follow.
	Tail(ctx context.Context, organization, checkpoint string, limit int) (audit.TailPage, error)
	TailEnd(ctx context.Context, organization string) (string, error)
}

// Ingester stores events durably, sharing commits between requests. The events are its own once given.
type Ingester interface {
	Append(ctx context.Context, organization string, events []*audit.Event) ([]audit.AppendStatus, error)
}

// Directory keeps organizations, their members and groups; store.Organizations, store.Members and store.Groups say what it promises.
type Directory interface {
	Organization(ctx context.Context, id string) (audit.Organization, error)
	PutOrganization(ctx context.Context, org audit.Organization) (audit.Organization, error)
	Member(ctx context.Context, organization, id string) (audit.Member, error)
	Members(ctx context.Context, organization string, filter audit.MemberFilter) ([]audit.Member, error)
	PutMember(ctx context.Context, member audit.Member) (audit.Member, error)
	PutMembers(ctx context.Context, organization string, members []audit.Member) ([]error, error)
	CountMembers(ctx context.Context, organization string, filter audit.MemberFilter) (int, error)
	Group(ctx context.Context, organization, id string) (audit.Group, error)
	Groups(ctx context.Context, organization string, filter audit.GroupFilter) ([]audit.Group, error)
	CountGroups(ctx context.Context, organization string, filter audit.GroupFilter) (int, error)
	PutGroup(ctx context.Context, group audit.Group) (audit.Group, error)
	DeleteGroup(ctx context.Context, organization, id string) error
}

// Keys keeps API keys, like store.Keys.
type Keys interface {
	CreateKey(ctx context.Context, key audit.Key) error
	KeyByHash(ctx context.Context, hash []byte) (audit.Key, error)
	Keys(ctx context.Context, organization string) ([]audit.Key, error)
	RevokeKey(ctx context.Context, organization, id string, at time.Time) error
	KeyByPrefix(ctx context.Context, prefix string) (audit.Key, error)
	ReplaceKey(ctx context.Context, organization, id, by string, until time.Time) error
	TouchKey(ctx context.Context, organization, id string, at time.Time) error
}

// Sessions keeps who is signed in, like store.Sessions.
type Sessions interface {
	CreateSession(ctx context.Context, session audit.Session) error
	SessionByHash(ctx context.Context, hash []byte) (audit.Session, error)
	Sessions(ctx context.Context, organization, member string) ([]audit.Session, error)
	TouchSession(ctx context.Context, organization, id string, at time.Time) error
	RevokeSession(ctx context.Context, organization, id string, at time.Time) error
	RevokeSessions(ctx context.Context, organization, member string, at time.Time) (int, error)
}

// LoginLinks keeps links that sign in once, like store.LoginLinks.
type LoginLinks interface {
	CreateLoginLink(ctx context.Context, link audit.LoginLink) error
	LoginLinkByHash(ctx context.Context, hash []byte) (audit.LoginLink, error)
	UseLoginLink(ctx context.Context, hash []byte, at time.Time) (audit.LoginLink, error)
}

// OtherAddresses keeps addresses beside those of members, like store.OtherAddresses.
type OtherAddresses interface {
	PutAddress(ctx context.Context, address audit.OtherAddress) (audit.OtherAddress, error)
	Address(ctx context.Context, organization, id string) (audit.OtherAddress, error)
	Addresses(ctx context.Context, organization string) ([]audit.OtherAddress, error)
	DeleteAddress(ctx context.Context, organization, id string, version int64) error
}

// Reminders keeps settings, like store.Reminders.
type Reminders interface {
	PutReminder(ctx context.Context, reminder audit.Reminder) (audit.Reminder, error)
	Reminder(ctx context.Context, organization, id string) (audit.Reminder, error)
	Reminders(ctx context.Context, organization string) ([]audit.Reminder, error)
	DeleteReminder(ctx context.Context, organization, id string) error
}

// Deliveries keeps what reminders sent, like store.Deliveries.
type Deliveries interface {
	SaveDelivery(ctx context.Context, delivery audit.Delivery) error
	Delivery(ctx context.Context, organization, id string) (audit.Delivery, error)
	Deliveries(ctx context.Context, organization, reminder, after string, limit int) ([]audit.Delivery, error)
}

// Messages keeps Message Centers, like store.Messages.
type Messages interface {
	Messages(ctx context.Context, organization, member, after string, limit int) ([]audit.Message, error)
	UnreadMessages(ctx context.Context, organization, member, after string, limit int) ([]audit.Message, error)
	Message(ctx context.Context, organization, member, id string) (audit.Message, error)
	Unread(ctx context.Context, organization, member string) (int, error)
	MarkRead(ctx context.Context, organization, member string, ids []string, at time.Time) error
	DeleteMessagesOf(ctx context.Context, organization, member string, limit int) (int, error)
}

// Exports keeps export requests, like store.Exports.
type Exports interface {
	PutExport(ctx context.Context, export audit.Export) (audit.Export, error)
	Export(ctx context.Context, organization, id string) (audit.Export, error)
	Exports(ctx context.Context, organization, member, after string, limit int) ([]audit.Export, error)
	OpenExports(ctx context.Context, organization string) ([]audit.Export, error)
}

// Erasures knows who was erased. Events comes from it, and so never shows them; what is kept of events elsewhere is given pseudonyms by it.
type Erasures interface {
	// Pseudonyms returns those of the ids that are of erased members.
	Pseudonyms(ctx context.Context, organization string, ids []string) (*audit.Pseudonyms, error)
	// Mark notes that the organization erases somebody; it has to return before anybody is. Forget is called when somebody was.
	Mark(ctx context.Context, organization string) error
	Forget(organization string)
}

// Secrets keeps random keys that all processes share, like store.Secrets.
type Secrets interface {
	Secret(ctx context.Context, name string) ([]byte, error)
}

// UnsubscribeSecret is the name of the secret that unsubscribe links are signed with.
const UnsubscribeSecret = "unsubscribe"

// AddressSecret is the name of the secret that ids and codes of other addresses are made of.
const AddressSecret = "addresses"

// Jobs drives what takes longer than a request. What it is asked to do stands in the store already; where it cannot be reached
// nothing is lost, as the store says what has to run.
type Jobs interface {
	// StartExport begins the export of that id; asking twice begins it once.
	StartExport(ctx context.Context, organization, export string) error
	// StopExport ends it: cancels it while it runs, deletes its files when it is ready.
	StopExport(ctx context.Context, organization, export string) error
	// ReminderChanged says that a reminder was created, changed or deleted.
	ReminderChanged(ctx context.Context, organization, reminder string) error
	// TestReminder sends a test message to the member by all of the reminder's channels and returns the digest's id.
	TestReminder(ctx context.Context, organization, reminder, member string) (digest string, err error)
	// SendAddressCode sends the code of that id to an other address; asking twice sends it once.
	SendAddressCode(ctx context.Context, organization, address, code string) error
}

// Files keeps the files of exports under the keys "exports/<organization>/<export>/<name>".
type Files interface {
	// Open returns the file's content and size; CodeNotFound where there is none. ctx has to live until the reader is closed.
	Open(ctx context.Context, key string) (io.ReadCloser, int64, error)
	DeletePrefix(ctx context.Context, prefix string) error
}

// Verifier says whether a status callback comes from Twilio: CodeForbidden where it does not.
type Verifier interface {
	VerifyCallback(url string, form url.Values, signature string) error
}

// ChannelState says whether a channel is configured, and if not why: "no SMTP host configured".
type ChannelState struct {
	Channel audit.Channel `json:"channel"`
	On      bool          `json:"on"`
	Reason  string        `json:"reason,omitempty"`
}

// ReadyCheck is one part that has to work for the server to be ready. Check returns nil when it does.
type ReadyCheck struct {
	Name  string
	Check func(ctx context.Context) error
}

// Limits bound what one client can ask for and how long anything may take. The zero value of each means its default.
type Limits struct {
	// RatePerSecond and RateBurst bound the requests of one key in one process; 10,000 and twice that. Negative: no bound.
	RatePerSecond float64
	RateBurst     int
	// AddressPerSecond and AddressBurst bound the requests of one address in one process, whoever makes them; 20,000 and twice that. Negative: no bound.
	AddressPerSecond float64
	AddressBurst     int
	// FailedKeys (100) is how many requests of one address may have a key that does not work, and then one a second.
	FailedKeys int
	// IngestTimeout (15 s), ReadTimeout (30 s) are the deadlines of taking events in and of everything else.
	IngestTimeout time.Duration
	ReadTimeout   time.Duration
	// HeaderTimeout (10 s) is how long a client may take to connect (TLS included) and to send the headers of a request, BodyTimeout (60 s) to send its body, WriteTimeout (60 s) to take an answer, and at a download or
	// stream each part of it; IdleTimeout (120 s) how long a connection may be silent between requests.
	HeaderTimeout time.Duration
	BodyTimeout   time.Duration
	WriteTimeout  time.Duration
	IdleTimeout   time.Duration
	// Connections (8,192) and Streams (1,000) are how many are served at the same time.
	Connections int
	Streams     int
	// StreamInterval (1 s) is how often a stream looks for what is new, Heartbeat (15 s) how often it shows that it lives.
	StreamInterval time.Duration
	Heartbeat      time.Duration
}

func (l Limits) withDefaults() Limits {
	orDefault(&l.RatePerSecond, 10_000)
	if l.RateBurst <= 0 {
		l.RateBurst = max(1, int(2*l.RatePerSecond))
	}
	orDefault(&l.AddressPerSecond, 20_000)
	if l.AddressBurst <= 0 {
		l.AddressBurst = max(1, int(2*l.AddressPerSecond))
	}
	orDefault(&l.FailedKeys, 100)
	orDefault(&l.IngestTimeout, 15*time.Second)
	orDefault(&l.ReadTimeout, 30*time.Second)
	orDefault(&l.HeaderTimeout, 10*time.Second)
	orDefault(&l.BodyTimeout, 60*time.Second)
	orDefault(&l.WriteTimeout, 60*time.Second)
	orDefault(&l.IdleTimeout, 120*time.Second)
	orDefault(&l.Connections, 8192)
	orDefault(&l.Streams, 1000)
	orDefault(&l.StreamInterval, time.Second)
	orDefault(&l.Heartbeat, 15*time.Second)
	return l
}

func orDefault[T comparable](value *T, standard T) {
	var zero T
	if *value == zero {
		*value = standard
	}
}

// Config is what a Server works with. Everything is required but what says otherwise.
type Config struct {
	// HealthOnly makes a server that answers /healthz, /readyz and /metrics and nothing else: what is behind these is all that it needs.
	HealthOnly bool

	Events   Events
	Ingester Ingester
	// Searchable returns once Events finds what Ingester acknowledged before the call. Optional: without it, it does at once.
	Searchable func(ctx context.Context) error
	Directory  Directory
	Keys       Keys
	// Sessions and LoginLinks are optional: without them nobody signs in, and keys are all that lets in.
	Sessions   Sessions
	LoginLinks LoginLinks
	// Providers are where people can sign in beside links. Optional.
	Providers  Providers
	Addresses  OtherAddresses
	Reminders  Reminders
	Deliveries Deliveries
	Messages   Messages
	Exports    Exports
	// Erasures may be nil: then nobody can be erased.
	Erasures Erasures
	Secrets  Secrets
	Jobs     Jobs
	Files    Files

	// Twilio verifies status callbacks. Optional: without it there are none.
	Twilio Verifier
	// Channels says which channels are configured, in the order in which they are shown.
	Channels []ChannelState
	// GeoIP finds the place of an address. Optional: without it events keep the place that they came with.
	GeoIP func(netip.Addr) (audit.Location, bool)
	// Ready lists what /readyz asks. Optional.
	Ready []ReadyCheck

	// TrustedProxies are the addresses of the proxies in front of the server: theirs alone is the word about where a request comes from. None: nobody's is.
	TrustedProxies []netip.Prefix
	// PublicURL is the address under which clients reach the server, without a final slash: "https://audit.example.com". Optional: without it
	// links are relative and Twilio's callbacks cannot be verified.
	PublicURL string
	// Hosts are the names by which the server may be reached, in lower case, beside those of this machine and the address of a connection itself. Where
	// OnlyHosts is set, requests to other names are refused, but for those of health.
	Hosts     []string
	OnlyHosts bool
	// TLS says that the listener that Serve is given speaks TLS.
	TLS bool
	// Metrics are written to and Gatherer is shown at /metrics. Optional: without them nothing is counted, or shown.
	Metrics  *Metrics
	Gatherer prometheus.Gatherer
	// Clock tells the time; time.Now where nil. Logger takes the access log and what went wrong; slog.Default where nil.
	Clock  func() time.Time
	Logger *slog.Logger
	// Version is shown in /openapi.yaml and /docs. Optional.
	Version string
	Limits  Limits
}
