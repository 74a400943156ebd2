package cluster_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/internal/cluster"
	"github.com/audittrail/audittrail/internal/estest"
)

func TestCredentialsOnAClusterWithSecurity(t *testing.T) {
	const password = "pass/word:1"
	node := estest.Start(t, estest.Options{HeapMB: 512, Password: password})
	address, err := url.Parse(node.URL)
	if err != nil {
		t.Fatal(err)
	}
	address.User = nil
	bare := []string{address.String()}
	var key, poor struct{ ID, Encoded string }
	estest.Ask(t, node.URL, http.MethodPost, "/_security/api_key", `{"name":"whole"}`, &key)
	estest.Ask(t, node.URL, http.MethodPost, "/_security/api_key", `{"name":"poor","role_descriptors":{"none":{"cluster":[],"indices":[]}}}`, &poor)

	const words = "does not accept our credentials: check elastic.api_key, or elastic.username and elastic.password"
	for name, opts := range map[string]cluster.Options{
		"none":            {URLs: bare},
		"wrong password":  {URLs: bare, Username: "elastic", Password: "wrong"},
		"unknown user":    {URLs: bare, Username: "nobody", Password: password},
		"wrong API key":   {URLs: bare, APIKey: "d3Jvbmc6d3Jvbmc="},
		"not even a key":  {URLs: bare, APIKey: "wrong"},
		"wrong key first": {URLs: bare, APIKey: "d3Jvbmc6d3Jvbmc=", Username: "elastic", Password: password},
	} {
		t.Run(name, func(t *testing.T) { wantUnavailable(t, refused(t, opts), words, bare[0]) })
	}
	for name, opts := range map[string]cluster.Options{
		"in the URL":          {URLs: []string{node.URL}},
		"password":            {URLs: bare, Username: "elastic", Password: password},
		"API key":             {URLs: bare, APIKey: key.Encoded},
		"API key before user": {URLs: bare, APIKey: key.Encoded, Username: "elastic", Password: "wrong"},
	} {
		t.Run(name, func(t *testing.T) { connects(t, opts) })
	}
	t.Run("a privilege is missing", func(t *testing.T) {
		c, err := cluster.Open(t.Context(), cluster.Options{URLs: bare, APIKey: poor.Encoded})
		if err == nil { // who may not even see the version is refused at once
			defer c.Close()
			err = c.Call(t.Context(), esapi.IndicesGetIndexTemplateRequest{}, nil)
		}
		wantUnavailable(t, err, "does not permit this: a privilege is missing", bare[0])
	})
	t.Run("a key that is revoked meanwhile", func(t *testing.T) {
		c := connects(t, cluster.Options{URLs: bare, APIKey: key.Encoded})
		estest.Ask(t, node.URL, http.MethodDelete, "/_security/api_key", `{"ids":["`+key.ID+`"]}`, nil)
		wantUnavailable(t, c.Call(t.Context(), esapi.InfoRequest{}, nil), words, bare[0])
	})
}
