package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Look is how a page is looked at. The zero value is a desk by day: 1440 × 900, light, scripts on, UTC.
type Look struct {
	Width, Height int64
	Dark          bool
	// NoScript turns JavaScript off.
	NoScript bool
	// Zone is the reader's time zone, an IANA name.
	Zone string
}

// Looks are the sizes and colours that every page is tested at.
func Looks() []Look {
	var all []Look
	for _, width := range []int64{1440, 768, 360} {
		for _, dark := range []bool{false, true} {
			all = append(all, Look{Width: width, Dark: dark})
		}
	}
	return all
}

// String names the look: "768-dark".
func (l Look) String() string {
	l = l.withDefaults()
	name := fmt.Sprintf("%d-light", l.Width)
	if l.Dark {
		name = fmt.Sprintf("%d-dark", l.Width)
	}
	if l.NoScript {
		name += "-noscript"
	}
	return name
}

func (l Look) withDefaults() Look {
	if l.Width == 0 {
		l.Width = 1440
	}
	if l.Height == 0 {
		l.Height = 900
		if l.Width < 500 {
			l.Height = 780
		}
	}
	if l.Zone == "" {
		l.Zone = "UTC"
	}
	return l
}

// Page is one tab with cookies of its own.
type Page struct {
	t    testing.TB
	ctx  context.Context
	look Look

	mu       sync.Mutex
	problems []string
	expected []int // statuses that are no problem
}

// Page opens an empty tab, which is closed when the test ends; what went wrong in it fails the test then.
func (b *Browser) Page(t testing.TB, look Look) *Page {
	t.Helper()
	p := &Page{t: t, look: look.withDefaults()}
	ctx, end := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.listen))
	p.ctx = ctx
	t.Cleanup(func() {
		_ = p.Try(5*time.Second, chromedp.Navigate("about:blank")) // a page that holds a stream is slow to close
		end()
		for _, problem := range p.Problems() {
			t.Errorf("the page reports: %s", problem)
		}
	})
	p.must("open a tab", chromedp.Do(ctx)) // the context that a tab is opened with must not end before the tab
	p.Run(command(log.Enable, cdp.Empty{}), command(network.Enable, network.EnableParams{}), command(runtime.Enable, cdp.Empty{}))
	p.Look(look)
	return p
}

// Look changes how the page is looked at.
func (p *Page) Look(look Look) {
	p.t.Helper()
	look = look.withDefaults()
	p.look = look
	scheme := "light"
	if look.Dark {
		scheme = "dark"
	}
	phone := look.Width < 500
	p.Run(
		command(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: look.Width, Height: look.Height, DeviceScaleFactor: 1, Mobile: phone}),
		command(emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: phone}),
		command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}),
		command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: look.NoScript}),
		command(emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: look.Zone}),
	)
}

// command makes an action of a command of the protocol whose answer does not matter.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, c, params)
		return err
	})
}

// Run does the actions, within Patience. What cannot be done fails the test.
func (p *Page) Run(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	p.must("act", p.Try(Patience, actions...))
}

// Try does the actions within the time and returns what went wrong.
func (p *Page) Try(within time.Duration, actions ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(p.ctx, within)
	defer cancel()
	return chromedp.Do(ctx, actions...)
}

// SetCookie sets a cookie for the server of the address.
func (p *Page) SetCookie(address, name, value string) {
	p.t.Helper()
	yes := true
	p.Run(command(network.SetCookie, network.SetCookieParams{Name: name, Value: value, URL: address, HTTPOnly: &yes}))
}

// Prepare has every page run the script before its own, from the next that is opened on.
func (p *Page) Prepare(script string) {
	p.t.Helper()
	p.Run(command(page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script}))
}

// Open goes to the address and waits until the page is there.
func (p *Page) Open(address string) {
	p.t.Helper()
	p.Run(chromedp.Navigate(address), chromedp.WaitReady(chromedp.CSS("body")))
}

// Address is where the page is, "" where that cannot be said.
func (p *Page) Address() string {
	address, _ := ask(p, 5*time.Second, chromedp.Location()) // "" says it
	return address
}

// Query returns the parameters of the page's address.
func (p *Page) Query() url.Values {
	p.t.Helper()
	at, err := url.Parse(p.Address())
	if err != nil {
		p.t.Fatal(err)
	}
	return at.Query()
}

