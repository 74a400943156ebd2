package api

import (
	"context"
	"net/url"
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

// Callback returns the address at which Twilio reports what became of the delivery.
func (l Links) Callback(organization, delivery string) string {
	if l.PublicURL == "" {
		return ""
	}
	return l.PublicURL + "/v1/callbacks/twilio/" + url.PathEscape(organization) + "/" + url.PathEscape(delivery)
}

// linkKey is the secret of unsubscribe links, read once: it never changes.
type linkKey struct {
	mu  sync.Mutex
	key []byte
}

func (k *linkKey) get(ctx context.Context, secrets Secrets) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.key != nil {
		return k.key, nil
	}
	key, err := secrets.Secret(ctx, UnsubscribeSecret)
	if err == nil {
		k.key = key
	}
	return key, err
}

// Open returns the address of a page that shows a digest's events. The API has no pages for people, so it is always "", and messages leave it out.
func (l Links) Open(string, audit.Digest) string { return "" }
