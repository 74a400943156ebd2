// Package api is the HTTP API of Audittrail: routes, authentication, the form of errors, limits and metrics. Its contract is
// openapi.yaml, which the server serves and the tests hold it to, both ways.
//
// It decides who may call what and how an answer looks. It does not decide what is stored or found: events live behind Events and
// Ingester, records behind the role interfaces of Config, and work that takes longer than a request behind Jobs. Every
// answer that shows data, and every change, is itself recorded as an event (range audit_trail) before it is given.
package api
