// Command standalone is audittrail with an embedded Temporal server: everything in one process, with nothing else installed.
package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/audittrail/audittrail/internal/app"
	"github.com/audittrail/audittrail/internal/cli"
	"github.com/audittrail/audittrail/standalone/embedded"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], cli.Options{StartTemporal: startTemporal, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}))
}

func startTemporal(ctx context.Context, dataDir string, port int, logger *slog.Logger) (app.TemporalServer, error) {
	return embedded.Start(ctx, embedded.Options{DataDir: dataDir, Port: port, Logger: logger})
}
