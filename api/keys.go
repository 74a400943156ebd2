package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// keyInput is the body of POST /v1/keys.
type keyInput struct {
	Name      string   `json:"name"`
	Scopes    []string `json:"scopes"`
	Member    string   `json:"member"`
	ExpiresAt string   `json:"expires_at"`
	// AllowedAddresses are addresses and blocks of them.
	AllowedAddresses []string `json:"allowed_addresses"`
}

// keyView is a new key, with the secret that is shown this once.
type keyView struct {
	audit.Key
	Secret string `json:"secret"`
	// Previous is the key that it takes the place of, where it does.
	Previous *audit.Key `json:"previous,omitempty"`
}

// listKeys is GET /v1/keys.
func (s *Server) listKeys(r *request) error {
	keys, err := s.cfg.Keys.Keys(r.ctx, r.by.Organization)
	if err != nil {
		return err
	}
	if err := s.recordView(r.ctx, r, entry{action: audit.ActionKeysListed, message: r.by.MemberName + " listed API keys"}, ""); err != nil {
		return err
	}
	for i := range keys {
		if keys[i].Scopes == nil {
			keys[i].Scopes = []audit.Scope{}
		}
	}
	return r.json(http.StatusOK, list("keys", keys, false, nil))
}

// createKey is POST /v1/keys.
func (s *Server) createKey(r *request) error {
	var in keyInput
	if err := r.readJSON(&in); err != nil {
		return err
	}
	now := s.now().UTC().Truncate(audit.TimePrecision)
	key := audit.Key{Organization: r.by.Organization, Member: in.Member, Name: in.Name, CreatedAt: now}
	if key.Member == "" {
		key.Member = r.by.Member
	}
	var scopesErr, expiryErr, addressesErr error
	key.Scopes, scopesErr = in.scopes(r.by)
	key.ExpiresAt, expiryErr = expiry(in.ExpiresAt, now)
	key.AllowedAddresses, addressesErr = audit.ParseAddresses("allowed_addresses", in.AllowedAddresses, audit.MaxAllowedAddresses)
	_, holderErr := s.checkHolder(r, key.Member, "keys")
	if err := joinFields(in.checkName(), scopesErr, expiryErr, addressesErr, holderErr); err != nil {
		return err
	}
	secret, once, err := s.newSecrets(r, &key, "create")
	if err != nil {
		return err
	}
	if done, err := s.answerMade(r, once, key, secret, now); done || err != nil {
		return err
	}
	trail := keyEntry(r.by, key, audit.ActionKeyCreated, "created")
	err = s.recorded(r, r.by, trail, func() error { return s.cfg.Keys.CreateKey(r.ctx, key) })
	if audit.CodeOf(err) == audit.CodeConflict { // the same request, at the same time
		if done, again := s.answerMade(r, once, key, secret, now); done || again != nil {
			return again
		}
	}
	if err != nil {
		return err
	}
	return r.answerKey(keyView{Key: key, Secret: secret})
}

// answerMade answers with the key that an earlier request with the same Idempotency-Key made, where there is one.
func (s *Server) answerMade(r *request, once bool, key audit.Key, secret string, now time.Time) (done bool, err error) {
	if !once {
		return false, nil
	}
	keys, err := s.cfg.Keys.Keys(r.ctx, r.by.Organization)
	if err != nil {
		return false, err
	}
	made, found, err := madeBefore(keys, key, now)
	if err != nil || !found {
		return false, err
	}
	return true, r.answerKey(keyView{Key: made, Secret: secret})
}

func (in keyInput) checkName() error {
	switch clean := cut(in.Name, audit.MaxNameBytes); {
	case in.Name == "":
		return audit.InvalidField("name", "is required: what the key is for")
	case clean != in.Name:
		return audit.InvalidField("name", "must be at most %d bytes, without control characters", audit.MaxNameBytes)
	}
	return nil
}

// knownScopes are the scopes as a message lists them.
func knownScopes() string {
	var names []string
	for _, scope := range audit.Scopes() {
		names = append(names, string(scope))
	}
	return strings.Join(names, ", ")
}

