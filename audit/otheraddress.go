package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Limits of other addresses.
const (
	MaxOtherAddresses    = 100 // an organization
	MaxReminderAddresses = 50  // of one reminder
	// AddressCodeLife is how long a code works, and AddressCodeTries how many wrong ones are taken before it does not.
	AddressCodeLife  = 30 * time.Minute
	AddressCodeTries = 5
	// AddressCodesPerHour is how many codes go to one address in an hour, and AllAddressCodesPerHour to all of an organization: nobody is flooded.
	AddressCodesPerHour    = 5
	AllAddressCodesPerHour = 30
)

// AddressKind says what an OtherAddress is.
type AddressKind string

// The kinds.
const (
	AddressEmail AddressKind = "email"
	AddressPhone AddressKind = "phone"
)

// AddressKinds returns every kind.
func AddressKinds() []AddressKind { return []AddressKind{AddressEmail, AddressPhone} }

// Channel is the one way on which the kind of address is reached.
func (k AddressKind) Channel() Channel {
	if k == AddressPhone {
		return ChannelSMS
	}
	return ChannelEmail
}

// OtherAddress is where reminders go that is no member's own: the mailbox of a team, the phone of who is on call. A code that was sent to it shows that whoever
// reads it wants that; until then nothing else is sent there.
type OtherAddress struct {
	// ID follows from the address, so that an organization has it once; see AddressID.
	ID           string      `json:"id"`
	Organization string      `json:"-"`
	Kind         AddressKind `json:"kind"`
	// Address is "" where it was deleted: what is left says how many codes were sent to it, so that adding it again sends no more than may be.
	Address string `json:"address,omitempty"`
	Label   string `json:"label,omitempty"`
	// AddedBy is a member id. Nothing is sent where this member may not set reminders any more, and nothing that this member does not see.
	AddedBy    string    `json:"added_by"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
	VerifiedAt time.Time `json:"verified_at,omitzero"`
	// Code is the newest that was asked for; nil once it was used.
	Code *AddressCode `json:"code,omitempty"`
	// CodesAt is when codes were asked for of late.
	CodesAt []time.Time `json:"codes_at,omitempty"`
	// Version counts the changes; a writer names the one it read, 0 for a new address.
	Version int64 `json:"version"`
}

// AddressCode is a code on its way to an address, or there. It is not kept, in any form: it follows from the id and a secret of the server, see CodeOfAddress.
type AddressCode struct {
	ID        string    `json:"id"`
	SentAt    time.Time `json:"sent_at"` // when it was asked for
	ExpiresAt time.Time `json:"expires_at"`
	// Tries counts the wrong ones.
	Tries int `json:"tries"`
	// Status is pending, sent or failed; Error says why.
	Status DeliveryStatus `json:"status"`
	Error  string         `json:"error,omitempty"`
}

// CodeNotice is a code on its way to an address.
type CodeNotice struct {
	// ID is that of the code, the same at every retry, so that a Message-ID can be made of it.
	ID           string
	Organization Organization
	Address      OtherAddress
	// AddedBy is the name of who added the address.
	AddedBy string
	Code    string
	// URL is the page on which it is entered; "" where the server has no public address.
	URL string
}

// Verified says whether reminders may go there.
func (a OtherAddress) Verified() bool { return a.Address != "" && !a.VerifiedAt.IsZero() }

// Deleted says whether only the count of what was sent is left.
func (a OtherAddress) Deleted() bool { return a.Address == "" }

// Masked is the address for records and lists that others read: "a***@example.com", "+49*****123".
func (a OtherAddress) Masked() string {
	if a.Kind == AddressPhone {
		if len(a.Address) < 8 {
			return "*****"
		}
		return a.Address[:3] + "*****" + a.Address[len(a.Address)-3:]
	}
	local, domain, found := strings.Cut(a.Address, "@")
	if !found || local == "" {
		return "***"
	}
	return string([]rune(local)[:1]) + "***@" + domain
}

// Name is what people know it by, which does not tell the address: the label, or the masked address.
func (a OtherAddress) Name() string {
	if a.Label != "" {
		return a.Label
	}
	return a.Masked()
}

// Validate says whether the address may be stored.
func (a OtherAddress) Validate() error {
	var c checker
	c.enum("kind", string(a.Kind), words(AddressKinds()))
	switch {
	case a.Address == "":
		c.required("address", a.Address, MaxEmailBytes)
	case a.Kind == AddressEmail && !isEmail(a.Address):
		c.add("address", "%q is not a mail address, like alice@example.com", shorten(a.Address))
	case a.Kind == AddressPhone && !isE164(a.Address):
		c.add("address", "%q is not a phone number of E.164: + and 7 to 15 digits, like +491701234567", shorten(a.Address))
	}
	c.name("label", a.Label, MaxNameBytes)
	return c.err()
}

// AddressID is the id of an address: the same however often it is added, and whatever the case of its letters, and nothing that shows which it is.
func AddressID(secret []byte, organization string, kind AddressKind, address string) string {
	sum := addressMAC(secret, "id", organization, string(kind), strings.ToLower(address))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80 // RFC 9562, version 8
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// CodeOfAddress is the code of that id: six digits. An activity that is repeated makes the same again, and no history or store holds it.
func CodeOfAddress(secret []byte, organization, address, code string) string {
	return fmt.Sprintf("%06d", binary.BigEndian.Uint64(addressMAC(secret, "code", organization, address, code))%1_000_000)
}

// addressMAC is a keyed hash of parts that cannot run into each other.
func addressMAC(secret []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, secret)
	for _, part := range parts {
		h.Write(binary.AppendUvarint(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}

// codesSince counts the codes that were asked for within the hour before now, and returns when the first of them was.
func (a OtherAddress) codesSince(now time.Time) (n int, first time.Time) {
	for _, at := range a.CodesAt {
		if now.Sub(at) < time.Hour {
			if n++; first.IsZero() || at.Before(first) {
				first = at
			}
		}
	}
	return n, first
}

// Forgotten says whether a deleted address counts for nothing any more.
func (a OtherAddress) Forgotten(now time.Time) bool {
	n, _ := a.codesSince(now)
	return a.Deleted() && n == 0
}

// NewCode puts a new code of that id in the place of the one before. CodeRateLimited where more were asked for than may be: of this address, or of all of the
// organization, which are given; CodeConflict where the address is verified.
func (a *OtherAddress) NewCode(id string, now time.Time, all []OtherAddress) error {
	if a.Verified() {
		return Errorf(CodeConflict, "the address is verified already")
	}
	now = now.UTC().Truncate(TimePrecision)
	n, first := a.codesSince(now)
	if n >= AddressCodesPerHour {
		return &Error{Code: CodeRateLimited, RetryAfter: first.Add(time.Hour).Sub(now),
			Message: fmt.Sprintf("%d codes were sent to this address within the hour, and more are not: wait", n)}
	}
	total, first := 0, now
	for _, other := range all {
		n, at := other.codesSince(now)
		if total += n; n > 0 && at.Before(first) {
			first = at
		}
	}
	if total >= AllAddressCodesPerHour {
		return &Error{Code: CodeRateLimited, RetryAfter: first.Add(time.Hour).Sub(now),
			Message: fmt.Sprintf("%d codes were sent for the organization within the hour, and more are not: wait", total)}
	}
	a.CodesAt = slices.DeleteFunc(slices.Clone(a.CodesAt), func(at time.Time) bool { return now.Sub(at) >= time.Hour })
	a.CodesAt = append(a.CodesAt, now)
	a.Code = &AddressCode{ID: id, SentAt: now, ExpiresAt: now.Add(AddressCodeLife), Status: DeliveryPending}
	return nil
}

// Enter takes a code that somebody entered. It verifies the address where the code is the right one, and counts it where it is not; both are to be stored before
// anybody learns which. Where no code is to be had, that is the error.
func (a *OtherAddress) Enter(secret []byte, code string, now time.Time) (right bool, err error) {
	switch {
	case a.Verified():
		return false, Errorf(CodeConflict, "the address is verified already")
	case a.Code == nil:
		return false, InvalidField("code", "was not sent yet; ask for one")
	case !now.Before(a.Code.ExpiresAt):
		return false, InvalidField("code", "has expired; ask for a new one")
	case a.Code.Tries >= AddressCodeTries:
		return false, InvalidField("code", "was tried %d times, and works no more; ask for a new one", AddressCodeTries)
	}
	a.UpdatedAt = now.UTC().Truncate(TimePrecision)
	if hmac.Equal([]byte(CodeOfAddress(secret, a.Organization, a.ID, a.Code.ID)), []byte(code)) {
		a.VerifiedAt, a.Code = a.UpdatedAt, nil
		return true, nil
	}
	tried := *a.Code
	tried.Tries++
	a.Code = &tried
	return false, nil
}

// Delete takes the address out of the record, and all that it was told by.
func (a *OtherAddress) Delete(now time.Time) {
	a.Address, a.Label, a.Code, a.VerifiedAt, a.UpdatedAt = "", "", nil, time.Time{}, now.UTC().Truncate(TimePrecision)
}
