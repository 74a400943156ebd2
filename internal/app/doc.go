// Package app puts the parts together: it opens the engines, connects them, runs them in one process and ends them in good order.
// It is the only package that sees all of them; commands and end-to-end tests go through it.
//
// It decides nothing about events, exports or reminders.
package app
