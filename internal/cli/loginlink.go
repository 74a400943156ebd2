package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/audittrail/audittrail/internal/app"
	"github.com/audittrail/audittrail/internal/config"
	"github.com/audittrail/audittrail/store"
)

type loginLinkCommand struct {
	config.Config `embed:""`

	Organization string `placeholder:"ID" help:"Organization (default: the only one)."`
	Member       string `placeholder:"ID" help:"Member who is signed in (default: the organization's creator)."`
}

// Help is shown behind the summary.
func (loginLinkCommand) Help() string {
	return `The link works once, within ten minutes, for whoever has it. It is made on the records themselves, whether the server runs or not: whoever can
write them owns the installation. The trail records it when it is used.

  audittrail login-link --organization acme --member u_1`
}

// Run makes the link and prints it.
func (c *loginLinkCommand) Run(e *env) error {
	return e.lookAtStore(&c.Config, func(records store.Store) error {
		base := c.PublicURL
		if base == "" {
			base = localURL(&c.Config)
		}
		link, err := app.NewLoginLink(e.ctx, records, c.Organization, c.Member, base, now())
		if err != nil {
			return err
		}
		return e.print(link, func(w io.Writer) { announceLink(w, link) })
	})
}

// announceLink prints a link for a person. The address stands alone on its line, to be copied.
func announceLink(w io.Writer, link app.LoginLink) {
	fmt.Fprintf(w, "Sign in to the console as %s of %s, once and before %s:\n  %s\n", plain(link.Member), plain(link.Organization), stamp(link.ExpiresAt), link.URL)
}

// offerSignIn prints how to get into the console.
func (e *env) offerSignIn(cfg *config.Config, a *app.App) {
	link, err := a.LoginLink(e.ctx)
	if err != nil {
		fmt.Fprintf(e.Stdout, "No link to sign in to the console: %v\nWhen there is one to sign in: audittrail login-link --organization … --member …\n", err)
		return
	}
	announceLink(e.Stdout, link)
	fmt.Fprintln(e.Stdout, "Another link: "+e.anotherLink(cfg, link))
}

// anotherLink is the command that makes one more link like this one: of the same records, and to the same address, as far as flags said where these are.
func (e *env) anotherLink(cfg *config.Config, like app.LoginLink) string {
	command := "audittrail login-link"
	if e.file != "" {
		command += " --config " + e.file
	}
	if e.flags["data-dir"] {
		command += " --data-dir " + cfg.DataDir
	}
	if e.flags["listen"] || e.flags["public-url"] || e.flags["tls-cert-file"] {
		base, _, _ := strings.Cut(like.URL, "/sign-in?")
		command += " --public-url " + base
	}
	return command
}
