// Package test holds the end-to-end tests: the main job as a person or a
// producer sees it, through HTTP and the command line, on the real engines, a
// real Temporal server and real SMTP and Twilio conversations.
//
// It is for what only the whole can show: that the parts fit, that nothing
// acknowledged is lost when a process is killed, that every answer keeps to
// the published contract. What one package promises by itself is tested there.
package test
