package sample

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// office is a place where people work, in its own time zone.
type office struct {
	city, country string
	zone          *time.Location
	share         float64 // of all members
	cultures      []int   // indexes of cultures; the first is the usual one
	phone         func(r *random) string
}

// Phone numbers come from ranges that the countries' regulators keep for films and books. Offices in countries without such a
// range have numbers of Washington, D.C.
func offices() []office {
	american := func(area int) func(*random) string {
		return func(r *random) string { return fmt.Sprintf("+1%d555%04d", area, 100+r.n(100)) }
	}
	london := func(r *random) string { return fmt.Sprintf("+44207946%04d", r.n(1000)) }
	berlin := func(r *random) string { return fmt.Sprintf("+493023125%03d", r.n(1000)) }
	paris := func(r *random) string { return fmt.Sprintf("+33199%06d", r.n(10000)) }
	sydney := func(r *random) string { return pick(r, []string{"+61491570006", "+61491570156", "+61491570157"}) }
	return []office{
		{"Berlin", "DE", zone("Europe/Berlin"), 0.26, []int{german, german, turkish, polish, vietnamese}, berlin},
		{"London", "GB", zone("Europe/London"), 0.16, []int{english, english, indian, irish, nigerian}, london},
		{"New York", "US", zone("America/New_York"), 0.16, []int{english, hispanic, chinese, korean, arabic}, american(212)},
		{"Tokyo", "JP", zone("Asia/Tokyo"), 0.11, []int{japanese, japanese, japanese, korean, chinese}, american(202)},
		{"Bengaluru", "IN", zone("Asia/Kolkata"), 0.11, []int{indian}, american(202)},
		{"Paris", "FR", zone("Europe/Paris"), 0.08, []int{french, french, arabic, portuguese}, paris},
		{"São Paulo", "BR", zone("America/Sao_Paulo"), 0.07, []int{portuguese, portuguese, japanese}, american(202)},
		{"Sydney", "AU", zone("Australia/Sydney"), 0.05, []int{english, greek, vietnamese}, sydney},
	}
}

func zone(name string) *time.Location {
	location, err := time.LoadLocation(name)
	if err != nil {
		panic("sample: " + err.Error()) // cannot happen: the database is compiled in
	}
	return location
}

// hours is how busy each hour of a working day is, by local time.
var hours = [24]float64{
	0.010, 0.006, 0.005, 0.005, 0.008, 0.02, 0.08, 0.35, 0.85, 1.00, 0.95, 0.90,
	0.55, 0.75, 0.92, 0.90, 0.80, 0.60, 0.30, 0.14, 0.09, 0.06, 0.035, 0.02,
}

// busy is how busy the office is in the hour that begins at the time.
func (o *office) busy(at time.Time) float64 {
	local := at.In(o.zone)
	weight := hours[local.Hour()]
	switch local.Weekday() {
	case time.Saturday:
		weight *= 0.05
	case time.Sunday:
		weight *= 0.03
	case time.Friday:
		if local.Hour() >= 14 {
			weight *= 0.7
		}
	}
	return weight * o.share
}

// Addresses are of the documentation networks: offices and VPN in 203.0.113.0/24, homes and hotels in 198.51.100.0/24, mobile
// networks in 2001:db8::/32, attackers in 192.0.2.0/24.
func officeIP(office int, r *random) netip.Addr {
	return netip.AddrFrom4([4]byte{203, 0, 113, byte(8 + office*8 + r.n(4))})
}

func vpnIP(r *random) netip.Addr { return netip.AddrFrom4([4]byte{203, 0, 113, byte(200 + r.n(6))}) }

func homeIP(member int) netip.Addr {
	return netip.AddrFrom4([4]byte{198, 51, 100, byte(1 + hash(uint64(member))%254)})
}

func mobileIP(office, member int, r *random) netip.Addr {
	return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, byte(office + 1), byte(member >> 8), byte(member), 15: byte(1 + r.n(8))})
}

func attackerIP(n uint64) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + n%254)}) }

// client is a program that people sign in with.
type client struct {
	platform, title, agent string
	weight                 float64
}

var browsers = newWeighted([]client{
	{"web", "Chrome on Windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36", 34},
	{"web", "Edge on Windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0", 20},
	{"web", "Chrome on macOS", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36", 16},
	{"web", "Safari on macOS", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15", 10},
	{"web", "Firefox on Linux", "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0", 7},
	{"web", "Firefox on Windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0", 6},
	{"desktop", "the desktop app on Windows", "AcmeDesktop/8.4.2 (Windows 11; x64) Electron/38.1.0", 7},
}, func(c client) float64 { return c.weight })

var phones = newWeighted([]client{
	{"ios", "iPhone", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1", 5},
	{"ios", "the iPhone app", "Acme/8.4.1 (iPhone16,2; iOS 18.6; Scale/3.00)", 4},
	{"android", "Chrome on Android", "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36", 5},
	{"android", "the Android app", "Acme/8.4.0 (Android 15; SM-S931B)", 3},
}, func(c client) float64 { return c.weight })

var attackTools = []string{"python-requests/2.32.5", "Go-http-client/2.0", "curl/8.14.1", "okhttp/4.12.0"}

// source says from where and with what a member acts at the time. Each week about one member in thirty works from another office.
func (g *generator) source(member int, at time.Time) (audit.Source, string) {
	home := g.people[member].office
	place := home
	week := uint64(at.Unix() / (7 * 24 * 3600))
	if h := hash(g.opts.Seed, uint64(member), week); h%30 == 0 {
		place = int(h>>32) % len(g.offices)
	}
	where := g.offices[place]
	s := audit.Source{Location: audit.Location{Country: where.country, City: where.city}}
	kind := g.random.n(100)
	if kind < 22 {
		c := phones.draw(g.random)
		s.IP, s.Platform, s.UserAgent = mobileIP(place, member, g.random), c.platform, c.agent
		return s, c.title
	}
	c := browsers.draw(g.random)
	s.Platform, s.UserAgent = c.platform, c.agent
	switch {
	case place != home, kind < 40:
		s.IP = homeIP(member)
	case kind < 52:
		s.IP, s.Platform = vpnIP(g.random), "vpn"
		s.Location = audit.Location{Country: g.offices[0].country, City: g.offices[0].city} // where the VPN leaves
	default:
		s.IP = officeIP(place, g.random)
	}
	return s, c.title
}
