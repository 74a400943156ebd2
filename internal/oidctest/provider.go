package oidctest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
	"golang.org/x/text/language"
)

// Person can sign in at a Provider.
type Person struct {
	ID, Username, Password string
	First, Last, Email     string
}

// Provider is a real OpenID provider, zitadel's, with a page to sign in on.
type Provider struct{ URL string }

// NewProvider starts one whose only client is the Audittrail at the public address. It ends with the test.
func NewProvider(t testing.TB, publicURL, callbackPath string, people ...Person) *Provider {
	t.Helper()
	users := users{}
	for _, p := range people {
		users[p.ID] = &storage.User{ID: p.ID, Username: p.Username, Password: p.Password, FirstName: p.First, LastName: p.Last, Email: p.Email,
			EmailVerified: true, PreferredLanguage: language.English}
	}
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	client := &client{Client: storage.WebClient(ClientID, ClientSecret, publicURL+callbackPath), back: publicURL + "/sign-in"}
	records := &records{Storage: storage.NewStorage(users), client: client}
	handler = exampleop.SetupServer(server.URL, records, nil, false)
	return &Provider{URL: server.URL}
}

// users are the people, by id.
type users map[string]*storage.User

func (u users) GetUserByID(id string) *storage.User { return u[id] }

func (u users) GetUserByUsername(name string) *storage.User {
	for _, user := range u {
		if user.Username == name {
			return user
		}
	}
	return nil
}

func (u users) ExampleClientID() string { return "service" }

// records are zitadel's example of records, with one client of ours.
type records struct {
	*storage.Storage
	client *client
}

func (r *records) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != ClientID {
		return nil, oidc.ErrInvalidClient()
	}
	return r.client, nil
}

func (r *records) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if id != ClientID || secret != ClientSecret {
		return oidc.ErrInvalidClient()
	}
	return nil
}

// client is one that may be signed out to, and whose clock may differ from ours.
type client struct {
	*storage.Client
	back string
}

func (c *client) PostLogoutRedirectURIs() []string { return []string{c.back} }
func (c *client) ClockSkew() time.Duration         { return 0 }
