package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
)

func init() {
	add(
		post("/messages/addresses", (*Console).addAddress),
		get("/messages/addresses/:id", (*Console).showAddress),
		post("/messages/addresses/:id", (*Console).verifyAddress),
		post("/messages/addresses/:id/send", (*Console).sendAddressCode),
		get("/messages/addresses/:id/delete", (*Console).askDeleteAddress),
		post("/messages/addresses/:id/delete", (*Console).deleteAddress),
	)
}

// otherAddress is an address beside those of members, as the API answers it, in words.
type otherAddress struct {
	ID         string            `json:"id"`
	Kind       audit.AddressKind `json:"kind"`
	Address    string            `json:"address"`
	Label      string            `json:"label"`
	AddedBy    string            `json:"added_by"`
	Verified   bool              `json:"verified"`
	VerifiedAt time.Time         `json:"verified_at"`
	Code       *addressCode      `json:"code"`
	Warning    string            `json:"warning"`
	// Adder is the name of who added it.
	Adder string `json:"-"`
	now   time.Time
}

type addressCode struct {
	Status    audit.DeliveryStatus `json:"status"`
	Error     string               `json:"error"`
	SentAt    time.Time            `json:"sent_at"`
	ExpiresAt time.Time            `json:"expires_at"`
	TriesLeft int                  `json:"tries_left"`
}

// Path is the page of the address.
func (a otherAddress) Path() string { return "/messages/addresses/" + url.PathEscape(a.ID) }

// By is the channel on which it is reached.
func (a otherAddress) By() string { return channelName(a.Kind.Channel()) }

// Name is the label, or the address where there is none.
func (a otherAddress) Name() string {
	if a.Label != "" {
		return a.Label
	}
	return a.Address
}

// Works says that a code was sent which can be entered now.
func (a otherAddress) Works() bool {
	return a.Code != nil && a.Code.Status != audit.DeliveryFailed && a.Code.TriesLeft > 0 && a.now.Before(a.Code.ExpiresAt)
}

// Word is where the address stands, Tone the class of it.
func (a otherAddress) Word() string {
	switch {
	case a.Verified:
		return "Verified"
	case a.Code != nil && a.Code.Status == audit.DeliveryFailed:
		return "Code not sent"
	case a.Works():
		return "Waits for its code"
	}
	return "Needs a new code"
}

// Tone is the class of the word.
func (a otherAddress) Tone() string {
	switch {
	case a.Verified:
		return "good"
	case a.Code != nil && a.Code.Status == audit.DeliveryFailed:
		return "bad"
	}
	return "warn"
}

// otherAddresses asks for those that the member may use.
func (r *request) otherAddresses() ([]otherAddress, error) {
	var answer struct {
		Addresses []otherAddress `json:"addresses"`
	}
	if err := r.get("/v1/addresses", nil, &answer); err != nil {
		return nil, err
	}
	for i := range answer.Addresses {
		answer.Addresses[i].now = r.con.now()
	}
	return answer.Addresses, nil
}

// nameAdders looks up who added the addresses.
func nameAdders(addresses []otherAddress, words *vocabulary) {
	ids := make([]string, len(addresses))
	for i, a := range addresses {
		ids[i] = a.AddedBy
	}
	words.meet(ids...)
	for i, a := range addresses {
		addresses[i].Adder = words.person(a.AddedBy)
	}
}

// otherAddress finds the address that the path names.
func (r *request) otherAddress() (otherAddress, error) {
	id, err := r.param("id")
	if err != nil {
		return otherAddress{}, err
	}
	all, err := r.otherAddresses()
	if err != nil {
		return otherAddress{}, err
	}
	if i := slices.IndexFunc(all, func(a otherAddress) bool { return a.ID == id }); i >= 0 {
		nameAdders(all[i:i+1], r.vocabulary())
		return all[i], nil
	}
	return otherAddress{}, audit.NotFound("address")
}

// addressForm is what the form for a new address holds, and what is wrong with it.
type addressForm struct {
	Address, Label       string
	Wrong, WrongLabel    string
	Trouble, TroubleMore string
}

// kindOf is what somebody typed: a number begins with a plus sign or digits, and has nothing of a mail address.
func kindOf(address string) audit.AddressKind {
	if !strings.Contains(address, "@") && strings.ContainsAny(address[:min(1, len(address))], "+0123456789(") {
		return audit.AddressPhone
	}
	return audit.AddressEmail
}

