package console

import (
	"net/http"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// wouldAnswer is what a reminder would have sent, as the API answers it.
type wouldAnswer struct {
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Matched  int64     `json:"matched"`
	Messages int       `json:"messages"`
	Exact    bool      `json:"exact"`
	ByDay    []struct {
		Date     string `json:"date"`
		Matched  int64  `json:"matched"`
		Messages int    `json:"messages"`
	} `json:"by_day"`
	NextAt   time.Time     `json:"next_at"`
	Examples []audit.Event `json:"examples"`
}

// The picture of the days, in its own units.
const (
	wouldWidth, wouldHeight, wouldGap = 600, 90, 4
)

// wouldBar is a day in the picture.
type wouldBar struct {
	Date     string
	Messages int
	Matched  int64
	// X, Y, Width and Height are of the bar, Mid is its middle.
	X, Y, Width, Height, Mid float64
	// Label is shown under the bar, where there is room. Last says that there is none on its right.
	Label string
	Last  bool
}

// wouldExample is an event in a sentence.
type wouldExample struct {
	audit.Event
	Sentence string
}

// Path is the page of the event.
func (e wouldExample) Path() string { return eventPath(e.ID) }

// wouldView is what a reminder would have sent, in words and as a picture.
type wouldView struct {
	wouldAnswer
	Bars []wouldBar
	// Most is the greatest number of messages on one day, on MostOn.
	Most   int
	MostOn string
	// Each is how many recipients and ways each message goes by.
	Recipients, Channels int
	Window               string
	Listed               []wouldExample
	Width, Height        int
}

// wouldHave asks what the reminder would have sent in the last 30 days. What is wrong with the settings is a problem and no error.
func (r *request) wouldHave(f reminderForm) (*wouldView, *problem, error) {
	body := map[string]any{"actions": orEmpty(f.Actions), "window": f.Window, "time_zone": f.TimeZone}
	if f.QuietStart != "" || f.QuietEnd != "" {
		body["quiet_hours"] = map[string]string{"start": f.QuietStart, "end": f.QuietEnd}
	}
	var answer wouldAnswer
	if err := r.send(http.MethodPost, "/v1/reminders/preview", body, &answer); err != nil {
		if p, ok := asInvalid(err); ok {
			return nil, p, nil
		}
		return nil, nil, err
	}
	view := &wouldView{wouldAnswer: answer, Recipients: len(f.Recipients), Channels: len(f.Channels), Window: windowWords(audit.Window(f.Window)),
		Width: wouldWidth, Height: wouldHeight}
	view.draw()
	words := r.vocabulary()
	for _, e := range answer.Examples {
		view.Listed = append(view.Listed, wouldExample{Event: e, Sentence: eventSentence(words, e)})
	}
	return view, nil, nil
}

// draw makes the bars. A day with any message has one that can be seen.
func (v *wouldView) draw() {
	for _, day := range v.ByDay {
		if day.Messages > v.Most {
			v.Most, v.MostOn = day.Messages, day.Date
		}
	}
	step := float64(wouldWidth) / float64(max(1, len(v.ByDay)))
	for i, day := range v.ByDay {
		bar := wouldBar{Date: day.Date, Messages: day.Messages, Matched: day.Matched, X: float64(i)*step + wouldGap/2, Width: step - wouldGap, Mid: (float64(i) + 0.5) * step, Last: i == len(v.ByDay)-1}
		if day.Messages > 0 {
			bar.Height = max(3, float64(wouldHeight)*float64(day.Messages)/float64(v.Most))
		}
		bar.Y = wouldHeight - bar.Height
		if at, err := time.Parse(time.DateOnly, day.Date); err == nil && (len(v.ByDay)-1-i)%7 == 0 {
			bar.Label = at.Format("2 Jan")
		}
		v.Bars = append(v.Bars, bar)
	}
}

// eventSentence says who did what to what: the event's own words where it has some.
func eventSentence(words *vocabulary, e audit.Event) string {
	if text := strings.Join(strings.Fields(e.Message), " "); text != "" {
		return text
	}
	who := e.Actor.Name
	if who == "" {
		who = e.Actor.ID
	}
	text := who + ": " + words.action(e.Action)
	if len(e.Targets) > 0 {
		name := e.Targets[0].Name
		if name == "" {
			name = e.Targets[0].ID
		}
		text += " " + name
	}
	return text
}
