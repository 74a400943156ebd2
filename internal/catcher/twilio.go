package catcher

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// TwilioOptions says how the stand-in for Twilio behaves.
type TwilioOptions struct {
	// Addr is where it listens. Default: a free port of 127.0.0.1.
	Addr string
	// AccountSID and AuthToken are the only account it knows.
	AccountSID, AuthToken string
	// Deliver reports each message as sent and then as delivered to its StatusCallback, as Twilio does.
	Deliver bool
	// OnSMS is called with each message, one at a time.
	OnSMS func(SMS)
	// Logger is told of callbacks that fail. Default: slog.Default.
	Logger *slog.Logger
}

// SMS is a text message that was caught.
type SMS struct {
	SID                 string
	ReceivedAt          time.Time
	To                  string
	From                string
	MessagingServiceSID string
	Body                string
	StatusCallback      string
	Segments            int
}

// TwilioError is an answer as Twilio gives it when it does not take a message.
type TwilioError struct {
	Status  int    `json:"status"`
	Code    int    `json:"code"`
	Message string `json:"message"`
	// RetryAfter goes out as a header, in seconds; 0: none.
	RetryAfter int `json:"-"`
	// Delay holds the answer back; Raw replaces the JSON by any text; Drop hangs up instead.
	Delay time.Duration `json:"-"`
	Raw   string        `json:"-"`
	Drop  bool          `json:"-"`
}

// Twilio is a stand-in for the part of Twilio's API that sends messages.
type Twilio struct {
	opts     TwilioOptions
	server   *http.Server
	listener net.Listener
	box      *box[SMS]
	ctx      context.Context // ends the callbacks when the catcher closes
	cancel   context.CancelFunc
	running  sync.WaitGroup
	showing  sync.Mutex // OnSMS is called one at a time

	mu       sync.Mutex
	failures []TwilioError
}

// NewTwilio starts the stand-in.
func NewTwilio(opts TwilioOptions) (*Twilio, error) {
	if opts.Addr == "" {
		opts.Addr = "127.0.0.1:0"
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", opts.Addr)
	if err != nil {
		return nil, fmt.Errorf("Twilio stand-in: %w", err)
	}
	t := &Twilio{opts: opts, listener: listener, box: newBox[SMS]()}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2010-04-01/Accounts/{account}/Messages.json", t.create)
	t.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	t.running.Go(func() { _ = t.server.Serve(listener) })
	return t, nil
}

// URL is the base address of the API.
func (t *Twilio) URL() string { return "http://" + t.listener.Addr().String() }

// Messages returns the messages caught, oldest first.
func (t *Twilio) Messages() []SMS { return t.box.all() }

// Wait returns the first message that matches, among those caught and those to come, until the context ends. nil matches any.
func (t *Twilio) Wait(ctx context.Context, match func(SMS) bool) (SMS, error) {
	return t.box.wait(ctx, match)
}

// FailNext makes the next requests fail, one each.
func (t *Twilio) FailNext(failures ...TwilioError) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures = append(t.failures, failures...)
}

// Close stops listening and waits for what runs.
func (t *Twilio) Close() error {
	t.cancel()
	err := t.server.Close()
	t.running.Wait()
	return err
}

// create answers the request to send a message.
func (t *Twilio) create(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	if !same(user, t.opts.AccountSID) || !same(password, t.opts.AuthToken) {
		w.Header().Set("WWW-Authenticate", `Basic realm="Twilio API"`)
		answer(w, TwilioError{Status: 401, Code: 20003, Message: "Authenticate"})
		return
	}
	if r.PathValue("account") != t.opts.AccountSID {
		answer(w, TwilioError{Status: 404, Code: 20404, Message: "The requested resource " + r.URL.Path + " was not found"})
		return
	}
	if failure, ok := t.nextFailure(); ok {
		t.fail(w, r, failure)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		answer(w, TwilioError{Status: 400, Code: 20001, Message: "Invalid parameter"})
		return
	}
	if wrong := check(r.PostForm); wrong != nil {
		answer(w, *wrong)
		return
	}
	sms := SMS{
		SID: newSID("SM"), ReceivedAt: time.Now().UTC(), To: r.PostForm.Get("To"), From: r.PostForm.Get("From"),
		MessagingServiceSID: r.PostForm.Get("MessagingServiceSid"), Body: r.PostForm.Get("Body"),
		StatusCallback: r.PostForm.Get("StatusCallback"), Segments: countSegments(r.PostForm.Get("Body")),
	}
	t.box.put(sms)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(t.resource(sms))
	if t.opts.OnSMS != nil {
		t.showing.Lock()
		t.opts.OnSMS(sms)
		t.showing.Unlock()
	}
	if t.opts.Deliver && sms.StatusCallback != "" {
		t.running.Go(func() { t.deliver(sms) })
	}
}