// scopes reads the scopes: known ones, each of which the caller has.
func (in keyInput) scopes(by audit.Principal) ([]audit.Scope, error) {
	if len(in.Scopes) == 0 {
		return nil, audit.InvalidField("scopes", "is required: at least one of %s", knownScopes())
	}
	var fields []audit.FieldError
	var scopes []audit.Scope
	for i, name := range in.Scopes {
		scope, at := audit.Scope(name), fmt.Sprintf("scopes[%d]", i)
		switch {
		case i >= 100: // far more than there are
			return nil, audit.InvalidField("scopes", "has %d entries; there are %d scopes", len(in.Scopes), len(audit.Scopes()))
		case !slices.Contains(audit.Scopes(), scope):
			fields = append(fields, audit.FieldError{Field: at, Message: fmt.Sprintf("%q is not a scope; known are %s", clip(name), knownScopes())})
		case by.Allow(scope) != nil:
			fields = append(fields, audit.FieldError{Field: at, Message: fmt.Sprintf("%s is not yours to give", scope)})
		case !slices.Contains(scopes, scope):
			scopes = append(scopes, scope)
		}
	}
	if len(fields) > 0 {
		return nil, audit.Invalid(fields...)
	}
	return scopes, nil
}

func expiry(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, audit.InvalidField("expires_at", "must be RFC 3339 with an offset, like 2027-11-20T08:15:30Z, or left out for a key that does not expire")
	}
	if !at.After(now) {
		return time.Time{}, audit.InvalidField("expires_at", "must be in the future; it is %s", now.Format(audit.TimeLayout))
	}
	return at.UTC().Truncate(audit.TimePrecision), nil
}

// checkHolder says whether what is made (keys, links) may act for the member: an active one, and none of a mightier role than the caller's.
func (s *Server) checkHolder(r *request, id, made string) (audit.Member, error) {
	member, err := s.cfg.Directory.Member(r.ctx, r.by.Organization, id)
	if err != nil && audit.CodeOf(err) != audit.CodeNotFound {
		return audit.Member{}, err
	}
	if err != nil || !member.Included() {
		return audit.Member{}, audit.InvalidField("member", "%q is not an active member of the organization", clip(id))
	}
	if member.Role.Above(r.by.Role) {
		return audit.Member{}, audit.InvalidField("member", "is a %s, and %s can be made for members of one's own role or below", member.Role, made)
	}
	return member, nil
}

func keyEntry(by audit.Principal, key audit.Key, action, verb string) entry {
	scopes := ""
	for i, scope := range key.Scopes {
		if i > 0 {
			scopes += " "
		}
		scopes += string(scope)
	}
	allowed := make([]string, len(key.AllowedAddresses))
	for i, block := range key.AllowedAddresses {
		allowed[i] = block.String()
	}
	return entry{action: action, message: by.MemberName + " " + verb + " the API key " + key.Name,
		targets:  []audit.Target{{Type: "key", ID: key.ID, Name: key.Name}, {Type: "member", ID: key.Member}},
		metadata: map[string]string{"scopes": scopes, "prefix": key.Prefix, "allowed_addresses": strings.Join(allowed, " ")}}
}

// revokeKey is DELETE /v1/keys/{id}.
func (s *Server) revokeKey(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	keys, err := s.cfg.Keys.Keys(r.ctx, r.by.Organization)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(keys, func(k audit.Key) bool { return k.ID == id })
	if i < 0 {
		return audit.NotFound("key")
	}
	if !keys[i].RevokedAt.IsZero() {
		return r.noContent()
	}
	now := s.now().UTC().Truncate(audit.TimePrecision)
	if err := s.recorded(r, r.by, keyEntry(r.by, keys[i], audit.ActionKeyRevoked, "revoked"), func() error {
		return s.cfg.Keys.RevokeKey(r.ctx, r.by.Organization, id, now)
	}); err != nil {
		return err
	}
	s.auth.forget(r.by.Organization)
	return r.noContent()
}
