package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/audittrail/audittrail/audit"
)

func init() {
	add(
		get("/keys", (*Console).listKeys),
		get("/keys/new", (*Console).newKey),
		get("/keys/holders", (*Console).listHolders),
		post("/keys", (*Console).createKey),
		get("/keys/:id/rotate", (*Console).askRotateKey),
		post("/keys/:id/rotate", (*Console).rotateKey),
		get("/keys/:id/revoke", (*Console).askRevokeKey),
		post("/keys/:id/revoke", (*Console).revokeKey),
	)
}

// soon is how long before its end a key is marked: enough to replace it without haste.
const soon = 14 * 24 * time.Hour

// keyView is a key in words.
type keyView struct {
	audit.Key
	Holder string
	now    time.Time
}

// Over says that the key does not work any more.
func (k keyView) Over() bool { return !k.Works(k.now) }

func (k keyView) endsSoon() bool { return !k.ExpiresAt.IsZero() && k.ExpiresAt.Sub(k.now) <= soon }

// Word is where the key stands, Tone the class of it.
func (k keyView) Word() string {
	switch {
	case !k.RevokedAt.IsZero():
		return "Revoked"
	case k.Expired(k.now):
		return "Expired"
	case k.endsSoon():
		return "Expires soon"
	}
	return "Active"
}

func (k keyView) Tone() string {
	switch {
	case k.Over():
		return ""
	case k.endsSoon():
		return "warn"
	}
	return "good"
}

// Left is how long it still works.
func (k keyView) Left() string { return lasting(k.ExpiresAt.Sub(k.now)) }

type keysView struct {
	frame
	// Live work, Over do not any more.
	Live, Over []keyView
	// Revoked names the key that was revoked just now.
	Revoked string
}

// keys asks for all keys, newest first.
func (r *request) keys() ([]keyView, error) {
	var answer struct {
		Keys []audit.Key `json:"keys"`
	}
	if err := r.get("/v1/keys", nil, &answer); err != nil {
		return nil, err
	}
	slices.SortStableFunc(answer.Keys, func(a, b audit.Key) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	words, views := r.vocabulary(), make([]keyView, len(answer.Keys))
	ids := make([]string, len(answer.Keys))
	for i, k := range answer.Keys {
		ids[i] = k.Member
	}
	words.meet(ids...)
	for i, k := range answer.Keys {
		views[i] = keyView{Key: k, Holder: words.person(k.Member), now: r.con.now()}
	}
	return views, nil
}

// listKeys is GET /keys.
func (con *Console) listKeys(r *request) error {
	keys, err := r.keys()
	if err != nil {
		return err
	}
	view := keysView{frame: r.frame("Keys", "keys")}
	for _, k := range keys {
		if k.Over() {
			view.Over = append(view.Over, k)
		} else {
			view.Live = append(view.Live, k)
		}
		if k.ID == r.query.Get("revoked") && !k.RevokedAt.IsZero() {
			view.Revoked = k.Name
		}
	}
	return r.render(http.StatusOK, "keys", view)
}

type keyPageView struct {
	frame
	Key keyView
}

// key finds the key of the address.
func (r *request) key() (keyView, error) {
	id, err := r.param("id")
	if err != nil {
		return keyView{}, err
	}
	keys, err := r.keys()
	if err != nil {
		return keyView{}, err
	}
	if i := slices.IndexFunc(keys, func(k keyView) bool { return k.ID == id }); i >= 0 {
		return keys[i], nil
	}
	return keyView{}, audit.NotFound("key")
}

// askRevokeKey is GET /keys/{id}/revoke: the question before.
func (con *Console) askRevokeKey(r *request) error {
	key, err := r.key()
	if err != nil {
		return err
	}
	if !key.RevokedAt.IsZero() {
		return r.seeOther("/keys")
	}
	return r.render(http.StatusOK, "keyrevoke", keyPageView{frame: r.frame("Revoke a key", "keys"), Key: key})
}

// revokeKey is POST /keys/{id}/revoke.
func (con *Console) revokeKey(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	if err := r.send(http.MethodDelete, "/v1/keys/"+url.PathEscape(id), nil, nil); err != nil {
		return err
	}
	return r.seeOther("/keys?" + url.Values{"revoked": {id}}.Encode())
}
