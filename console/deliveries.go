package console

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/audittrail/audittrail/audit"
)

const (
	// deliveriesPage is how many deliveries one page lists.
	deliveriesPage = 50
	// testScan is among how many of the newest deliveries those of a test are looked for.
	testScan = 200
	// testHurry is for how long a test is looked at each second; one that takes longer is being retried.
	testHurry = time.Minute
)

type deliveriesAnswer struct {
	Deliveries []audit.Delivery `json:"deliveries"`
	Next       string           `json:"next_cursor"`
}

func (r *request) deliveries(reminder, after string, limit int) (deliveriesAnswer, error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if after != "" {
		query.Set("cursor", after)
	}
	var answer deliveriesAnswer
	return answer, r.get("/v1/reminders/"+url.PathEscape(reminder)+"/deliveries", query, &answer)
}

// deliveryRow is a delivery in words.
type deliveryRow struct {
	audit.Delivery
	To, By string
}

func (r *request) viewDelivery(d audit.Delivery, words *vocabulary) deliveryRow {
	row := deliveryRow{Delivery: d, To: "another address", By: channelName(d.Channel)}
	if d.OtherAddress == "" {
		row.To = words.person(d.Member)
	}
	return row
}

// Word is the status in a word or two.
func (d deliveryRow) Word() string {
	switch {
	case d.Status == audit.DeliveryPending && d.Attempts == 0:
		return "Waiting"
	case d.Status == audit.DeliveryPending && d.Error != "":
		return "Trying again"
	case d.Status == audit.DeliveryPending:
		return "Being sent"
	case d.Status == audit.DeliverySkipped:
		return "Not sent"
	}
	return humanName(string(d.Status))
}

// Means says what the status stands for.
func (d deliveryRow) Means() string {
	switch d.Status {
	case audit.DeliverySent:
		return map[audit.Channel]string{audit.ChannelInbox: "in the Message Center", audit.ChannelEmail: "taken by the mail server", audit.ChannelSMS: "taken by Twilio"}[d.Channel]
	case audit.DeliveryDelivered:
		return "confirmed by the phone's network"
	case audit.DeliveryFailed:
		return "refused for good, or given up"
	default:
		return ""
	}
}

// Tone is the class of the status.
func (d deliveryRow) Tone() string {
	switch d.Status {
	case audit.DeliverySent, audit.DeliveryDelivered:
		return "good"
	case audit.DeliveryFailed:
		return "bad"
	case audit.DeliveryPending, audit.DeliverySkipped:
		return "warn"
	default:
		return ""
	}
}

// Final says that nothing will become of it any more.
func (d deliveryRow) Final() bool { return d.Status != audit.DeliveryPending }

type deliveriesView struct {
	frame
	Reminder   reminderRow
	Deliveries []deliveryRow
	First      bool
	Next       string
}

// listDeliveries is GET /messages/settings/{id}/deliveries.
func (con *Console) listDeliveries(r *request) error {
	m, err := r.readReminder()
	if err != nil {
		return err
	}
	after := r.query.Get("cursor")
	page, err := r.deliveries(m.ID, after, deliveriesPage)
	if err != nil {
		return err
	}
	words := r.vocabulary()
	words.meet(append(membersOf(page.Deliveries), namedRecipientsOf(m)...)...)
	view := deliveriesView{frame: r.frame("Deliveries", "messages"), Reminder: r.viewReminder(m, words), First: after == ""}
	for _, d := range page.Deliveries {
		view.Deliveries = append(view.Deliveries, r.viewDelivery(d, words))
	}
	if page.Next != "" {
		view.Next = reminderPath(m.ID) + "/deliveries?" + url.Values{"cursor": {page.Next}}.Encode()
	}
	return r.render(http.StatusOK, "deliveries", view)
}

// testReminder is POST /messages/settings/{id}/test: it sends a test to whoever presses the button and leads to what becomes of it.
func (con *Console) testReminder(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	var answer struct {
		Digest string `json:"digest"`
	}
	if err := r.send(http.MethodPost, "/v1/reminders/"+url.PathEscape(id)+"/test", nil, &answer); err != nil {
		return err
	}
	return r.seeOther(reminderPath(id) + "/test/" + url.PathEscape(answer.Digest))
}

type testView struct {
	frame
	Reminder   reminderRow
	Deliveries []deliveryRow
	// Missing are the channels that nothing is known of yet.
	Missing []string
	// Done says that nothing more will happen; Pause is how long to wait until looking again.
	Done  bool
	Pause string
	Self  string
	// Aloud is what a screen reader is told.
	Aloud string
}

// showTest is GET /messages/settings/{id}/test/{digest}: the deliveries of a test as they arrive.
func (con *Console) showTest(r *request) error {
	m, err := r.readReminder()
	if err != nil {
		return err
	}
	digest, err := r.param("digest")
	if err != nil {
		return err
	}
	page, err := r.deliveries(m.ID, "", testScan)
	if err != nil {
		return err
	}
	words := r.vocabulary()
	words.meet(append(membersOf(page.Deliveries), namedRecipientsOf(m)...)...)
	view := testView{frame: r.frame("Test of a reminder", "messages"), Reminder: r.viewReminder(m, words), Done: true, Pause: "1s",
		Self: reminderPath(m.ID) + "/test/" + url.PathEscape(digest)}
	known := map[audit.Channel]bool{}
	for _, d := range page.Deliveries {
		if d.Digest != digest {
			continue
		}
		row := r.viewDelivery(d, words)
		known[d.Channel], view.Deliveries = true, append(view.Deliveries, row)
		view.Done = view.Done && row.Final()
		if con.now().Sub(d.CreatedAt) > testHurry {
			view.Pause = "10s"
		}
	}
	for _, channel := range m.Channels {
		if !known[channel] {
			view.Missing, view.Done = append(view.Missing, channelName(channel)), false
		}
	}
	view.Aloud = testWords(view)
	return r.render(http.StatusOK, "remindertest", view)
}

func testWords(v testView) string {
	if !v.Done {
		return "The test is on its way."
	}
	text := "The test is through."
	for _, d := range v.Deliveries {
		text += " " + d.By + ": " + d.Word() + "."
	}
	return text
}
