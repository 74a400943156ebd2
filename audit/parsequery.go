package audit

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// ParseQuery reads a query from the parameters log, range, action, actor, outcome, ip (each repeatable), from, to and q. Other parameters
// and empty values are ignored. from and to take RFC 3339 with an offset, or a day, which means its start in UTC. The error
// is CodeInvalid and names every parameter that is wrong; what it accepts, Validate accepts too.
func ParseQuery(values url.Values) (Query, error) {
	var c checker
	q := Query{
		Logs:     list[Log](values, "log"),
		Ranges:   list[string](values, "range"),
		Actions:  list[string](values, "action"),
		Actors:   list[string](values, "actor"),
		Outcomes: list[Outcome](values, "outcome"),
		From:     c.moment(values, "from"),
		To:       c.moment(values, "to"),
		Text:     c.single(values, "q"),
	}
	for _, text := range list[string](values, "ip") {
		prefix, err := ParseNetwork(text)
		if err != nil {
			c.add("ip", "%q is not an IP address or network, like 203.0.113.7 or 10.0.0.0/8", shorten(text))
			continue
		}
		q.IPs = append(q.IPs, prefix)
	}
	q.check(&c)
	if err := c.err(); err != nil {
		return Query{}, err
	}
	return q, nil
}

// list returns the values of a parameter that are not empty.
func list[T ~string](values url.Values, name string) []T {
	var out []T
	for _, v := range values[name] {
		if v != "" {
			out = append(out, T(v))
		}
	}
	return out
}

// single returns the value of a parameter that may be given once.
func (c *checker) single(values url.Values, name string) string {
	given := list[string](values, name)
	switch len(given) {
	case 0:
		return ""
	case 1:
		return given[0]
	}
	c.add(name, "is given %d times; give it once", len(given))
	return ""
}

// moment returns the value of a parameter that is a time.
func (c *checker) moment(values url.Values, name string) time.Time {
	text := c.single(values, name)
	if text == "" {
		return time.Time{}
	}
	t, err := parseMoment(text)
	if err != nil {
		hint := ""
		if strings.Contains(text, " ") {
			hint = "; in a URL + must be written as %2B"
		}
		c.add(name, "%q is not a time: it must be RFC 3339 with an offset, like 2026-11-20T08:15:30Z, or a day, like 2026-11-20%s", shorten(text), hint)
	}
	return t
}

// parseMoment reads RFC 3339 with an offset, or a day, which means its start in UTC.
func parseMoment(text string) (time.Time, error) {
	if len(text) == len(time.DateOnly) {
		return time.Parse(time.DateOnly, text)
	}
	return parseTime(text)
}

// ParseNetwork reads an IP address (as a network of one) or a network in CIDR form. Bits behind the network's length are cleared, and
// IPv4 that is mapped into IPv6 becomes IPv4. Zones are refused.
func ParseNetwork(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		addr, err := netip.ParseAddr(text)
		if err == nil && addr.Zone() != "" {
			err = fmt.Errorf("%q has a zone", text)
		}
		if err != nil {
			return netip.Prefix{}, err
		}
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	const mapped = 96 // the length of ::ffff:0:0/96, below which IPv4 is mapped
	if prefix.Addr().Is4In6() && prefix.Bits() >= mapped {
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-mapped)
	}
	return prefix.Masked(), nil
}

// Validate says whether an engine may run the query: known logs and outcomes, well-formed ranges, actions, actors and networks, at most
// MaxFilterValues of each (MaxFilterActions of actions), From before To, and text that ParseText reads. The error is CodeInvalid and names every
// parameter that is wrong. Times beyond the horizon of now are allowed: nothing is found there.
func (q Query) Validate(now time.Time) error {
	_ = now // the horizon moves while a query is kept, so it does not make one invalid
	var c checker
	q.check(&c)
	return c.err()
}

func (q Query) check(c *checker) {
	if c.atMost("log", len(q.Logs), MaxFilterValues) {
		for _, v := range q.Logs {
			c.enum("log", string(v), logWords)
		}
	}
	if c.atMost("range", len(q.Ranges), MaxFilterValues) {
		for _, v := range q.Ranges {
			if !isRange(v) || len(v) > MaxActionBytes {
				c.add("range", "%q is not a range: it must be of a-z, 0-9 and _, like contacts", shorten(v))
			}
		}
	}
	if c.atMost("action", len(q.Actions), MaxFilterActions) {
		for _, v := range q.Actions {
			if !isActionPattern(v) {
				c.add("action", "%q is not an action, like contacts.member.added, or all below one, like contacts.*", shorten(v))
			}
		}
	}
	if c.atMost("actor", len(q.Actors), MaxFilterValues) {
		for _, v := range q.Actors {
			c.required("actor", v, MaxIDBytes)
		}
	}
	if c.atMost("outcome", len(q.Outcomes), MaxFilterValues) {
		for _, v := range q.Outcomes {
			c.enum("outcome", string(v), outcomeWords)
		}
	}
	if c.atMost("ip", len(q.IPs), MaxFilterValues) {
		for _, v := range q.IPs {
			if !v.IsValid() {
				c.add("ip", "is not a network")
			}
		}
	}
	if !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		c.add("from", "must be before to, and %s is not before %s", q.From.UTC().Format(TimeLayout), q.To.UTC().Format(TimeLayout))
	}
	if _, err := ParseText(q.Text); err != nil {
		c.fields = append(c.fields, err.(*Error).Fields...) //nolint:errorlint // ParseText returns it unwrapped
	}
}

// Values returns the query as parameters, which ParseQuery reads as the same query.
func (q Query) Values() url.Values {
	values := url.Values{}
	set := func(name string, all []string) {
		if len(all) > 0 {
			values[name] = all
		}
	}
	set("log", words(q.Logs))
	set("range", slices.Clone(q.Ranges))
	set("action", slices.Clone(q.Actions))
	set("actor", slices.Clone(q.Actors))
	set("outcome", words(q.Outcomes))
	for _, ip := range q.IPs {
		text := ip.String()
		if ip.IsSingleIP() {
			text = ip.Addr().String()
		}
		values.Add("ip", text)
	}
	if !q.From.IsZero() {
		values.Set("from", q.From.UTC().Format(TimeLayout))
	}
	if !q.To.IsZero() {
		values.Set("to", q.To.UTC().Format(TimeLayout))
	}
	if q.Text != "" {
		values.Set("q", q.Text)
	}
	return values
}

// MatchAction says whether the action is the pattern, or below it where the pattern ends in ".*": "contacts.*" matches
// "contacts.member.added" and not "contacts".
func MatchAction(pattern, action string) bool {
	if below, ok := strings.CutSuffix(pattern, "*"); ok && strings.HasSuffix(below, ".") {
		return strings.HasPrefix(action, below)
	}
	return pattern == action
}
