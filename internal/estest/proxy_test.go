//go:build unix

package estest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/internal/estest"
)

// pretender answers as a cluster would, and counts.
func pretender(t *testing.T) (url string, seen *[]string) {
	t.Helper()
	seen = &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		*seen = append(*seen, strings.Join([]string{r.Method, r.URL.String(), string(body), user, password}, " "))
		io.WriteString(w, `{"the":"answer"}`)
	}))
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "//", "//us:pw@", 1), seen
}

func post(url string) (int, string, error) {
	response, err := http.Post(url+"/a?b=c", "text/plain", strings.NewReader("hello"))
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

func TestTheProxyDoesToARequestWhatItIsTold(t *testing.T) {
	target, seen := pretender(t)
	proxy := estest.NewProxy(t, target)
	tests := []struct {
		name   string
		fault  estest.Fault
		status int
		body   string
		fails  bool
		passed bool
	}{
		{name: "nothing", status: 200, body: `{"the":"answer"}`, passed: true},
		{name: "refuse", fault: estest.Fault{Refuse: true}, fails: true},
		{name: "answer itself", fault: estest.Fault{Status: 503, Body: "busy"}, status: 503, body: "busy"},
		{name: "cut", fault: estest.Fault{Cut: true}, status: 200, fails: true, passed: true},
		{name: "alter", fault: estest.Fault{Alter: func(r *http.Response, _ []byte) []byte {
			r.StatusCode = 201
			return []byte("other")
		}}, status: 201, body: "other", passed: true},
		{name: "delay", fault: estest.Fault{DelayRequest: 20 * time.Millisecond, DelayAnswer: 20 * time.Millisecond}, status: 200, body: `{"the":"answer"}`, passed: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			*seen = nil
			proxy.Always(test.fault)
			started := time.Now()
			status, body, err := post(proxy.URL)
			if test.fails != (err != nil) || status != test.status || err == nil && body != test.body {
				t.Errorf("got %d %q %v", status, body, err)
			}
			if passed := len(*seen) == 1 && (*seen)[0] == "POST /a?b=c hello us pw"; passed != test.passed {
				t.Errorf("the cluster saw %q", *seen)
			}
			if took, want := time.Since(started), test.fault.DelayRequest+test.fault.DelayAnswer; took < want {
				t.Errorf("it took %s, want %s at least", took, want)
			}
		})
	}
	proxy.Do(nil)
	if status, _, err := post(proxy.URL); err != nil || status != 200 {
		t.Errorf("afterwards: %d %v", status, err)
	}
}
