package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/audittrail/audittrail/audit"
)

const (
	// keySecret is the name of the store's secret of which those of keys are made that are asked for with an Idempotency-Key.
	keySecret = "keys"
	// minKeyOnce is how long an Idempotency-Key has to be here: with the secret above, the key's own follows from it, so it must be as hard to guess.
	minKeyOnce = 32
	// onceShown is for how long a repeated request is answered with the key and its secret.
	onceShown = 10 * time.Minute
)

// newSecrets gives a key its id and secret. Where the request names an Idempotency-Key both follow from that, by any process, so that a form that was
// posted twice makes one key, and the answer to the second, which is the one that a browser shows, has the secret. what is what is made, and of what.
func (s *Server) newSecrets(r *request, key *audit.Key, what ...string) (secret string, once bool, err error) {
	given := string(r.c.Request().Header.Peek(headerOnce))
	if given == "" {
		key.ID = newID()
		secret, key.Prefix, key.Hash = audit.NewKeySecret()
		return secret, false, nil
	}
	if cut(given, audit.MaxIDBytes) != given || len(given) < minKeyOnce {
		return "", true, audit.InvalidField(headerOnce, "must be random, of %d to %d bytes without control characters: the key's secret follows from it", minKeyOnce, audit.MaxIDBytes)
	}
	master, err := s.cfg.Secrets.Secret(r.ctx, keySecret)
	if err != nil {
		return "", true, err
	}
	parts := append([]string{r.by.Organization, r.by.Member, given}, what...)
	key.ID = uuid.NewHash(sha256.New(), uuid.NameSpaceOID, onceMAC(master, "id", parts), 8).String()
	secret, key.Prefix, key.Hash = audit.KeySecretOf([sha256.Size]byte(onceMAC(master, "secret", parts)))
	return secret, true, nil
}

func onceMAC(master []byte, purpose string, parts []string) []byte {
	mac := hmac.New(sha256.New, master)
	for _, part := range append([]string{purpose}, parts...) {
		mac.Write(binary.AppendUvarint(nil, uint64(len(part)))) // so that parts do not run into each other
		mac.Write([]byte(part))
	}
	return mac.Sum(nil)
}

// madeBefore says whether the key of that id is there already, made by an earlier request with the same Idempotency-Key. It is an error where that was
// for another key, or too long ago to show the secret again.
func madeBefore(keys []audit.Key, key audit.Key, now time.Time) (old audit.Key, made bool, err error) {
	i := slices.IndexFunc(keys, func(k audit.Key) bool { return k.ID == key.ID })
	if i < 0 {
		return audit.Key{}, false, nil
	}
	old = keys[i]
	// An end that is counted from now is a little later each time.
	moved := old.ExpiresAt.Sub(key.ExpiresAt).Abs() > onceShown || old.ExpiresAt.IsZero() != key.ExpiresAt.IsZero()
	switch {
	case old.Member != key.Member || old.Name != key.Name || !slices.Equal(old.Scopes, key.Scopes) || !slices.Equal(old.AllowedAddresses, key.AllowedAddresses) || moved && old.ReplacedBy == "":
		return old, true, audit.InvalidField(headerOnce, "was used for another key already; take a new one")
	case subtle.ConstantTimeCompare(old.Hash, key.Hash) != 1 || now.Sub(old.CreatedAt) > onceShown || !old.RevokedAt.IsZero():
		return old, true, audit.Errorf(audit.CodeConflict, "this made a key already, whose secret is not shown again; if you did not keep it, rotate the key")
	}
	return old, true, nil
}

// answerKey answers with a new key and its secret.
func (r *request) answerKey(view keyView) error {
	r.c.Response().Header.Set(fiber.HeaderLocation, "/v1/keys/"+view.ID)
	return r.json(http.StatusCreated, view)
}
