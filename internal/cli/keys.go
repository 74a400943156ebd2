package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
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

// remove connects and deletes what has the id below the path.
func remove(e *env, settings *config.Client, path, id, result string) error {
	server, err := e.connect(settings)
	if err != nil {
		return err
	}
	defer server.Close()
	if err := server.Call(e.ctx, http.MethodDelete, path+url.PathEscape(id), nil, nil, nil); err != nil {
		return err
	}
	return e.done(id, result)
}

type keysCommand struct {
	List   keysListCommand   `cmd:"" help:"List keys, revoked ones too."`
	Create keysCreateCommand `cmd:"" help:"Make a key; it is printed once."`
	Rotate keysRotateCommand `cmd:"" help:"Give a key a new secret; it is printed once, and the old one works for a while."`
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
		row(w, "ID", "NAME", "PREFIX", "MEMBER", "SCOPES", "ALLOWED FROM", "CREATED", "EXPIRES", "LAST USED", "REVOKED", "REPLACED BY")
		for _, k := range list.Keys {
			row(w, k.ID, k.Name, k.Prefix, k.Member, joined(k.Scopes), blocks(k.AllowedAddresses), stamp(k.CreatedAt), stamp(k.ExpiresAt), stamp(k.LastUsedAt), stamp(k.RevokedAt), k.ReplacedBy)
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

// blocks writes addresses alone without their length.
func blocks(list []netip.Prefix) string {
	parts := make([]string, len(list))
	for i, block := range list {
		if parts[i] = block.String(); block.IsSingleIP() {
			parts[i] = block.Addr().String()
		}
	}
	return strings.Join(parts, ",")
}

type keysCreateCommand struct {
	config.Client `embed:""`

	Name    string        `arg:"" help:"What the key is for."`
	Scopes  []string      `required:"" help:"events:write, events:read, exports, reminders, members, admin." placeholder:"SCOPE"`
	Member  string        `placeholder:"ID" help:"Member for whom the key acts (default: the one who asks)."`
	Expires time.Duration `help:"How long it works: 2160h; 0 for ever." placeholder:"DURATION"`
	Allow   []string      `help:"Addresses or blocks from which it may be used: 203.0.113.7,10.0.0.0/8 (default: from everywhere)." placeholder:"CIDR"`
}

// Run makes a key.
func (c *keysCreateCommand) Run(e *env) error {
	if c.Expires < 0 {
		return usagef("--expires must not be negative: give how long the key works, like 2160h, or 0 for ever")
	}
	in := map[string]any{"name": c.Name, "scopes": c.Scopes}
	if c.Member != "" {
		in["member"] = c.Member
	}
	if c.Expires > 0 {
		in["expires_at"] = now().Add(c.Expires).Format(audit.TimeLayout)
	}
	if len(c.Allow) > 0 {
		in["allowed_addresses"] = c.Allow
	}
	return call(e, &c.Client, http.MethodPost, "/v1/keys", nil, in, func(w io.Writer, k madeKey) {
		fmt.Fprintf(w, "Key %s for %s, shown only now:\n  export AUDITTRAIL_KEY=%s\n", k.ID, plain(k.Member), k.Secret)
	})
}

// madeKey is a key with its secret. Previous is the one that it takes the place of.
type madeKey struct {
	audit.Key
	Secret   string     `json:"secret"`
	Previous *audit.Key `json:"previous,omitempty"`
}

type keysRotateCommand struct {
	config.Client `embed:""`

	ID      string        `arg:"" help:"Id of the key, from the list."`
	Overlap time.Duration `default:"24h" help:"For how long the old secret goes on working, up to 168h." placeholder:"DURATION"`
}

// Run rotates a key.
func (c *keysRotateCommand) Run(e *env) error {
	in := map[string]any{"overlap_seconds": int64(c.Overlap / time.Second)}
	return call(e, &c.Client, http.MethodPost, "/v1/keys/"+url.PathEscape(c.ID)+"/rotate", nil, in, func(w io.Writer, k madeKey) {
		fmt.Fprintf(w, "Key %s takes the place of %s", k.ID, plain(c.ID))
		if k.Previous != nil {
			fmt.Fprintf(w, ", which works until %s", stamp(k.Previous.ExpiresAt))
		}
		fmt.Fprintf(w, ". Shown only now:\n  export AUDITTRAIL_KEY=%s\n", k.Secret)
	})
}

type keysRevokeCommand struct {
	config.Client `embed:""`
	ID            string `arg:"" help:"Id of the key, from the list."`
}

// Run revokes a key.
func (c *keysRevokeCommand) Run(e *env) error {
	return remove(e, &c.Client, "/v1/keys/", c.ID, "revoked")
}
