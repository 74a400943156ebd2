// Package catcher holds servers that take mails and text messages on this machine, keep them in memory for somebody to look at,
// and send nothing anywhere: a mail server, and a stand-in for Twilio's messages. They can be told to fail in the ways in which
// the real ones do. The demo and the tests use them.
//
// They are not for production: everything they keep is gone when they close, and anybody on this machine may read it.
package catcher

// keep is how many mails or text messages a catcher holds; the oldest goes first.
const keep = 1000
