package api

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/audittrail/audittrail/audit"
)

// addressInput is the body of POST /v1/addresses.
type addressInput struct {
	Kind    audit.AddressKind `json:"kind"`
	Address string            `json:"address"`
	Label   string            `json:"label"`
}

// addressView is an other address as clients see it. What is stored has more, so that each field that leaves is named here.
type addressView struct {
	ID         string            `json:"id"`
	Kind       audit.AddressKind `json:"kind"`
	Address    string            `json:"address"`
	Label      string            `json:"label,omitempty"`
	AddedBy    string            `json:"added_by"`
	Verified   bool              `json:"verified"`
	CreatedAt  time.Time         `json:"created_at"`
	VerifiedAt time.Time         `json:"verified_at,omitzero"`
	Code       *codeView         `json:"code,omitempty"`
	// Warning says what went wrong beside the request, which is done all the same.
	Warning string `json:"warning,omitempty"`
}

// codeView says what became of the newest code, and nothing by which it could be guessed.
type codeView struct {
	Status    audit.DeliveryStatus `json:"status"`
	Error     string               `json:"error,omitempty"`
	SentAt    time.Time            `json:"sent_at"`
	ExpiresAt time.Time            `json:"expires_at"`
	TriesLeft int                  `json:"tries_left"`
}

func viewAddress(a audit.OtherAddress) addressView {
	v := addressView{ID: a.ID, Kind: a.Kind, Address: a.Address, Label: a.Label, AddedBy: a.AddedBy, Verified: a.Verified(), CreatedAt: a.CreatedAt, VerifiedAt: a.VerifiedAt}
	if c := a.Code; c != nil {
		v.Code = &codeView{Status: c.Status, Error: c.Error, SentAt: c.SentAt, ExpiresAt: c.ExpiresAt, TriesLeft: max(0, audit.AddressCodeTries-c.Tries)}
	}
	return v
}

// addressEntry tells of an address by its label, or masked: who reads the trail need not know it.
func addressEntry(by audit.Principal, a audit.OtherAddress, action, verb string) entry {
	return entry{action: action, message: by.MemberName + " " + verb + " the address " + a.Masked(),
		targets: []audit.Target{{Type: "address", ID: a.ID, Name: a.Name()}}, metadata: map[string]string{"kind": string(a.Kind)}}
}

// address returns the address of the path, where the caller may use it: a contact_admin those that they added. What is deleted is not there.
func (s *Server) address(r *request) (audit.OtherAddress, error) {
	id, err := r.param("id")
	if err != nil {
		return audit.OtherAddress{}, err
	}
	a, err := s.cfg.Addresses.Address(r.ctx, r.by.Organization, id)
	if err == nil && (a.Deleted() || !r.by.Reaches(audit.ScopeReminders, a.AddedBy)) {
		err = audit.NotFound("address")
	}
	return a, err
}

// listAddresses is GET /v1/addresses.
func (s *Server) listAddresses(r *request) error {
	all, err := s.cfg.Addresses.Addresses(r.ctx, r.by.Organization)
	if err != nil {
		return err
	}
	if err := s.recordView(r.ctx, r, entry{action: audit.ActionAddressesListed, message: r.by.MemberName + " listed other addresses"}, ""); err != nil {
		return err
	}
	views := []addressView{}
	for _, a := range all {
		if !a.Deleted() && r.by.Reaches(audit.ScopeReminders, a.AddedBy) {
			views = append(views, viewAddress(a))
		}
	}
	return r.json(http.StatusOK, map[string]any{"addresses": views})
}

// addAddress is POST /v1/addresses.
func (s *Server) addAddress(r *request) error {
	var in addressInput
	if err := r.readJSON(&in); err != nil {
		return err
	}
	now := s.now().UTC().Truncate(audit.TimePrecision)
	a := audit.OtherAddress{Organization: r.by.Organization, Kind: in.Kind, Address: in.Address, Label: in.Label, AddedBy: r.by.Member, CreatedAt: now, UpdatedAt: now}
	if err := a.Validate(); err != nil {
		return err
	}
	if err := s.kindConfigured(a.Kind); err != nil {
		return err
	}
	secret, err := s.addressKey.get(r.ctx, s.cfg.Secrets, AddressSecret)
	if err != nil {
		return err
	}
	a.ID = audit.AddressID(secret, a.Organization, a.Kind, a.Address)
	all, err := s.cfg.Addresses.Addresses(r.ctx, a.Organization)
	if err != nil {
		return err
	}
	if err := takePlace(&a, all); err != nil {
		return err
	}
	if err := a.NewCode(newID(), now, all); err != nil {
		return err
	}
	if err := s.recorded(r, r.by, addressEntry(r.by, a, audit.ActionAddressAdded, "added"), func() (err error) {
		a, err = s.cfg.Addresses.PutAddress(r.ctx, a)
		return err
	}); err != nil {
		return err
	}
	s.forgetAddresses(r, all)
	r.c.Response().Header.Set(fiber.HeaderLocation, "/v1/addresses/"+a.ID)
	return s.codeOnItsWay(r, a, http.StatusCreated)
}

