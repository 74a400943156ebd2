package elastic

import (
	"context"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// CreateLoginLink is part of store.LoginLinks.
func (s *Store) CreateLoginLink(ctx context.Context, link audit.LoginLink) error {
	if err := validIDs(named{"organization", link.Organization}, named{"id", link.ID}, named{"member", link.Member}); err != nil {
		return err
	}
	normalize(&link.CreatedAt, &link.ExpiresAt)
	return s.createHashed(ctx, document{Kind: kindLink, Organization: link.Organization, ID: link.ID, Owner: link.Member,
		At: toMillis(link.CreatedAt), UsedAt: toMillis(link.UsedAt), Hash: link.Hash}, link)
}

func readLink(d *stored) (audit.LoginLink, error) {
	link := audit.LoginLink{Organization: d.Organization, Hash: d.Hash}
	if err := decode(&d.document, &link); err != nil {
		return link, err
	}
	link.UsedAt = fromMillis(d.UsedAt)
	return link, nil
}

// LoginLinkByHash is part of store.LoginLinks. It is one read in real time.
func (s *Store) LoginLinkByHash(ctx context.Context, hash []byte) (audit.LoginLink, error) {
	d, err := s.byHash(ctx, kindLink, hash)
	if err != nil {
		return audit.LoginLink{}, err
	}
	return readLink(d)
}

// UseLoginLink is part of store.LoginLinks. The link is marked on the condition that nobody has written to it since it was read.
func (s *Store) UseLoginLink(ctx context.Context, hash []byte, at time.Time) (link audit.LoginLink, err error) {
	err = untilFirst(ctx, func() error {
		d, err := s.byHash(ctx, kindLink, hash)
		if err != nil {
			return err
		}
		if link, err = readLink(d); err != nil {
			return err
		}
		if link.UsedAt.IsZero() && toMillis(link.ExpiresAt) > toMillis(at) {
			link.UsedAt = fromMillis(toMillis(at))
			_, err = s.apply(ctx, write{action: "update", id: hashDocID(kindLink, hash), body: map[string]any{"used_at": toMillis(at)}, was: d})
			return err
		}
		return audit.Errorf(audit.CodeConflict, "the link was used before, or has expired")
	})
	if err != nil {
		return audit.LoginLink{}, fault(err, "use the link")
	}
	return link, nil
}

// DeleteLoginLinks is part of store.LoginLinks.
func (s *Store) DeleteLoginLinks(ctx context.Context, organization string, before time.Time) (int, error) {
	normalize(&before)
	return s.deleteEnded(ctx, kindLink, organization, before, func(d *stored) (bool, error) {
		link, err := readLink(d)
		return link.ExpiresAt.Before(before), err
	})
}
