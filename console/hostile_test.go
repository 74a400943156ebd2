package console

import (
	"bytes"
	"compress/gzip"
	"mime/multipart"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

// zipped is gzip of the text.
func zipped(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(text)
	must(t, err)
	must(t, w.Close())
	return b.Bytes()
}

// TestAFormThatIsPackedIsRefusedUnopened: no browser packs a form, and one that is may be a thousand times as large as it seems; the sign-in is open to everybody.
func TestAFormThatIsPackedIsRefusedUnopened(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	large := zipped(t, make([]byte, 200<<20))
	var parts bytes.Buffer
	w := multipart.NewWriter(&parts)
	must(t, w.WriteField("csrf", tokenOf(me)))
	must(t, w.WriteField("text", strings.Repeat("a", 100<<20)))
	must(t, w.Close())
	for name, tt := range map[string]struct {
		who, path, contentType, encoding string
		body                             []byte
	}{
		"the sign-in":             {"", "/sign-in", "application/x-www-form-urlencoded", "gzip", large},
		"a sign-in, packed twice": {"", "/sign-in", "application/x-www-form-urlencoded", "gzip, gzip", zipped(t, large)},
		"a form":                  {me, "/sign-out", "application/x-www-form-urlencoded", "gzip", large},
		"a form in parts":         {me, "/members/import", w.FormDataContentType(), "gzip", zipped(t, parts.Bytes())},
		"deflate":                 {"", "/sign-in", "application/x-www-form-urlencoded", "deflate", large},
		"brotli":                  {"", "/sign-in", "application/x-www-form-urlencoded", "br", large},
	} {
		t.Run(name, func(t *testing.T) {
			g.t = t
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := g.do(tt.who, http.MethodPost, tt.path, bytes.NewReader(tt.body), "Content-Type", tt.contentType, "Content-Encoding", tt.encoding)
			runtime.ReadMemStats(&after)
			if got.StatusCode != http.StatusUnsupportedMediaType {
				t.Errorf("answered %d", got.StatusCode)
			}
			if grown := (after.TotalAlloc - before.TotalAlloc) >> 20; grown > 32 {
				t.Errorf("%d MiB were taken", grown)
			}
		})
	}
}

// TestWhatLeadsOnAfterwardsIsAPageOfThisServer: neither a link into the sign-in nor a form sends a browser elsewhere.
func TestWhatLeadsOnAfterwardsIsAPageOfThisServer(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	foreign := []string{"//evil.example", "///evil.example", "https://evil.example/", "HTTPS:evil.example", `/\evil.example`, `\\evil.example`, `\/evil.example`, "/\t/evil.example",
		"/\n/evil.example", " //evil.example", "javascript:alert(1)", "data:text/html,x", "evil.example", "@evil.example", "/%0d%0aLocation:%20https://evil.example",
		"/\r\nLocation: https://evil.example", "//evil.example@localhost", "http:/evil.example", "?next=//evil.example", "/%zz"}
	for _, next := range foreign {
		got := g.post("", "/sign-in", url.Values{"link": {me}, "next": {next}})
		wantLocal(t, got, next)
		got = g.post(me, "/messages/read", url.Values{"back": {next}})
		wantLocal(t, got, next)
		page := g.get("", "/sign-in?next="+url.QueryEscape(next))
		if value := page.doc.Find(`input[name="next"]`).AttrOr("value", "/"); !strings.HasPrefix(value, "/") || strings.HasPrefix(value, "//") || strings.HasPrefix(value, `/\`) {
			t.Errorf("next=%q stands in the form as %q", next, value)
		}
	}
}

func wantLocal(t *testing.T, got answer, next string) {
	t.Helper()
	if got.StatusCode >= 400 {
		return // nobody is sent anywhere
	}
	base := &url.URL{Scheme: "http", Host: "localhost", Path: "/sign-in"}
	at, err := base.Parse(strings.ReplaceAll(got.Header.Get("Location"), `\`, "/")) // as browsers read it
	if err != nil || at.Host != "localhost" || at.Scheme != "http" {
		t.Errorf("%s of %q leads to %q (%v)", got.Request.URL.Path, next, got.Header.Get("Location"), err)
	}
}
