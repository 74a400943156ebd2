package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	browserproto "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// mostTabs is how often Tab is pressed before what is looked for counts as out of reach: pages of lists have some hundred links.
const mostTabs = 500

// Reach presses Tab until what the CSS selector finds has the focus, as somebody does who has no mouse. What is not seen when it has the focus does not
// count.
func (p *Page) Reach(selector string) {
	p.t.Helper()
	for range mostTabs {
		var there bool
		p.Value(fmt.Sprintf(`(() => { const e = document.activeElement; if (!e) return false; const r = e.getBoundingClientRect();
		  return e.matches(%q) && r.width > 0 && r.height > 0 && getComputedStyle(e).visibility === "visible" })()`, selector), &there)
		if there {
			return
		}
		p.Press(kb.Tab)
	}
	p.must("press Tab", fmt.Errorf("%s is never reached", selector))
}

// Download does something that makes the browser save a file, and returns the file's name and what is in it.
func (p *Page) Download(act func()) (name string, content []byte) {
	p.t.Helper()
	folder := p.t.TempDir()
	p.Run(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, browserproto.SetDownloadBehavior, browserproto.SetDownloadBehaviorParams{Behavior: browserproto.SetDownloadBehaviorBehaviorAllow,
			BrowserContextID: chromedp.FromContext(p.ctx).BrowserContextID, DownloadPath: folder})
		return err
	}))
	act()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(Patience); time.Now().Before(deadline); <-tick.C {
		files, err := os.ReadDir(folder)
		p.must("look for the file", err)
		for _, f := range files {
			// What is not there as a whole is called so, or hidden.
			if strings.HasSuffix(f.Name(), ".crdownload") || strings.HasPrefix(f.Name(), ".") {
				continue
			}
			content, err := os.ReadFile(filepath.Join(folder, f.Name()))
			p.must("read the file", err)
			return f.Name(), content
		}
	}
	p.must("save a file", context.DeadlineExceeded)
	return "", nil
}
