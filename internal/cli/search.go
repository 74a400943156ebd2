package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/config"
)

// filters are those of a search and of an export.
type filters struct {
	Log     []string `help:"Log: login, operation, product." placeholder:"LOG"`
	Range   []string `help:"Range of actions: contacts, open_platform, enterprise, …"`
	Action  []string `help:"Action, or all below one: contacts.*" placeholder:"ACTION"`
	Actor   []string `help:"Id of who acted." placeholder:"ID"`
	Outcome []string `help:"success, failure or unknown."`
	IP      []string `name:"ip" help:"Address or network: 10.0.0.0/8." placeholder:"IP"`
	From    string   `help:"Earliest time: 2026-11-20, 2026-11-20T08:00:00Z, or how long ago: 24h, 7d." placeholder:"TIME"`
	To      string   `help:"Time before which: as --from." placeholder:"TIME"`
}

// values are the filters as the API takes them.
func (f filters) values(text string) (url.Values, error) {
	values := url.Values{}
	for name, list := range map[string][]string{"log": f.Log, "range": f.Range, "action": f.Action, "actor": f.Actor, "outcome": f.Outcome, "ip": f.IP} {
		if len(list) > 0 {
			values[name] = list
		}
	}
	for name, text := range map[string]string{"from": f.From, "to": f.To} {
		at, err := parseTime(text)
		if err != nil {
			return nil, usagef("--%s: %w", name, err)
		}
		if at != "" {
			values.Set(name, at)
		}
	}
	if text != "" {
		values.Set("q", text)
	}
	return values, nil
}

// mostDays is how long ago a time may be where that is said by its length: a hundred years, so that a slip of the finger makes no year that no server reads.
const mostDays = 36525

// parseTime turns "24h", "7d", a day or a time into a time of the API. A day begins at 00:00 UTC.
func parseTime(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	tooLong := fmt.Errorf("%q is too long ago: at most %dd", text, mostDays)
	if days, found := strings.CutSuffix(text, "d"); found {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 {
			if n > mostDays {
				return "", tooLong
			}
			return now().AddDate(0, 0, -n).Format(audit.TimeLayout), nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		if ago > mostDays*24*time.Hour {
			return "", tooLong
		}
		return now().Add(-ago).Format(audit.TimeLayout), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC().Format(audit.TimeLayout), nil
		}
	}
	return "", fmt.Errorf("%q is not a time: it must be like 2026-11-20, 2026-11-20T08:00:00Z, 24h or 7d", text)
}

type searchCommand struct {
	config.Client `embed:""`
	filters       `embed:""`

	Text  []string `arg:"" optional:"" help:"Words to find; see below."`
	Limit int      `short:"n" default:"20" help:"How many events at most; 0 for all."`
}

// Help is shown behind the summary.
func (searchCommand) Help() string {
	return `Newest first. All words must occur; "a phrase" in quotes; prefix*; -without; a OR b; and action: actor: target: range: ip: outcome:
platform: before: after: look in one place. Upper and lower case, and accents, are alike. Put -- before text that begins with a dash.

  audittrail search failed 'outcome:failure' --log login --from 7d
  audittrail search '"added bob lee"' -o json`
}

// shownEvent is what the table needs of an event.
type shownEvent struct {
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Action  string    `json:"action"`
	Outcome string    `json:"outcome"`
	Actor   struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"actor"`
	Source struct {
		IP string `json:"ip"`
	} `json:"source"`
	Message string `json:"message"`
}

// Run prints pages until there are enough.
func (c *searchCommand) Run(e *env) error {
	server, err := e.connect(&c.Client)
	if err != nil {
		return err
	}
	defer server.Close()
	query, err := c.values(strings.Join(c.Text, " "))
	if err != nil {
		return err
	}
	if c.Limit < 0 {
		return usagef("--limit must not be negative")
	}
	var events []json.RawMessage
	var total audit.Total
	for left := c.Limit; ; {
		size := audit.MaxPage
		if c.Limit > 0 {
			size = min(size, left)
		}
		query.Set("limit", strconv.Itoa(size))
		page, err := server.Search(e.ctx, query)
		if err != nil {
			return err
		}
		if query.Get("cursor") == "" {
			total = page.Total
		}
		events = append(events, page.Events...)
		left -= len(page.Events)
		if page.NextCursor == "" || c.Limit > 0 && left <= 0 {
			break
		}
		query.Set("cursor", page.NextCursor)
	}
	if e.output == "json" {
		encoder := json.NewEncoder(e.Stdout)
		encoder.SetEscapeHTML(false)
		for _, event := range events {
			if err := encoder.Encode(event); err != nil {
				return err
			}
		}
		return nil
	}
	return e.printEvents(events, total)
}

func (e *env) printEvents(events []json.RawMessage, total audit.Total) error {
	shown := make([]shownEvent, len(events))
	for i, raw := range events {
		if err := json.Unmarshal(raw, &shown[i]); err != nil {
			return fmt.Errorf("the server's answer: %w", err)
		}
	}
	err := e.print(nil, func(w io.Writer) {
		row(w, "TIME (UTC)", "ACTION", "OUTCOME", "ACTOR", "IP", "MESSAGE")
		for _, s := range shown {
			actor := s.Actor.Name
			if actor == "" {
				actor = s.Actor.ID
			}
			row(w, stamp(s.Time), s.Action, s.Outcome, shorten(actor, 24), s.Source.IP, shorten(s.Message, 70))
		}
	})
	more := ""
	if total.Relation == audit.RelationAtLeast {
		more = " or more"
	}
	fmt.Fprintf(e.Stderr, "%s of %s%s events\n", count(len(events)), count(total.Value), more)
	return err
}
