// Package embedded runs a Temporal server inside this process, on files of one data directory: what makes Audittrail need nothing but
// itself on one machine.
//
// It is for one process on one machine. Its ports listen on the loopback interface only and ask nobody who they are, so whoever has an
// account on the machine can reach them. Production runs against a Temporal cluster of its own.
//
// What the server has acknowledged is on the disk: SQLite in WAL mode with synchronous=full, so it survives a kill -9 of the process as
// well as a loss of power. That costs an fsync a transition, and is needed: a reminder's checkpoint moves on once Temporal has
// taken the matches over.
package embedded
