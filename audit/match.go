package audit

import (
	"net/netip"
	"slices"
	"strings"
)

// Matches says whether the event passes every filter of the query but the text, as a search would find it. The text is matched by
// internal/fulltext, and that the event is not past the horizon is up to the caller.
func (q Query) Matches(e *Event) bool {
	return among(q.Logs, e.Log) && among(q.Ranges, e.Range()) && among(q.Actors, e.Actor.ID) && among(q.Outcomes, e.Outcome) &&
		oneOf(q.Actions, func(pattern string) bool { return MatchAction(pattern, e.Action) }) &&
		oneOf(q.IPs, func(network netip.Prefix) bool { return network.Contains(e.Source.IP.Unmap()) }) &&
		(q.From.IsZero() || !e.Time.Before(q.From)) && (q.To.IsZero() || e.Time.Before(q.To))
}

// Names says whether the query asks for the range by name: as a range, by actions of it, or by a qualifier of the text.
func (q Query) Names(name string) bool {
	inRange := func(action string) bool { return RangeOf(action) == name }
	if slices.Contains(q.Ranges, name) || slices.ContainsFunc(q.Actions, inRange) {
		return true
	}
	expr, err := ParseText(q.Text)
	return err == nil && asksFor(expr, name)
}

func asksFor(expr Expr, name string) bool {
	switch e := expr.(type) {
	case And:
		return slices.ContainsFunc(e, func(part Expr) bool { return asksFor(part, name) })
	case Or:
		return slices.ContainsFunc(e, func(part Expr) bool { return asksFor(part, name) })
	case Qualifier:
		return (e.Field == FieldRange || e.Field == FieldAction) && strings.EqualFold(RangeOf(e.Value), name)
	}
	return false
}

func among[T comparable](values []T, v T) bool { return len(values) == 0 || slices.Contains(values, v) }

func oneOf[T any](values []T, matches func(T) bool) bool {
	return len(values) == 0 || slices.ContainsFunc(values, matches)
}
