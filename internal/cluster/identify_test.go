package cluster_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/cluster"
	"github.com/audittrail/audittrail/internal/estest"
)

// greeting is how a cluster answers at its root.
func greeting(version, flavor, tagline string) string {
	return fmt.Sprintf(`{"name":"n","cluster_name":"c","version":{"number":%q,"build_flavor":%q},"tagline":%q}`, version, flavor, tagline)
}

const search = "You Know, for Search"

func TestOpenSaysWhenTheClusterIsTheWrongOne(t *testing.T) {
	tests := []struct {
		name, product, body string
		status              int
		words               string
	}{
		{"a web page", "", "<html>hello</html>", 200, "what answers at the address is not Elasticsearch (status 200)"},
		{"a page that is missing", "", "not here", 404, "is not Elasticsearch (status 404)"},
		{"a redirection", "", "", 302, "is not Elasticsearch (status 302)"},
		{"JSON of something else", "", `{"hello":"world"}`, 200, "is not Elasticsearch"},
		{"OpenSearch", "", greeting("2.11.0", "", "The OpenSearch Project: https://opensearch.org/"), 200, "is not Elasticsearch"},
		{"OpenSearch that says it is version 7.10", "", greeting("7.10.2", "", "The OpenSearch Project: https://opensearch.org/"), 200, "is not Elasticsearch"},
		{"version 6", "", greeting("6.8.23", "default", search), 200, "the cluster is Elasticsearch 6.8.23, and this program works with version 8"},
		{"version 7", "Elasticsearch", greeting("7.17.29", "default", search), 200, "the cluster is Elasticsearch 7.17.29, and this program works with version 8"},
		{"version 9", "Elasticsearch", greeting("9.1.4", "default", search), 200, "the cluster is Elasticsearch 9.1.4"},
		{"version 80", "Elasticsearch", greeting("80.0.0", "default", search), 200, "the cluster is Elasticsearch 80.0.0"},
		{"a proxy without a cluster behind it", "", "<html>Bad Gateway</html>", 502, "Elasticsearch cannot do this now"},
		{"a proxy that wants a password", "", "<html>Unauthorized</html>", 401, "Elasticsearch does not accept our credentials"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			address := pretend(t, test.status, test.product, test.body)
			wantUnavailable(t, refused(t, cluster.Options{URLs: []string{address}}), test.words, address)
		})
	}
}

func TestOpenTakesEveryElasticsearch8(t *testing.T) {
	for _, body := range []string{greeting("8.0.0", "default", search), greeting("8.19.13", "default", search), greeting("9.2.0", "serverless", search)} {
		connects(t, cluster.Options{URLs: []string{pretend(t, 200, "Elasticsearch", body)}})
	}
	if got := connects(t, cluster.Options{URLs: []string{pretend(t, 200, "Elasticsearch", greeting("8.19.13", "default", search))}}).Version(); got != "8.19.13" {
		t.Errorf("the version is %q", got)
	}
}

func TestOpenSaysWhyNothingAnswers(t *testing.T) {
	slow := estest.NewProxy(t, "http://127.0.0.1:1")
	slow.Always(estest.Fault{DelayRequest: time.Minute})
	deaf := estest.NewProxy(t, "http://127.0.0.1:1")
	deaf.Always(estest.Fault{Refuse: true})
	plain := pretend(t, 200, "Elasticsearch", greeting("8.19.13", "default", search))
	tests := []struct{ name, address, words string }{
		{"nobody listens", "http://127.0.0.1:1", "Elasticsearch does not answer"},
		{"the connection is closed", deaf.URL, "Elasticsearch does not answer"},
		{"a name that does not exist", "http://nowhere.invalid:9200", "the host name of Elasticsearch is not known"},
		{"slow", slow.URL, "Elasticsearch does not answer in time"},
		{"TLS where there is none", "https" + plain[len("http"):], "Elasticsearch does not speak TLS at this address: elastic.urls says https"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			began := time.Now()
			err := refused(t, cluster.Options{URLs: []string{test.address}, Timeout: 2 * time.Second})
			wantUnavailable(t, err, test.words, test.address)
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %s to say so", took)
			}
		})
	}
}

func TestOneNodeOfSeveralIsEnough(t *testing.T) {
	alive := pretend(t, http.StatusOK, "Elasticsearch", greeting("8.19.13", "default", search))
	for range 4 { // whichever is asked first
		connects(t, cluster.Options{URLs: []string{"http://127.0.0.1:1", alive}})
	}
}

func TestOpenNamesTheSettingThatCannotBe(t *testing.T) {
	tests := map[string]cluster.Options{
		"elastic.urls: is empty":              {},
		"elastic.urls: has an entry":          {URLs: []string{"localhost:9200"}},
		"elastic.cloud_id: names a cluster":   {URLs: []string{"http://a:9200"}, CloudID: "x:YSRi"},
		"elastic.cloud_id: is not a cloud id": {CloudID: "nonsense"},
		"elastic.fingerprint: is not":         {URLs: []string{"https://a:9200"}, Fingerprint: "abcd"},
	}
	for words, opts := range tests {
		err := refused(t, opts)
		if audit.CodeOf(err) != audit.CodeInvalid || len(err.Error()) < len(words) || !contains(err, words) {
			t.Errorf("the error is %v, want %q", err, words)
		}
	}
}
