package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/config"
)

// call connects, calls once, and prints the answer.
func call[T any](e *env, settings *config.Client, method, path string, query url.Values, in any, table func(w io.Writer, answer T)) error {
	server, err := e.connect(settings)
	if err != nil {
		return err
	}
	defer server.Close()
	var answer T
	if err := server.Call(e.ctx, method, path, query, in, &answer); err != nil {
		return err
	}
	return e.print(answer, func(w io.Writer) { table(w, answer) })
}

// remove connects and deletes.
func remove(e *env, settings *config.Client, path, done string) error {
	server, err := e.connect(settings)
	if err != nil {
		return err
	}
	defer server.Close()
	if err := server.Call(e.ctx, http.MethodDelete, path, nil, nil, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintln(e.Stdout, done)
	return err
}

type keysCommand struct {
	List   keysListCommand   `cmd:"" help:"List keys, revoked ones too."`
	Create keysCreateCommand `cmd:"" help:"Make a key; it is printed once."`
	Revoke keysRevokeCommand `cmd:"" help:"Revoke a key."`
}

type keysListCommand struct {
	config.Client `embed:""`
}

type keyList struct {
	Keys []audit.Key `json:"keys"`
}

// Run lists keys.
func (c *keysListCommand) Run(e *env) error {
	return call(e, &c.Client, http.MethodGet, "/v1/keys", nil, nil, func(w io.Writer, list keyList) {
		row(w, "ID", "NAME", "PREFIX", "MEMBER", "SCOPES", "CREATED", "EXPIRES", "LAST USED", "REVOKED")
		for _, k := range list.Keys {
			row(w, k.ID, k.Name, k.Prefix, k.Member, joined(k.Scopes), stamp(k.CreatedAt), stamp(k.ExpiresAt), stamp(k.LastUsedAt), stamp(k.RevokedAt))
		}
	})
}

func joined[T ~string](list []T) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = string(v)
	}
	return strings.Join(parts, ",")
}

type keysCreateCommand struct {
	config.Client `embed:""`

	Name    string        `arg:"" help:"What the key is for."`
	Scopes  []string      `required:"" help:"events:write, events:read, exports, reminders, members, admin." placeholder:"SCOPE"`
	Member  string        `placeholder:"ID" help:"Member for whom the key acts (default: the one who asks)."`
	Expires time.Duration `help:"How long it works: 2160h; 0 for ever." placeholder:"DURATION"`
}

// Run makes a key.
func (c *keysCreateCommand) Run(e *env) error {
	in := map[string]any{"name": c.Name, "scopes": c.Scopes}
	if c.Member != "" {
		in["member"] = c.Member
	}
	if c.Expires > 0 {
		in["expires_at"] = now().Add(c.Expires).Format(audit.TimeLayout)
	}
	type madeKey struct {
		audit.Key
		Secret string `json:"secret"`
	}
	return call(e, &c.Client, http.MethodPost, "/v1/keys", nil, in, func(w io.Writer, k madeKey) {
		fmt.Fprintf(w, "Key %s for %s, shown only now:\n  export AUDITTRAIL_KEY=%s\n", k.ID, plain(k.Member), k.Secret)
	})
}

type keysRevokeCommand struct {
	config.Client `embed:""`
	ID            string `arg:"" help:"Id of the key, from the list."`
}

// Run revokes a key.
func (c *keysRevokeCommand) Run(e *env) error {
	return remove(e, &c.Client, "/v1/keys/"+url.PathEscape(c.ID), "revoked")
}