// Click clicks what the CSS selector finds first, once it is visible and stands still: a click goes to a place, and what comes while a page changes moves
// others.
func (p *Page) Click(selector string) {
	p.t.Helper()
	p.Wait(selector+" stands still", fmt.Sprintf(`(() => { const e = document.querySelector(%q); if (!e) return false;
	  e.scrollIntoView({block: "nearest"});
	  const r = e.getBoundingClientRect(), now = [r.x, r.y, r.width, r.height].join(), before = window.stoodAt;
	  window.stoodAt = now;
	  return r.width > 0 && now === before && !document.querySelector(".htmx-request, .htmx-swapping, .htmx-settling, .htmx-added") })()`, selector))
	p.Run(chromedp.ScrollIntoView(chromedp.CSS(selector)), chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// Type types into what the CSS selector finds.
func (p *Page) Type(selector, text string) {
	p.t.Helper()
	p.Run(chromedp.SendKeys(chromedp.CSS(selector), text, chromedp.NodeVisible))
}

// Press presses keys where the focus is: kb.Tab, kb.Enter, "j". As on a keyboard, a key that the page takes for itself types nothing.
func (p *Page) Press(keys ...string) {
	p.t.Helper()
	for _, key := range keys {
		for _, r := range key {
			k, ok := kb.Keys[r]
			if !ok { // on no keyboard of this layout
				p.Run(chromedp.KeyEvent(string(r)))
				continue
			}
			down := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: k.Key, Code: k.Code, WindowsVirtualKeyCode: k.Windows, NativeVirtualKeyCode: k.Native}
			if k.Shift {
				down.Modifiers = shift
			}
			up := down
			up.Type = input.DispatchKeyEventTypeKeyUp
			if k.Print {
				down.Text, down.UnmodifiedText = k.Text, k.Unmodified
			} else {
				down.Type = input.DispatchKeyEventTypeRawKeyDown
			}
			p.Run(command(input.DispatchKeyEvent, down), command(input.DispatchKeyEvent, up))
		}
	}
}

// shift is the bit of the modifier in events of keys.
const shift = 8

// Text returns the visible text of what the CSS selector finds first.
func (p *Page) Text(selector string) string {
	p.t.Helper()
	text, err := ask(p, Patience, chromedp.Text(chromedp.CSS(selector)))
	p.must("read "+selector, err)
	return strings.TrimSpace(text)
}

// Value evaluates a JavaScript expression, which waits for a promise, into out.
func (p *Page) Value(expression string, out any) {
	p.t.Helper()
	text, err := ask(p, Patience, chromedp.Evaluate[[]byte](expression, chromedp.EvalAwaitPromise, chromedp.EvalAsValue))
	if err == nil {
		err = json.Unmarshal(text, out)
	}
	p.must("evaluate "+expression, err)
}

// Wait waits until the JavaScript expression is true, and says what it waited for where it never is.
func (p *Page) Wait(what, expression string) {
	p.t.Helper()
	deadline := time.Now().Add(Patience)
	for {
		left := time.Until(deadline)
		_, err := ask(p, left, chromedp.Poll[bool]("Boolean("+expression+")", chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(left)))
		if err != nil && strings.Contains(err.Error(), "(-32000)") && time.Now().Before(deadline) {
			continue // the page that was asked made way for the next one
		}
		p.must("wait until "+what, err)
		return
	}
}

// WaitText waits until what the CSS selector finds holds the text.
func (p *Page) WaitText(selector, text string) {
	p.t.Helper()
	p.Wait(fmt.Sprintf("%s says %q", selector, text), fmt.Sprintf("[...document.querySelectorAll(%q)].some((e) => e.innerText.includes(%q))", selector, text))
}

// Focused describes what has the focus: its tag, id and text.
func (p *Page) Focused() string {
	p.t.Helper()
	var name string
	p.Value(`(() => { const e = document.activeElement; return e.tagName.toLowerCase() + (e.id ? "#" + e.id : "") + " " + (e.innerText || e.value || "").trim().slice(0, 60) })()`, &name)
	return strings.TrimSpace(name)
}

// Screenshot writes the whole page, as far down as it goes, as PNG. Folders are made. It does not fail the test.
func (p *Page) Screenshot(path string) {
	p.t.Helper()
	png, err := ask(p, Patience, chromedp.FullScreenshot(100))
	if err != nil {
		p.t.Logf("no screenshot: %v", err)
		return
	}
	p.write(path, png)
}

// View writes what is visible now, without scrolling, as PNG.
func (p *Page) View(path string) {
	p.t.Helper()
	png, err := ask(p, Patience, chromedp.CaptureScreenshot())
	p.must("take a picture", err)
	p.write(path, png)
}

func (p *Page) write(path string, png []byte) {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, png, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// Nodes counts what the CSS selector finds.
func (p *Page) Nodes(selector string) int {
	p.t.Helper()
	var n int
	p.Value(fmt.Sprintf("document.querySelectorAll(%q).length", selector), &n)
	return n
}

// ask does an action that has an answer, within the time.
func ask[T any](p *Page, within time.Duration, action chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, within)
	defer cancel()
	return chromedp.Run(ctx, action)
}

// failures is where the pictures of pages are on which a test failed.
func failures() string { return filepath.Join(os.TempDir(), "audittrail-browser") }

// must fails the test where something could not be done, and leaves a picture of the page.
func (p *Page) must(what string, err error) {
	p.t.Helper()
	if err == nil {
		return
	}
	p.Screenshot(filepath.Join(failures(), strings.ReplaceAll(p.t.Name(), "/", "-")+".png"))
	p.t.Fatalf("in the browser, at %s: %s: %v (a picture of it is in %s)", p.Address(), what, err, failures())
}
