package test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/catcher"
)

// TestNothingOfAnybodyIsInTheLog runs the real program, its Temporal server included, at level debug, has it do what it can do well and badly with marked values,
// and looks for these in all that it wrote.
func TestNothingOfAnybodyIsInTheLog(t *testing.T) {
	t.Parallel()
	s := newStoppedStandalone(t, "")
	s.config.Log.Level = "debug"
	s.start(t)
	if err := s.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.records.Close(); err != nil {
			t.Error(err)
		}
	})
	tn := s.newTenant(t, "marked")
	marked := map[string]string{
		"a name": "Zerlinde Markedname", "an email address": "zerlinde@marked.example", "a phone number": "+4917612345678", "the text of an event": "markedmessage",
		"a word that is searched": "markedsearch", "a value of an event": "markedvalue", "an address": "203.0.113.77", "a key": tn.adminKey, "Twilio's token": twilioToken,
		"a key that does not work": "at_markedkey", "a part of a path": "markedpath", "a name of a key": "markedkeyname", "a user agent": "markedagent",
	}
	ctx := t.Context()
	if _, err := s.records.PutMember(ctx, audit.Member{ID: "u_marked", Organization: tn.id, Name: marked["a name"], Email: marked["an email address"], Phone: marked["a phone number"],
		Role: audit.RoleSystemAdmin, Status: audit.MemberActive}); err != nil {
		t.Fatal(err)
	}
	c := tn.admin(t)
	reminder := want[audit.Reminder](t, c, http.StatusCreated, http.MethodPost, "/v1/reminders", map[string]any{"name": "Marked", "actions": []string{"contacts.member.added"},
		"channels": []string{"inbox", "email", "sms"}, "window": "immediate", "recipients": []map[string]any{{"member": "u_marked"}}})
	tn.leaveMarks(t, marked)
	marked["an other address"] = "other@marked-mailbox.example"
	addAddress(t, c, audit.AddressEmail, marked["an other address"])
	s.awaitMail(t, 60*time.Second, marked["an other address"], nil)
	s.sms.FailNext(catcher.TwilioError{Status: http.StatusBadRequest, Code: 21211, Message: "The 'To' number " + marked["a phone number"] + " is not a valid phone number."})
	e := happened("contacts.member.added")
	e.Actor.Name, e.Message, e.Source.IP = marked["a name"], marked["the text of an event"], netip.MustParseAddr(marked["an address"])
	e.Metadata = map[string]string{"value": marked["a value of an event"]}
	c.mustIngest(t, e)
	tn.awaitDelivery(t, reminder.ID, audit.ChannelEmail, audit.DeliverySent, 60*time.Second)
	tn.awaitDelivery(t, reminder.ID, audit.ChannelSMS, audit.DeliveryFailed, 60*time.Second)
	x := want[export](t, c, http.StatusAccepted, http.MethodPost, "/v1/exports", map[string]any{"q": marked["a word that is searched"], "format": "csv"})
	c.awaitExport(t, x.ID, 60*time.Second, func(export) {})
	if err := s.end(); err != nil {
		t.Errorf("the end: %v", err)
	}
	log := s.stderr.String()
	if !strings.Contains(log, "level=DEBUG") || !strings.Contains(log, "msg=request") {
		t.Fatalf("this is no log at level debug:\n%s", tail(log, 10))
	}
	for what, secret := range marked {
		if at := strings.Index(strings.ToLower(log), strings.ToLower(secret)); at >= 0 {
			t.Errorf("%s is in the log: …%s…", what, log[max(0, at-300):min(len(log), at+100)])
		}
	}
}

// leaveMarks makes good and bad requests that hold the marked values, and adds those that it is given.
func (tn *tenant) leaveMarks(t *testing.T, marked map[string]string) {
	t.Helper()
	ask := func(key, method, path string, in any) []byte { // by no client that holds it to the contract: much of this is bad
		t.Helper()
		body, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		header := http.Header{"Authorization": {"Bearer " + key}, "Content-Type": {"application/json"}}
		answer, _ := tn.browse(t, method, path, header, body)
		return answer
	}
	search := url.QueryEscape(marked["a word that is searched"])
	for _, path := range []string{"/v1/events?q=" + search, "/v1/events?q=%22" + search, "/v1/events?actor=" + url.QueryEscape(marked["an email address"]), "/v1/events?nothing=" + search,
		"/v1/events/" + marked["a part of a path"], "/v1/members/" + url.PathEscape(marked["an email address"]), "/v1/" + marked["a part of a path"], "/v1/people?q=" + url.QueryEscape(marked["a name"]),
		"/v1/events?ip=" + marked["an address"], "/" + marked["a part of a path"], "/v1/unsubscribe/" + marked["a part of a path"]} {
		ask(tn.adminKey, http.MethodGet, path, nil)
	}
	ask(tn.adminKey, http.MethodPost, "/v1/events", map[string]any{"message": marked["the text of an event"], "actor": marked["a name"]})
	ask(tn.adminKey, http.MethodPut, "/v1/members/u_bad", map[string]any{"name": marked["a name"], "email": "not " + marked["an email address"], "phone": marked["a phone number"]})
	ask(tn.adminKey, http.MethodPost, "/v1/addresses", map[string]any{"kind": "email", "address": "not " + marked["an email address"], "label": marked["a name"]})
	ask(tn.adminKey, http.MethodPost, "/v1/keys", map[string]any{"name": marked["a name of a key"]})
	made := ask(tn.adminKey, http.MethodPost, "/v1/keys", map[string]any{"name": marked["a name of a key"], "scopes": []string{"events:read"}})
	marked["another key"] = between(t, string(made), `"secret":"`, `"`)
	ask(marked["a key that does not work"], http.MethodGet, "/v1/events", nil)

	link, secret := audit.NewLoginLink("marked link", tn.id, "u_marked", "", time.Now())
	if err := tn.service.records.CreateLoginLink(t.Context(), link); err != nil {
		t.Fatal(err)
	}
	marked["a link"] = secret
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "User-Agent": {marked["a user agent"]}}
	for range 2 { // the second time it does not work
		_, cookie := tn.browse(t, http.MethodPost, "/sign-in", form, []byte(url.Values{"link": {secret}}.Encode()))
		if cookie != "" {
			marked["a cookie"] = cookie
		}
	}
	page, _ := tn.browse(t, http.MethodGet, "/operation-logs?q="+search, http.Header{"Cookie": {"audittrail_session=" + marked["a cookie"]}}, nil)
	if marked["a cookie"] == "" || !strings.Contains(string(page), marked["a name"]) {
		t.Errorf("nobody is signed in: %s", page)
	}
}

// browse makes a request as it is, and returns what came back, and the cookie that was set.
func (tn *tenant) browse(t *testing.T, method, path string, header http.Header, body []byte) (answer []byte, cookie string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, tn.service.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header, request.Close = header, true
	response, err := http.DefaultTransport.RoundTrip(request) // goes nowhere by itself
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	for _, c := range response.Cookies() {
		cookie = c.Value
	}
	if answer, err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	return answer, cookie
}

// between returns what stands between two texts.
func between(t *testing.T, text, before, after string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, before)
	value, _, ends := strings.Cut(rest, after)
	if !found || !ends || value == "" {
		t.Fatalf("there is nothing behind %s in %s", before, text)
	}
	return value
}
