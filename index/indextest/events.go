package indextest

import (
	"net/netip"

	"github.com/audittrail/audittrail/audit"
)

// Changes that make a plain event special.

func message(text string) func(*audit.Event) { return func(e *audit.Event) { e.Message = text } }

func log(l audit.Log) func(*audit.Event) { return func(e *audit.Event) { e.Log = l } }

func action(a string) func(*audit.Event) { return func(e *audit.Event) { e.Action = a } }

func outcome(o audit.Outcome) func(*audit.Event) { return func(e *audit.Event) { e.Outcome = o } }

func platform(p string) func(*audit.Event) { return func(e *audit.Event) { e.Source.Platform = p } }

func actor(id, name string) func(*audit.Event) {
	return func(e *audit.Event) { e.Actor = audit.Actor{ID: id, Name: name} }
}

func target(id, name string) func(*audit.Event) {
	return func(e *audit.Event) { e.Targets = append(e.Targets, audit.Target{ID: id, Name: name}) }
}

func address(ip string) func(*audit.Event) {
	return func(e *audit.Event) { e.Source.IP = netip.MustParseAddr(ip) }
}
