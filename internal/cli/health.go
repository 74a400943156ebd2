package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/audittrail/audittrail/internal/client"
	"github.com/audittrail/audittrail/internal/config"
)

// healthTimeout is the longest that a server may take to say how it is.
const healthTimeout = 4 * time.Second

type healthCommand struct {
	config.Client `embed:""`
	Ready         bool `name:"ready" help:"Ask too whether everything works that the server needs."`
}

// Help is shown behind the summary.
func (healthCommand) Help() string {
	return `Ends with 0 where the server lives, and with 1 where it does not: for health checks in containers without a shell. With --ready every part
that the server needs has to work, and those that do not are named.`
}

// health is what a server says of itself.
type health struct {
	Status string       `json:"status"`
	Parts  []healthPart `json:"parts,omitempty"`
}

type healthPart struct {
	Name   string `json:"name"`
	State  string `json:"state"`
	Detail string `json:"detail,omitempty"`
}

// Run asks once.
func (c *healthCommand) Run(e *env) error {
	if _, err := e.load(&c.Client); err != nil {
		return err
	}
	if err := c.Check(); err != nil {
		return usageError{err}
	}
	path := "/healthz"
	if c.Ready {
		path = "/readyz"
	}
	trusted, err := trustedBy(&c.Client)
	if err != nil {
		return err
	}
	answer, status, err := askHealth(e.ctx, c.Server, path, trusted)
	if err != nil {
		return err
	}
	err = e.print(answer, func(w io.Writer) {
		fmt.Fprintf(w, "%s is %s\n", c.Server, plain(answer.Status))
		for _, part := range answer.Parts {
			row(w, "  "+plain(part.Name), plain(part.State), plain(part.Detail))
		}
	})
	if err == nil && status != http.StatusOK {
		err = errors.New("the server cannot do its work now")
	}
	return err
}

func askHealth(ctx context.Context, server, path string, trusted *x509.CertPool) (answer health, status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(server, "/")+path, http.NoBody)
	if err != nil {
		return health{}, 0, err
	}
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trusted}}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return health{}, 0, &client.UnreachableError{Server: server, Err: err}
	}
	defer response.Body.Close()
	err = json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&answer)
	if err != nil || answer.Status == "" {
		return health{}, 0, fmt.Errorf("what answers at %s is not Audittrail (status %d)", server, response.StatusCode)
	}
	return answer, response.StatusCode, nil
}
