package api

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// FuzzNDJSON: of any lines each has one entry in the answer, in their order: stored with its id, or rejected with a reason. The counts are those of
// the entries, and the answer is not much longer than what was sent allows.
func FuzzNDJSON(f *testing.F) {
	f.Add([]byte(eventJSON("a") + "\n{\n" + eventJSON("b")))
	f.Add([]byte("\r\n\n" + eventJSON("") + "\r\n \t\n[]\n\"\xff\"\n"))
	f.Add([]byte(strings.Repeat("{}\n", 1001)))
	f.Add([]byte(`{"\u0000":1,"a\"b":2}` + "\n\x00\n" + eventJSON("é", `"message":"\ud800"`)))
	s := New(Config{Ingester: countingIngester{f}, Clock: func() time.Time { return today }, Logger: slog.New(slog.DiscardHandler), Limits: Limits{RatePerSecond: -1}})
	handler := s.app.Handler()
	f.Fuzz(func(t *testing.T, body []byte) {
		ctx := newFastRequest(t, s, body, 1)
		handler(ctx)
		status, lines := ctx.Response.StatusCode(), audit.SplitLines(body)
		if len(lines) > audit.MaxRequestEvents {
			if status != http.StatusRequestEntityTooLarge {
				t.Fatalf("%d lines are answered %d", len(lines), status)
			}
			return
		}
		var got struct {
			Created, Duplicates, Rejected int
			Results                       []struct {
				Index      int
				ID, Status string
				Errors     []audit.FieldError
			}
		}
		if err := json.Unmarshal(ctx.Response.Body(), &got); err != nil || status != http.StatusOK || len(got.Results) != len(lines) {
			t.Fatalf("%d lines are answered %d with %d entries, %v: %.500q", len(lines), status, len(got.Results), err, ctx.Response.Body())
		}
		rejected := 0
		for i, result := range got.Results {
			reasons := len(result.Errors) > 0
			if reasons {
				rejected++
			}
			if result.Index != i || (result.Status == string(audit.StatusRejected)) != reasons || (result.ID == "") != reasons {
				t.Fatalf("entry %d of %q is %+v", i, body, result)
			}
			for _, reason := range result.Errors {
				if reason.Message == "" {
					t.Fatalf("%q is rejected without a reason: %+v", lines[i], result)
				}
			}
		}
		if got.Rejected != rejected || got.Created != len(lines)-rejected || got.Duplicates != 0 {
			t.Fatalf("%q is counted as %+v", body, got)
		}
	})
}
