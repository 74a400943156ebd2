// Package browser is a real browser for tests: Debian's chromium-headless-shell driven through chromedp, with axe-core to find what people with
// disabilities would stumble over. A page fails its test by itself on a script's error, on a message of the console, and on a request that failed
// and was not announced.
//
// It is for tests alone and no part of any program.
package browser

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Patience is how long anything on a page may take until a test fails. It is generous, as two cores may be compiling beside.
const Patience = 60 * time.Second

// programs are the names under which the browser is looked for.
var programs = []string{"chromium-headless-shell", "headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// Browser is one process. It may be used by several tests at once.
type Browser struct {
	ctx context.Context
}

// shared is the browser of this test binary.
var shared struct {
	sync.Mutex
	browser *Browser
	end     func()
	users   int
}

// Start returns the browser of this test binary, which is started when the first test asks and ended after the last that uses it. Where there is none, the
// test is skipped with one line that says what to install; with CI set it fails. With -short it is skipped too: ask before anything is made ready that takes time.
func Start(t testing.TB) *Browser {
	t.Helper()
	if testing.Short() {
		t.Skip("what a browser shows is left out with -short")
	}
	path := find()
	if path == "" {
		const reason = "no browser for tests here: apt-get install chromium-headless-shell"
		if os.Getenv("CI") != "" {
			t.Fatal(reason)
		}
		t.Skip(reason)
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.browser == nil {
		browser, end, err := launch(path)
		if err != nil {
			t.Fatalf("start the browser: %v", err)
		}
		shared.browser, shared.end = browser, end
	}
	shared.users++
	t.Cleanup(release)
	return shared.browser
}

func release() {
	shared.Lock()
	defer shared.Unlock()
	if shared.users--; shared.users == 0 {
		shared.end()
		shared.browser, shared.end = nil, nil
	}
}

func find() string {
	for _, name := range programs {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func launch(path string) (*Browser, func(), error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("lang", "en-US"))
	allocated, endAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, endBrowser := chromedp.NewContext(allocated)
	end := func() {
		endBrowser()
		endAllocator()
	}
	if err := chromedp.Do(ctx); err != nil {
		end()
		return nil, nil, err
	}
	return &Browser{ctx: ctx}, end, nil
}
