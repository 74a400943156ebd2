// Package workflows is what Temporal runs: exports, dispatch, reminders with their deliveries, and retention. A workflow says in which order
// activities happen, how long to wait, and what to do when something fails for good.
//
// Nothing here reads a clock, a record or a file: a workflow is replayed from its history and has to do the same again. Its input is
// ids; the truth is in index and store, so a workflow that Temporal has lost can be started again at any time.
package workflows
