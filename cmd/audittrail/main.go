// Command audittrail is the command line without an embedded Temporal server: the small program for production and for clients.
package main

import (
	"os"

	"github.com/audittrail/audittrail/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], cli.Options{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}))
}
