package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/netip"
	"time"
)

// How long a sign-in to the console lasts, where no IdentityProvider says otherwise. A session ends at SessionLife after it began, whatever happens, and
// at SessionIdle after it was last used; a link that signs in works once, for LoginLinkLife.
const (
	SessionLife   = 12 * time.Hour
	SessionIdle   = 2 * time.Hour
	LoginLinkLife = 10 * time.Minute
	// SignInLife is how long people may take at an IdentityProvider.
	SignInLife = 10 * time.Minute
)

const (
	sessionMark   = "as_"
	loginLinkMark = "al_"
)

// Session is a member who is signed in to the console in one browser. The secret itself stands in the browser's cookie and is not kept: Hash
// is its SHA-256. A session acts for its member, with that member's role as it is at the time of use.
type Session struct {
	ID           string    `json:"id"`
	Organization string    `json:"-"`
	Member       string    `json:"member"`
	Hash         []byte    `json:"-"`
	CreatedAt    time.Time `json:"created_at"`
	ExpiresAt    time.Time `json:"expires_at"` // no use moves it
	LastUsedAt   time.Time `json:"last_used_at,omitzero"`
	RevokedAt    time.Time `json:"revoked_at,omitzero"`
	// Provider is the id of the IdentityProvider by which the member signed in; "" where it was a one-time link.
	Provider string `json:"provider,omitempty"`
	// Idle is how long it may be without use; 0 means SessionIdle.
	Idle time.Duration `json:"idle,omitempty"`
	// UserAgent and IP are where it began, for the member to tell sessions apart.
	UserAgent string     `json:"user_agent,omitempty"`
	IP        netip.Addr `json:"ip,omitzero"`
}

// Works says whether the session still signs in at now: not revoked, not past its end, and used within Idle.
func (s Session) Works(now time.Time) bool {
	used := s.CreatedAt
	if s.LastUsedAt.After(used) {
		used = s.LastUsedAt
	}
	idle := s.Idle
	if idle == 0 {
		idle = SessionIdle
	}
	return s.RevokedAt.IsZero() && now.Before(s.ExpiresAt) && now.Before(used.Add(idle))
}

// LoginLink lets whoever has its secret sign in as a member, once, until it expires. Hash is the secret's SHA-256.
type LoginLink struct {
	ID           string `json:"id"`
	Organization string `json:"-"`
	Member       string `json:"member"`
	// CreatedBy is the member who asked for it; "" where it was made on the records themselves, by whoever owns the installation.
	CreatedBy string    `json:"created_by,omitempty"`
	Hash      []byte    `json:"-"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	UsedAt    time.Time `json:"used_at,omitzero"`
}

// Works says whether the link can still be used at now.
func (l LoginLink) Works(now time.Time) bool { return l.UsedAt.IsZero() && now.Before(l.ExpiresAt) }

// NewSessionSecret returns the secret of a new session ("as_" and 256 random bits in base 62) and the hash that is kept in its place.
func NewSessionSecret() (secret string, hash []byte) { return newSecret(sessionMark) }

// NewLoginLinkSecret returns the secret of a new link ("al_" and 256 random bits in base 62) and the hash that is kept in its place.
func NewLoginLinkSecret() (secret string, hash []byte) { return newSecret(loginLinkMark) }

// IsSessionSecret says whether the text has the form of a session's secret.
func IsSessionSecret(text string) bool { return isSecret(text, sessionMark) }

// IsLoginLinkSecret says whether the text has the form of a link's secret.
func IsLoginLinkSecret(text string) bool { return isSecret(text, loginLinkMark) }

// CSRFToken returns what a change made by a session has to carry beside the cookie, so that no other site can make one: it follows from the
// session's secret, which other sites cannot read, and says nothing of it.
func CSRFToken(sessionSecret string) string {
	mac := hmac.New(sha256.New, []byte(sessionSecret))
	mac.Write([]byte("audittrail csrf"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// NewLoginLink returns a link that signs in as the member, made now, with the secret to give out. createdBy is as in LoginLink.
func NewLoginLink(id, organization, member, createdBy string, now time.Time) (link LoginLink, secret string) {
	secret, hash := NewLoginLinkSecret()
	now = now.UTC().Truncate(TimePrecision)
	return LoginLink{ID: id, Organization: organization, Member: member, CreatedBy: createdBy, Hash: hash,
		CreatedAt: now, ExpiresAt: now.Add(LoginLinkLife)}, secret
}
