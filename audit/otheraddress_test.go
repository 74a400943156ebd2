package audit

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

var (
	addressSecret = []byte("a secret of the server")
	addressStart  = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
)

// coded is an address to which a code was sent, and the code.
func coded(t *testing.T) (OtherAddress, string) {
	t.Helper()
	a := OtherAddress{ID: "a1", Organization: "acme", Kind: AddressEmail, Address: "on-call@example.com"}
	if err := a.NewCode("c1", addressStart, nil); err != nil {
		t.Fatal(err)
	}
	return a, CodeOfAddress(addressSecret, "acme", "a1", "c1")
}

func TestACodeVerifiesItsAddressOnce(t *testing.T) {
	a, code := coded(t)
	right, err := a.Enter(addressSecret, code, addressStart.Add(AddressCodeLife-time.Millisecond))
	if !right || err != nil || !a.Verified() || a.Code != nil {
		t.Fatalf("the code is right: %t, %v; %+v", right, err, a)
	}
	if _, err := a.Enter(addressSecret, code, addressStart); CodeOf(err) != CodeConflict {
		t.Errorf("the code once more: %v", err)
	}
	if err := a.NewCode("c2", addressStart, nil); CodeOf(err) != CodeConflict {
		t.Errorf("a new code for a verified address: %v", err)
	}
}

func TestACodeExpiresAndIsTriedFiveTimes(t *testing.T) {
	a, code := coded(t)
	if _, err := a.Enter(addressSecret, code, addressStart.Add(AddressCodeLife)); CodeOf(err) != CodeInvalid || a.Verified() {
		t.Errorf("after half an hour: %v", err)
	}
	for i := range AddressCodeTries {
		before := a.Code
		if right, err := a.Enter(addressSecret, "wrong", addressStart); right || err != nil || a.Code.Tries != i+1 || before.Tries != i {
			t.Errorf("wrong code %d: %t, %v, %d tries", i+1, right, err, a.Code.Tries)
		}
	}
	if right, err := a.Enter(addressSecret, code, addressStart); right || CodeOf(err) != CodeInvalid {
		t.Errorf("the right code after %d wrong ones: %t, %v", AddressCodeTries, right, err)
	}
	if err := a.NewCode("c2", addressStart, nil); err != nil || a.Code.Tries != 0 {
		t.Fatal(err)
	}
	if right, err := a.Enter(addressSecret, code, addressStart); right || err != nil {
		t.Errorf("the code before: %t, %v", right, err)
	}
	if right, _ := a.Enter(addressSecret, CodeOfAddress(addressSecret, "acme", "a1", "c2"), addressStart); !right {
		t.Error("the new code does not work")
	}
}

// retryOf returns after how long what was refused may be asked for again; 0 where that is not why it was.
func retryOf(err error) time.Duration {
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeRateLimited {
		return 0
	}
	return e.RetryAfter
}

func TestNobodyIsFloodedWithCodes(t *testing.T) {
	a, _ := coded(t)
	for i := range AddressCodesPerHour - 1 {
		if err := a.NewCode("c", addressStart.Add(time.Duration(i)*time.Minute), nil); err != nil {
			t.Fatal(err)
		}
	}
	a.Delete(addressStart) // deleting it does not make room
	if err := a.NewCode("c", addressStart.Add(59*time.Minute), nil); retryOf(err) != time.Minute {
		t.Errorf("one more than may be: %v", err)
	}
	if a.Forgotten(addressStart.Add(59*time.Minute)) || !a.Forgotten(addressStart.Add(2*time.Hour)) {
		t.Error("a deleted address is forgotten when its hour is over, and not before")
	}
	if err := a.NewCode("c", addressStart.Add(time.Hour), nil); err != nil || len(a.CodesAt) != AddressCodesPerHour-1 {
		t.Errorf("an hour later: %v, %d", err, len(a.CodesAt))
	}
	var all []OtherAddress
	for i := range AllAddressCodesPerHour {
		all = append(all, OtherAddress{ID: fmt.Sprint(i), CodesAt: []time.Time{addressStart.Add(time.Duration(i) * time.Second)}})
	}
	fresh := OtherAddress{ID: "b"}
	if err := fresh.NewCode("c", addressStart.Add(time.Minute), all); retryOf(err) != 59*time.Minute {
		t.Errorf("one more of the organization than may be: %v", err)
	}
}

