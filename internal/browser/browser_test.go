package browser

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// pageOf serves one page.
func pageOf(t *testing.T, html string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(`<!doctype html><html lang="en"><head><title>Test</title><link rel="icon" href="data:,"></head><body><main><h1>Test</h1>` + html + `</main></body></html>`))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestAPageReportsErrorsOfScriptsAndFailedRequests(t *testing.T) {
	for name, html := range map[string]string{
		"an exception": `<script>throw new Error("broken")</script>`, "a message": `<script>console.error("broken")</script>`, "a missing picture": `<img src="/broken.png" alt="">`,
	} {
		t.Run(name, func(t *testing.T) {
			page := Start(t).Page(t, Look{})
			page.Open(pageOf(t, html))
			page.Wait("the page is done", `document.readyState === "complete"`)
			if problems := page.Problems(); len(problems) == 0 || !strings.Contains(strings.Join(problems, "\n"), "broken") {
				t.Errorf("got %q", problems)
			}
		})
	}
}

// recorder takes the failures of a test within a test.
type recorder struct {
	testing.TB
	failed []string
}

func (r *recorder) Errorf(format string, args ...any) { r.failed = append(r.failed, format) }

func TestWhatIsHardToReadOrTooWideFails(t *testing.T) {
	for name, html := range map[string]string{
		"grey on grey": `<p style="color:#aaa;background:#bbb">Hardly to be read</p>`, "a field without a label": `<input type="text">`,
		"too wide": `<div style="width:3000px">wide</div>`,
	} {
		t.Run(name, func(t *testing.T) {
			r := &recorder{TB: t}
			page := Start(t).Page(r, Look{Width: 360})
			page.Open(pageOf(t, html))
			page.CheckAccess()
			if len(r.failed) == 0 {
				t.Error("nothing was found")
			}
		})
	}
}

func TestAKeyThatThePageTakesTypesNothing(t *testing.T) {
	page := Start(t).Page(t, Look{})
	page.Open(pageOf(t, `<form action="/sent"><label>Field <input id="f"></label></form>
		<script>document.getElementById("f").addEventListener("keydown", (e) => { if (e.key === "x" || e.key === "Enter") e.preventDefault() })</script>`))
	page.Value(`document.getElementById("f").focus() || true`, new(bool))
	page.Press("a", "x", kb.Enter, "B", "c", kb.ArrowLeft, kb.Backspace, "é")
	var got string
	if page.Value(`document.getElementById("f").value`, &got); got != "aéc" || !strings.HasSuffix(page.Address(), "/") {
		t.Errorf("the field holds %q, at %s", got, page.Address())
	}
}

func TestWhatIsReachedByTabIsPressedAndAFileSaved(t *testing.T) {
	page := Start(t).Page(t, Look{Dark: true})
	page.Prepare(`window.prepared = 1`)
	page.Open(pageOf(t, `<a href="/elsewhere">Elsewhere</a> <a href="/unseen" style="visibility:hidden" id="unseen">Unseen</a> <a id="file" download="note.txt" href="data:text/plain,three%20words%20here">File</a>`))
	page.Reach("#file")
	name, content := page.Download(func() { page.Press(kb.Enter) })
	if name != "note.txt" || string(content) != "three words here" {
		t.Errorf("%s holds %q", name, content)
	}
	var prepared bool
	if page.Value(`window.prepared === 1`, &prepared); !prepared {
		t.Error("the page was not prepared")
	}
}
