package api

import (
	"context"
	"net/url"
	"slices"
	"sync"

	"github.com/audittrail/audittrail/audit"
)

// Links makes the addresses that messages carry, in the form that the routes of this package take. With an empty PublicURL there are
// none: every address is "".
type Links struct {
	// PublicURL is that of Config.
	PublicURL string
	// Secret is the store's secret UnsubscribeSecret.
	Secret []byte
}

// Unsubscribe returns the address that takes the member off the channel of the reminder.
func (l Links) Unsubscribe(organization, reminder, member string, channel audit.Channel) string {
	if l.PublicURL == "" {
		return ""
	}
	return l.PublicURL + "/v1/unsubscribe/" + audit.SignUnsubscribe(l.Secret, organization, reminder, member, channel)
}

// UnsubscribeAddress returns the address that takes an other address off the reminder.
func (l Links) UnsubscribeAddress(organization, reminder, address string, channel audit.Channel) string {
	if l.PublicURL == "" {
		return ""
	}
	return l.PublicURL + "/v1/unsubscribe/" + audit.SignAddressUnsubscribe(l.Secret, organization, reminder, address, channel)
}

// Address returns the address of the console's page on which the code of an other address is entered. The code is not in it: it would be in the logs of every proxy.
func (l Links) Address(address string) string {
	if l.PublicURL == "" {
		return ""
	}
	return l.PublicURL + "/messages/addresses/" + url.PathEscape(address)
}

// Callback returns the address at which Twilio reports what became of the delivery.
func (l Links) Callback(organization, delivery string) string {
	if l.PublicURL == "" {
		return ""
	}
	return l.PublicURL + "/v1/callbacks/twilio/" + url.PathEscape(organization) + "/" + url.PathEscape(delivery)
}

// sharedKey is a secret of the store, read once: it never changes.
type sharedKey struct {
	mu  sync.Mutex
	key []byte
}

func (k *sharedKey) get(ctx context.Context, secrets Secrets, name string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.key != nil {
		return k.key, nil
	}
	key, err := secrets.Secret(ctx, name)
	if err == nil {
		k.key = key
	}
	return key, err
}

// Open returns the address of the console's page that shows a digest's events: those of its log with its actions, within its span of time. Where the events
// are of several logs the page is that of the newest. "" where there is nothing to show.
func (l Links) Open(_ string, d audit.Digest) string {
	if l.PublicURL == "" || len(d.Events) == 0 {
		return ""
	}
	newest := slices.MaxFunc(d.Events, func(a, b audit.DigestEvent) int { return a.Time.Compare(b.Time) })
	path, ok := listPaths[newest.Log]
	if !ok {
		return ""
	}
	values := url.Values{}
	for _, e := range d.Events {
		if audit.RangeOf(e.Action) == audit.RangeAuditTrail {
			values.Set("own", "show") // the page hides reading of the trail by itself
		}
		if e.Log == newest.Log && !slices.Contains(values["action"], e.Action) {
			values.Add("action", e.Action)
		}
	}
	if len(d.Events) < d.Count {
		values.Del("action") // those that are not told may be of other actions
	}
	if !d.From.IsZero() && !d.To.IsZero() {
		values.Set("from", d.From.UTC().Format(audit.TimeLayout))
		values.Set("to", d.To.Add(audit.TimePrecision).UTC().Format(audit.TimeLayout)) // to is exclusive
	}
	return l.PublicURL + path + "?" + values.Encode()
}

// listPaths are the console's pages of the logs.
var listPaths = map[audit.Log]string{audit.LogLogin: "/login-history", audit.LogOperation: "/operation-logs", audit.LogProduct: "/product-logs"}
