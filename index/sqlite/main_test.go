package sqlite

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain also serves the test of sudden death: that one starts this binary again as the process to be killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		os.Exit(victim(os.Stdout, dir, os.Getenv(victimRound)))
	}
	goleak.VerifyTestMain(m)
}