func (t *Twilio) nextFailure() (TwilioError, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.failures) == 0 {
		return TwilioError{}, false
	}
	failure := t.failures[0]
	t.failures = t.failures[1:]
	return failure, true
}

func (t *Twilio) fail(w http.ResponseWriter, r *http.Request, failure TwilioError) {
	if failure.Delay > 0 {
		timer := time.NewTimer(failure.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		case <-t.ctx.Done():
		}
	}
	if failure.Drop || failure.Status == 0 {
		panic(http.ErrAbortHandler)
	}
	answer(w, failure)
}

// magic are the numbers for which Twilio's test credentials give a certain error.
var magic = map[string]TwilioError{
	"+15005550001": {Status: 400, Code: 21211, Message: "Invalid 'To' Phone Number: +1500555XXXX"},
	"+15005550002": {Status: 400, Code: 21612, Message: "The 'To' phone number is not currently reachable using the 'From' phone number via SMS."},
	"+15005550003": {Status: 400, Code: 21408, Message: "Permission to send an SMS has not been enabled for the region indicated by the 'To' number"},
	"+15005550004": {Status: 400, Code: 21610, Message: "Attempt to send to unsubscribed recipient"},
	"+15005550009": {Status: 400, Code: 21614, Message: "'To' number is not a valid mobile number"},
}

var (
	e164    = regexp.MustCompile(`^\+[1-9][0-9]{5,14}$`)
	service = regexp.MustCompile(`^MG[0-9a-fA-F]{32}$`)
)

// check says what Twilio would say of the parameters; nil where they are right.
func check(form url.Values) *TwilioError {
	wrong := func(code int, message string) *TwilioError {
		return &TwilioError{Status: 400, Code: code, Message: message}
	}
	to, body, callback := form.Get("To"), form.Get("Body"), form.Get("StatusCallback")
	if failure, ok := magic[to]; ok {
		return &failure
	}
	switch {
	case to == "":
		return wrong(21604, "A 'To' phone number is required.")
	case !e164.MatchString(to):
		return wrong(21211, "Invalid 'To' Phone Number")
	case form.Get("From") == "" && form.Get("MessagingServiceSid") == "":
		return wrong(21603, "A 'From' phone number is required.")
	case form.Get("MessagingServiceSid") != "" && !service.MatchString(form.Get("MessagingServiceSid")):
		return wrong(21701, "The Messaging Service does not exist.")
	case body == "":
		return wrong(21602, "Message body is required.")
	case utf8.RuneCountInString(body) > 1600:
		return wrong(21617, "The concatenated message body exceeds the 1600 character limit")
	}
	if callback != "" {
		if u, err := url.Parse(callback); err != nil || u.Host == "" || !strings.HasPrefix(u.Scheme, "http") {
			return wrong(21609, "The 'StatusCallback' URL is not a valid URL.")
		}
	}
	return nil
}

// answer writes an error as Twilio does.
func answer(w http.ResponseWriter, e TwilioError) {
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(e.RetryAfter))
	}
	if e.Raw != "" {
		w.WriteHeader(e.Status)
		_, _ = w.Write([]byte(e.Raw))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"code": e.Code, "message": e.Message, "status": e.Status,
		"more_info": fmt.Sprintf("https://www.twilio.com/docs/errors/%d", e.Code),
	})
}

// resource is the message as Twilio describes it.
func (t *Twilio) resource(sms SMS) map[string]any {
	const layout = "Mon, 02 Jan 2006 15:04:05 -0700"
	orNull := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	segments := fmt.Sprint(sms.Segments)
	if sms.MessagingServiceSID != "" {
		segments = "0" // no sender is assigned yet
	}
	path := "/2010-04-01/Accounts/" + t.opts.AccountSID + "/Messages/" + sms.SID
	at := sms.ReceivedAt.Format(layout)
	return map[string]any{
		"account_sid": t.opts.AccountSID, "api_version": "2010-04-01", "body": sms.Body, "date_created": at, "date_sent": nil,
		"date_updated": at, "direction": "outbound-api", "error_code": nil, "error_message": nil, "from": orNull(sms.From),
		"messaging_service_sid": orNull(sms.MessagingServiceSID), "num_media": "0", "num_segments": segments, "price": nil,
		"price_unit": nil, "sid": sms.SID, "status": "queued", "subresource_uris": map[string]any{"media": path + "/Media.json"},
		"to": sms.To, "uri": path + ".json",
	}
}

func newSID(kind string) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return kind + hex.EncodeToString(b[:])
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// errNoCallback says that a message asked for no status callback.
var errNoCallback = errors.New("the message has no StatusCallback")