// takePlace says whether a new address may be added to all that there are. Where it was deleted before, it goes on with what is left of that.
func takePlace(a *audit.OtherAddress, all []audit.OtherAddress) error {
	live := 0
	for _, other := range all {
		switch {
		case !other.Deleted() && other.ID == a.ID:
			return audit.Errorf(audit.CodeConflict, "the organization has this address already; who added it, or an administrator, can delete it")
		case !other.Deleted():
			live++
		case other.ID == a.ID:
			a.Version, a.CodesAt = other.Version, other.CodesAt
		}
	}
	if live >= audit.MaxOtherAddresses {
		return audit.Errorf(audit.CodeConflict, "the organization has %d other addresses, and more are not allowed; delete one first", live)
	}
	return nil
}

// forgetAddresses takes away what is left of addresses that were deleted long ago. Not being able to is no trouble: it is done another time.
func (s *Server) forgetAddresses(r *request, all []audit.OtherAddress) {
	for _, old := range all {
		if !old.Forgotten(s.now()) {
			continue
		}
		err := s.cfg.Addresses.DeleteAddress(r.ctx, old.Organization, old.ID, old.Version)
		if code := audit.CodeOf(err); code != "" && code != audit.CodeNotFound && code != audit.CodeConflict { // it is gone, or added again
			s.log.Warn("api: what is left of a deleted address stays", slog.String("request_id", r.id), slog.Any("error", err))
		}
	}
}

// changeAddress changes an address as it is then, again where another writer was first.
func (s *Server) changeAddress(r *request, id string, change func(*audit.OtherAddress) error) (audit.OtherAddress, error) {
	for try := 1; ; try++ {
		a, err := s.cfg.Addresses.Address(r.ctx, r.by.Organization, id)
		if err == nil && a.Deleted() {
			err = audit.NotFound("address")
		}
		if err == nil {
			err = change(&a)
		}
		if err != nil {
			return a, err
		}
		a, err = s.cfg.Addresses.PutAddress(r.ctx, a)
		if audit.CodeOf(err) != audit.CodeConflict || try == conflictTries {
			return a, err
		}
	}
}

// deleteAddress is DELETE /v1/addresses/{id}.
func (s *Server) deleteAddress(r *request) error {
	a, err := s.address(r)
	if err != nil {
		return err
	}
	if err := s.removeAddress(r, a); err != nil {
		return err
	}
	return r.noContent()
}

// removeAddress takes an address out of all reminders, and then away. First, so that what fails is tried again with the rest.
func (s *Server) removeAddress(r *request, a audit.OtherAddress) error {
	reminders, err := s.cfg.Reminders.Reminders(r.ctx, a.Organization)
	if err != nil {
		return err
	}
	is := func(id string) bool { return id == a.ID }
	for _, m := range reminders {
		if !slices.ContainsFunc(m.Addresses, is) {
			continue
		}
		m.Addresses, m.Unsubscribed = slices.DeleteFunc(slices.Clone(m.Addresses), is), slices.DeleteFunc(slices.Clone(m.Unsubscribed), is)
		m.UpdatedAt = s.now().UTC().Truncate(audit.TimePrecision)
		if err := s.recorded(r, r.by, reminderEntry(r.by, m, audit.ActionReminderUpdated, "changed"), func() error {
			_, err := s.cfg.Reminders.PutReminder(r.ctx, m)
			return err
		}); err != nil {
			return err
		}
		s.reminderChanged(r, m)
	}
	return s.recorded(r, r.by, addressEntry(r.by, a, audit.ActionAddressDeleted, "deleted"), func() error {
		_, err := s.changeAddress(r, a.ID, func(a *audit.OtherAddress) error { a.Delete(s.now()); return nil })
		return ignoreNotFound(err)
	})
}

// deleteAddressesOf deletes what a member added who is about to be deleted.
func (s *Server) deleteAddressesOf(r *request, member audit.Member) error {
	all, err := s.cfg.Addresses.Addresses(r.ctx, member.Organization)
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.AddedBy != member.ID || a.Deleted() {
			continue
		}
		if err := s.removeAddress(r, a); err != nil {
			return err
		}
	}
	return nil
}

// unusableAddresses names those of a reminder's addresses that it cannot have: they are not there, not verified, or another's. Those that it had before stay, whoever
// edits it.
func (s *Server) unusableAddresses(r *request, ids, before []string) (fields []audit.FieldError, err error) {
	for i, id := range ids {
		a, err := s.cfg.Addresses.Address(r.ctx, r.by.Organization, id)
		if err != nil && audit.CodeOf(err) != audit.CodeNotFound {
			return nil, err
		}
		if err == nil && a.Verified() && (slices.Contains(before, id) || r.by.Reaches(audit.ScopeReminders, a.AddedBy)) {
			continue
		}
		fields = append(fields, audit.FieldError{Field: fmt.Sprintf("addresses[%d]", i),
			Message: fmt.Sprintf("%q is not the id of an address that is verified and yours to use; GET /v1/addresses lists them", clip(id))})
	}
	return fields, nil
}
