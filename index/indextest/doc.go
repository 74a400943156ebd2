// Package indextest holds the conformance suite of an index: every engine runs Run, and what passes it keeps the promises that
// the comments of package index make. Model is the naive engine that says what the right answers are; it also serves as a fake in
// tests of packages that need an index.
//
// It is for tests only, and it does not measure speed.
package indextest
