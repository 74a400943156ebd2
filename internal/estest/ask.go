//go:build unix

package estest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// ask is Ask for the end of a test too: trouble is an error of the test, and the status is 0.
func ask(t testing.TB, url, method, path, body string, result any) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), askTimeout)
	defer cancel()
	first, _, _ := strings.Cut(url, ",")
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(strings.TrimSpace(first), "/")+path, strings.NewReader(body))
	if err != nil {
		t.Errorf("%s %s: %v", method, path, err)
		return 0
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
		if strings.Contains(path, "_bulk") {
			req.Header.Set("Content-Type", "application/x-ndjson")
		}
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(req)
	if err != nil {
		t.Errorf("%s %s: %v", method, path, err)
		return 0
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Errorf("%s %s: %v", method, path, err)
		return 0
	}
	if result != nil && response.StatusCode < http.StatusMultipleChoices {
		if err := json.Unmarshal(answer, result); err != nil {
			t.Errorf("%s %s: %v in %s", method, path, err, answer)
			return 0
		}
	}
	return response.StatusCode
}
