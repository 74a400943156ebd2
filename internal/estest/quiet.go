//go:build unix

package estest

import (
	"io"
	"log"
)

// quiet drops what the proxy's server would say of clients that refuse its certificate: tests do that on purpose.
var quiet = log.New(io.Discard, "", 0)