// addAddress is POST /messages/addresses.
func (con *Console) addAddress(r *request) error {
	f := addressForm{Address: strings.TrimSpace(r.form.Get("address")), Label: strings.TrimSpace(r.form.Get("label"))}
	kind, address := kindOf(f.Address), f.Address
	if kind == audit.AddressPhone { // as people write numbers
		address = strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", "/", "").Replace(address)
	}
	var added otherAddress
	err := r.send(http.MethodPost, "/v1/addresses", map[string]any{"kind": kind, "address": address, "label": f.Label}, &added)
	if err == nil {
		return r.seeOther(added.Path())
	}
	p, shown := addressProblem(err)
	if !shown {
		return err
	}
	f.Wrong, f.WrongLabel = p.Field("address"), p.Field("label")
	if f.Wrong == "" {
		f.Wrong = p.Field("kind")
	}
	if f.Wrong == "" && f.WrongLabel == "" {
		f.Trouble, f.TroubleMore = p.Title, p.Detail
	}
	return r.renderReminders(p.Status, f)
}

// addressProblem returns what is to be shown beside the form: bad input, a conflict, or more codes than may be sent.
func addressProblem(err error) (*problem, bool) {
	if p, invalid := asInvalid(err); invalid {
		return p, true
	}
	var p *problem
	shown := errors.As(err, &p) && (p.Status == http.StatusConflict || p.Status == http.StatusTooManyRequests)
	return p, shown
}

type addressView struct {
	frame
	Address otherAddress
	// Wrong is what is wrong with the code that was entered; Trouble why no new one is sent.
	Wrong, Trouble string
	Said           string
}

// showAddress is GET /messages/addresses/{id}: where its code is entered. The mail leads here.
func (con *Console) showAddress(r *request) error {
	return r.renderAddress(http.StatusOK, addressView{Said: map[string]string{"sent": "A new code is on its way. The one before works no more."}[r.query.Get("done")]})
}

func (r *request) renderAddress(status int, view addressView) (err error) {
	if view.Address, err = r.otherAddress(); err != nil {
		return err
	}
	view.frame = r.frame("Confirm an address", "messages")
	return r.render(status, "address", view)
}

// verifyAddress is POST /messages/addresses/{id}.
func (con *Console) verifyAddress(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	code := strings.Join(strings.Fields(r.form.Get("code")), "")
	err = r.send(http.MethodPost, "/v1/addresses/"+url.PathEscape(id)+"/verify", map[string]any{"code": code}, nil)
	if err == nil {
		return r.seeOther(doneAddress("verified", ""))
	}
	p, shown := addressProblem(err)
	if !shown {
		return err
	}
	wrong := p.Field("code")
	if wrong == "" {
		wrong = p.Detail
	}
	return r.renderAddress(p.Status, addressView{Wrong: wrong})
}

// sendAddressCode is POST /messages/addresses/{id}/send.
func (con *Console) sendAddressCode(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	var sent otherAddress
	err = r.send(http.MethodPost, "/v1/addresses/"+url.PathEscape(id)+"/send", nil, &sent)
	if err == nil {
		to := sent.Path()
		if sent.Warning == "" {
			to += "?done=sent"
		}
		return r.seeOther(to)
	}
	p, shown := addressProblem(err)
	if !shown {
		return err
	}
	trouble := p.Field("kind")
	if trouble == "" {
		trouble = p.Detail
	}
	return r.renderAddress(p.Status, addressView{Trouble: trouble})
}

// askDeleteAddress is GET /messages/addresses/{id}/delete: the question before.
func (con *Console) askDeleteAddress(r *request) (err error) {
	view := addressView{frame: r.frame("Delete an address", "messages")}
	if view.Address, err = r.otherAddress(); err != nil {
		return err
	}
	return r.render(http.StatusOK, "addressdelete", view)
}

// deleteAddress is POST /messages/addresses/{id}/delete.
func (con *Console) deleteAddress(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	if err := r.send(http.MethodDelete, "/v1/addresses/"+url.PathEscape(id), nil, nil); err != nil {
		return err
	}
	return r.seeOther(doneAddress("forgotten", ""))
}
