package cli

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// plainEvery is how often progress is reported where there is no terminal.
const plainEvery = 5 * time.Second

// progress shows how far a piece of work is: a bar on a terminal, a line now and then elsewhere.
type progress struct {
	w     io.Writer
	what  string
	total int64
	began time.Time

	mu   sync.Mutex
	bar  *progressbar.ProgressBar
	last time.Time
}

// newProgress begins a piece of work of total units; -1 where the total is not known.
func (e *env) newProgress(what string, total int64) *progress {
	p := &progress{w: e.Stderr, what: what, total: total, began: now(), last: now()}
	if isTerminal(e.Stderr) {
		p.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(e.Stderr), progressbar.OptionSetDescription(what),
			progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionFullWidth(),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetElapsedTime(true))
	}
	return p
}

// set says that done units are done; detail follows the name: "12,000 events, 9,800/s".
func (p *progress) set(done int64, detail string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.Describe(p.what + " " + detail)
		_ = p.bar.Set64(done) // a bar that cannot be drawn is no reason to stop
		return
	}
	if now().Sub(p.last) < plainEvery {
		return
	}
	p.last = now()
	fmt.Fprintf(p.w, "%s %s%s\n", p.what, detail, p.left(done))
}

// left says how much is done and how long the rest takes at the present rate.
func (p *progress) left(done int64) string {
	if p.total <= 0 || done <= 0 {
		return ""
	}
	rest := time.Duration(float64(now().Sub(p.began)) * float64(p.total-done) / float64(done))
	return fmt.Sprintf(", %d%%, %s left", 100*done/p.total, span(rest))
}

// say writes a line without spoiling the bar.
func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	fmt.Fprintf(p.w, format+"\n", args...)
}

// end takes the bar away.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

func rate(n int64, d time.Duration) string {
	if d <= 0 {
		return "0/s"
	}
	return count(int64(float64(n)/d.Seconds())) + "/s"
}
