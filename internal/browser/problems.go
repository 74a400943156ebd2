package browser

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
)

func (p *Page) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		p.note(fmt.Sprintf("a script failed: %s (%s:%d)", text, e.ExceptionDetails.URL, e.ExceptionDetails.LineNumber+1))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			var words []string
			for _, arg := range e.Args {
				words = append(words, string(arg.Value)+arg.Description)
			}
			p.note("console." + string(e.Type) + ": " + strings.Join(words, " "))
		}
	case *log.EventEntryAdded:
		if e.Entry.Source != log.EntrySourceNetwork && (e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning) {
			p.note(fmt.Sprintf("%s %s: %s %s", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL))
		}
	case *network.EventResponseReceived:
		if status := int(e.Response.Status); status >= http.StatusBadRequest && !p.expects(status) {
			p.note(fmt.Sprintf("%s answered %d", e.Response.URL, status))
		}
	case *network.EventLoadingFailed:
		if !e.Canceled && e.Type != network.ResourceTypeEventSource {
			p.note(fmt.Sprintf("a request failed: %s %s", e.Type, e.ErrorText))
		}
	}
}

func (p *Page) note(problem string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems = append(p.problems, problem)
}

func (p *Page) expects(status int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.expected, status)
}

// Expect says that answers of the status are part of the test.
func (p *Page) Expect(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected = append(p.expected, status)
}

// Problems returns what the page reported so far and forgets it.
func (p *Page) Problems() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	problems := p.problems
	p.problems = nil
	return problems
}
