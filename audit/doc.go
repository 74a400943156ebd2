// Package audit is the domain of Audittrail: events, queries, members, roles, keys, exports, reminders
// and the errors they answer with. It validates, decides who may see what, and parses the text language.
//
// It is not a place for storage, transport or delivery: it imports the standard library only, so that every
// other package can import it and none of them shapes it.
package audit