func TestTheIDOfAnAddressFollowsFromItAndDoesNotTellIt(t *testing.T) {
	id := AddressID(addressSecret, "acme", AddressEmail, "On-Call@example.com")
	if id != AddressID(addressSecret, "acme", AddressEmail, "on-call@EXAMPLE.com") {
		t.Error("the case of letters makes another address")
	}
	for name, other := range map[string]string{
		"secret":       AddressID([]byte("another"), "acme", AddressEmail, "on-call@example.com"),
		"organization": AddressID(addressSecret, "other", AddressEmail, "on-call@example.com"),
		"kind":         AddressID(addressSecret, "acme", AddressPhone, "on-call@example.com"),
		"address":      AddressID(addressSecret, "acme", AddressEmail, "oncall@example.com"),
	} {
		if other == id {
			t.Errorf("another %s makes the same id", name)
		}
	}
	if len(id) != 36 || id[14] != '8' {
		t.Errorf("%s is not a UUID of version 8", id)
	}
}

func TestOtherAddressesAreValidatedAndMasked(t *testing.T) {
	for _, tt := range []struct {
		kind            AddressKind
		address, masked string
		field           string
	}{
		{AddressEmail, "on-call@example.com", "o***@example.com", ""},
		{AddressEmail, "élise@example.com", "é***@example.com", ""},
		{AddressPhone, "+491701234567", "+49*****567", ""},
		{AddressEmail, "+491701234567", "", "address"},
		{AddressPhone, "on-call@example.com", "", "address"},
		{AddressPhone, "0170 1234567", "", "address"},
		{AddressEmail, "", "", "address"},
		{AddressEmail, "On Call <on-call@example.com>", "", "address"},
		{"fax", "on-call@example.com", "", "kind"},
	} {
		a := OtherAddress{Kind: tt.kind, Address: tt.address}
		err := a.Validate()
		if tt.field == "" && (err != nil || a.Masked() != tt.masked || a.Name() != tt.masked) {
			t.Errorf("%s %s: %v, %s", tt.kind, tt.address, err, a.Masked())
		}
		if tt.field != "" && fieldsOf(t, err, CodeInvalid)[tt.field] == "" {
			t.Errorf("%s %s: %v", tt.kind, tt.address, err)
		}
	}
	if (OtherAddress{Address: "x@example.com", Label: "a\nb", Kind: AddressEmail}).Validate() == nil {
		t.Error("a label of two lines is taken")
	}
}

func TestUnsubscribeTokensOfAddressesAndMembersAreApart(t *testing.T) {
	ofAddress := SignAddressUnsubscribe(addressSecret, "acme", "r", "a1", ChannelEmail)
	organization, reminder, address, channel, err := ParseAddressUnsubscribe(addressSecret, ofAddress)
	if err != nil || organization != "acme" || reminder != "r" || address != "a1" || channel != ChannelEmail {
		t.Errorf("got %q %q %q %q, %v", organization, reminder, address, channel, err)
	}
	if _, _, _, _, err := ParseUnsubscribe(addressSecret, ofAddress); CodeOf(err) != CodeInvalid {
		t.Errorf("as that of a member: %v", err)
	}
	if _, _, _, _, err := ParseAddressUnsubscribe(addressSecret, SignUnsubscribe(addressSecret, "acme", "r", "a1", ChannelEmail)); CodeOf(err) != CodeInvalid {
		t.Errorf("that of a member: %v", err)
	}
}
