package sample

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// event makes one of the everyday events: about 60 in 100 are logins, 27 operations and 13 of one product.
func (g *generator) event(at time.Time) *audit.Event {
	e := &audit.Event{ID: g.identify(at), Time: at, Outcome: audit.OutcomeSuccess}
	switch n := g.random.n(1000); {
	case n < 597:
		g.login(e)
	case n < 865:
		g.act(e, audit.LogOperation, operations.draw(g.random), g.administrator())
	default:
		g.act(e, audit.LogProduct, products.draw(g.random), g.someone())
	}
	return e
}

// administrator draws an admin whose office is awake, where one is found quickly.
func (g *generator) administrator() int {
	member := 0
	for range 8 {
		member = g.admins[g.admin.draw(g.random)]
		desk := g.people[member].office
		before := 0.0
		if desk > 0 {
			before = g.nearby[desk-1]
		}
		if g.nearby[desk]-before > 0.25*g.offices[desk].share {
			break
		}
	}
	return member
}

// act makes an operation or a product event. One in fifteen operations is done by a key, by day and by night.
func (g *generator) act(e *audit.Event, log audit.Log, k *kind, member int) {
	e.Log, e.Action = log, k.action
	e.Metadata = map[string]string{"request": "req_" + g.token(12)}
	if log == audit.LogOperation && g.random.chance(15) {
		e.Actor = audit.Actor{ID: "k_hr_sync", Name: "HR directory sync", Type: "key"}
		e.Source = audit.Source{IP: netip.AddrFrom4([4]byte{203, 0, 113, 250}), Platform: "api", UserAgent: "acme-hr-sync/2.3.1 (+https://hr.example.com)"}
	} else {
		e.Actor = g.actor(member)
		e.Source, _ = g.source(member, e.Time)
	}
	if g.random.chance(3) {
		e.Metadata["ticket"] = pick(g.random, ticketQueues) + strconv.Itoa(g.random.between(100, 9999))
	}
	if log == audit.LogProduct {
		e.Product = audit.RangeOf(k.action)
	}
	e.Message = e.Actor.Name + " " + k.fill(g, e)
	if g.random.chance(30) {
		e.Outcome, e.Changes = audit.OutcomeFailure, nil
		reason := pick(g.random, refusals)
		e.Metadata["reason"] = reason
		e.Message = "Refused (" + reason + "): " + e.Message
	}
}

var (
	ticketQueues = []string{"OPS-", "OPS-", "HR-", "SEC-", "IT-"}
	refusals     = []string{"approval by a second person is missing", "changed by somebody else meanwhile", "seat limit reached"}
	wrongs       = []string{"wrong password", "wrong password", "wrong password", "one-time code expired", "account locked", "device not enrolled"}
	methods      = []string{"password+totp", "password+totp", "sso", "sso", "sso", "passkey"}
)

// login makes an entry of the Login History. Sessions end in the afternoon more often than in the morning.
func (g *generator) login(e *audit.Event) {
	member := g.someone()
	e.Log, e.Actor = audit.LogLogin, g.actor(member)
	source, with := g.source(member, e.Time)
	e.Source = source
	e.Metadata = map[string]string{"session": "s_" + g.token(16), "method": pick(g.random, methods)}
	name := e.Actor.Name
	ends := 20
	if e.Time.In(g.offices[g.people[member].office].zone).Hour() >= 15 {
		ends = 45
	}
	switch n := g.random.n(100); {
	case n < 7:
		e.Action, e.Outcome = "login.failed", audit.OutcomeFailure
		reason := pick(g.random, wrongs)
		e.Metadata["reason"] = reason
		e.Message = name + " could not sign in with " + with + " from " + source.Location.City + ": " + reason
	case n < ends:
		e.Action = "login.ended"
		minutes := strconv.Itoa(g.random.between(4, 540))
		e.Metadata["minutes"] = minutes
		e.Message = name + " signed out of " + with + " after " + minutes + " minutes"
	default:
		e.Action = "login.succeeded"
		e.Message = name + " signed in with " + with + " from " + source.Location.City
	}
}

func (g *generator) actor(member int) audit.Actor {
	return audit.Actor{ID: g.Members[member].ID, Name: g.people[member].name, Type: "member"}
}

// burstEvent makes the burst's next event.
func (g *generator) burstEvent(b *burst) *audit.Event {
	at := b.next.Truncate(audit.TimePrecision)
	e := &audit.Event{ID: g.identify(at), Time: at, Outcome: audit.OutcomeSuccess}
	if !b.attack {
		k := importing
		g.act(e, audit.LogOperation, &k, b.member)
		e.Metadata["import"] = "imp_" + strconv.FormatUint(b.key&0xffffff, 36)
		e.Metadata["row"] = strconv.Itoa(b.sent + 1)
		return e
	}
	member := b.member
	if b.spray {
		member = int(hash(b.key, uint64(b.sent/2)) % uint64(len(g.Members)))
	}
	e.Log, e.Actor = audit.LogLogin, g.actor(member)
	e.Source = audit.Source{IP: attackerIP(b.key), Platform: "web", UserAgent: b.tool}
	e.Metadata = map[string]string{"session": "s_" + g.token(16), "method": "password"}
	try := strconv.Itoa(b.sent + 1)
	if b.succeed && b.sent == b.size-1 {
		e.Action = "login.succeeded"
		e.Message = e.Actor.Name + " signed in with a password from a network not seen before, after " + try + " tries"
		return e
	}
	e.Action, e.Outcome = "login.failed", audit.OutcomeFailure
	e.Metadata["reason"], e.Metadata["try"] = "wrong password", try
	e.Message = e.Actor.Name + " could not sign in from a network not seen before: wrong password (try " + try + ")"
	return e
}

const tokens = "0123456789abcdefghjkmnpqrstvwxyz"

// token makes n random characters, at most 24.
func (g *generator) token(n int) string {
	var b [24]byte
	var bits uint64
	for i := range n {
		if i%12 == 0 {
			bits = g.random.next()
		}
		b[i] = tokens[bits&31]
		bits >>= 5
	}
	return string(b[:n])
}
