package api

import (
	"log/slog"
	"net/http"

	"github.com/audittrail/audittrail/audit"
)

// codeInput is the body of POST /v1/addresses/{id}/verify.
type codeInput struct {
	Code string `json:"code"`
}

// kindConfigured refuses an address to which this server can send nothing.
func (s *Server) kindConfigured(kind audit.AddressKind) error {
	for _, state := range s.channelStates([]audit.Channel{kind.Channel()}) {
		if !state.On {
			return audit.InvalidField("kind", "%s cannot be used: no code can be sent to it, as %s is not configured on this server", kind, kind.Channel())
		}
	}
	return nil
}

// codeOnItsWay has the pending code of an address sent, and answers with the address. Where that cannot begin now, the code has failed, and says so.
func (s *Server) codeOnItsWay(r *request, a audit.OtherAddress, status int) error {
	err := s.cfg.Jobs.SendAddressCode(r.ctx, a.Organization, a.ID, a.Code.ID)
	if err == nil {
		return r.json(status, viewAddress(a))
	}
	const words = "it could not be sent now, as background work cannot be reached: ask for a new one"
	s.log.Warn("api: a code cannot be sent", slog.String("request_id", r.id), slog.String("organization", a.Organization), slog.String("address", a.ID), slog.Any("error", err))
	asked := a.Code.ID
	if failed, err := s.changeAddress(r, a.ID, func(a *audit.OtherAddress) error {
		if a.Code != nil && a.Code.ID == asked {
			a.Code.Status, a.Code.Error = audit.DeliveryFailed, words
		}
		return nil
	}); err == nil {
		a = failed
	}
	view := viewAddress(a)
	view.Warning = "the address is stored, and no code is on its way: " + words
	return r.json(status, view)
}

// sendAddressCode is POST /v1/addresses/{id}/send.
func (s *Server) sendAddressCode(r *request) error {
	a, err := s.address(r)
	if err != nil {
		return err
	}
	if err := s.kindConfigured(a.Kind); err != nil {
		return err
	}
	all, err := s.cfg.Addresses.Addresses(r.ctx, r.by.Organization)
	if err != nil {
		return err
	}
	code, now := newID(), s.now()
	tried := a // what is refused is not recorded
	if err := tried.NewCode(code, now, all); err != nil {
		return err
	}
	if err := s.recorded(r, r.by, addressEntry(r.by, a, audit.ActionAddressCodeSent, "had a new code sent to"), func() (err error) {
		a, err = s.changeAddress(r, a.ID, func(a *audit.OtherAddress) error { return a.NewCode(code, now, all) })
		return err
	}); err != nil {
		return err
	}
	return s.codeOnItsWay(r, a, http.StatusAccepted)
}

// verifyAddress is POST /v1/addresses/{id}/verify. Whether the code is right is told only when that is recorded, and stored: however many enter codes at once, no
// more than AddressCodeTries learn something.
func (s *Server) verifyAddress(r *request) error {
	var in codeInput
	if err := r.readJSON(&in); err != nil {
		return err
	}
	secret, err := s.addressKey.get(r.ctx, s.cfg.Secrets, AddressSecret)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		a, err := s.address(r)
		if err != nil {
			return err
		}
		right, refused := a.Enter(secret, in.Code, s.now())
		outcome, verb := audit.OutcomeSuccess, "verified"
		if !right {
			outcome, verb = audit.OutcomeFailure, "entered a code that does not verify"
		}
		if err := s.append(r.ctx, r.origin(), r.by, addressEntry(r.by, a, audit.ActionAddressVerified, verb), outcome); err != nil {
			return err
		}
		if refused != nil {
			return refused
		}
		stored, err := s.cfg.Addresses.PutAddress(r.ctx, a)
		switch {
		case audit.CodeOf(err) == audit.CodeConflict && try < conflictTries:
			continue
		case err != nil:
			return err
		case !right:
			return wrongCode(stored)
		}
		return r.json(http.StatusOK, viewAddress(stored))
	}
}

func wrongCode(a audit.OtherAddress) error {
	left := audit.AddressCodeTries - a.Code.Tries
	if left <= 0 {
		return audit.InvalidField("code", "is wrong, and the one that was sent works no more; ask for a new one")
	}
	return audit.InvalidField("code", "is wrong; it can be tried %d times more", left)
}
