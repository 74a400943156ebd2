package cli

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/audittrail/audittrail/internal/config"
)

type membersEraseCommand struct {
	config.Client `embed:""`

	ID  string `arg:"" help:"Id of the member."`
	Yes bool   `help:"Do not ask: it cannot be undone."`
}

// Help is shown behind the summary.
func (membersEraseCommand) Help() string {
	return `The member's name, addresses, picture, departments and what identity providers call them are deleted, with their sessions, keys, messages and places in
reminders. Every event stays, and is shown with a random pseudonym. The id is not used again. docs/privacy.md says what remains where, and for how long.
Doing it again finishes what was cut short.

  audittrail members erase u_42`
}

// Run asks whether it is meant, and erases the member.
func (c *membersEraseCommand) Run(e *env) error {
	if err := c.confirm(e); err != nil {
		return err
	}
	server, err := e.connect(&c.Client)
	if err != nil {
		return err
	}
	defer server.Close()
	var card struct {
		ID       string    `json:"id"`
		Name     string    `json:"name"`
		ErasedAt time.Time `json:"erased_at"`
	}
	if err := server.Call(e.ctx, http.MethodPost, "/v1/members/"+url.PathEscape(c.ID)+"/erase", nil, map[string]string{"confirm": c.ID}, &card); err != nil {
		return err
	}
	return e.print(card, func(w io.Writer) { fmt.Fprintf(w, "erased: %s is %s from now on\n", plain(card.ID), plain(card.Name)) })
}

// confirm wants --yes, or the id typed once more at a terminal.
func (c *membersEraseCommand) confirm(e *env) error {
	if c.Yes {
		return nil
	}
	if !isTerminal(e.Stdin) {
		return usagef("an erasure cannot be undone: --yes says that it is meant")
	}
	fmt.Fprintf(e.Stderr, "This cannot be undone. Type the id %s to erase the member: ", plain(c.ID))
	typed, err := bufio.NewReader(e.Stdin).ReadString('\n')
	if strings.TrimSpace(typed) != c.ID || err != nil && typed == "" {
		return usagef("nobody was erased: that was not the id")
	}
	return nil
}
