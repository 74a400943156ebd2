package sqlite

import (
	"context"
	"encoding/json"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// CreateLoginLink is part of store.LoginLinks.
func (s *Store) CreateLoginLink(ctx context.Context, link audit.LoginLink) error {
	if err := validKey(column{"organization", link.Organization}, column{"id", link.ID}, column{"member", link.Member}); err != nil {
		return err
	}
	if len(link.Hash) == 0 {
		return audit.InvalidField("hash", "is empty")
	}
	normalize(&link.CreatedAt, &link.ExpiresAt)
	doc, err := json.Marshal(link)
	if err != nil {
		return audit.WithCause(audit.CodeInternal, err, "could not write the link")
	}
	n, err := s.exec(ctx, "write the link", `INSERT INTO login_links (organization, id, hash, expires_at, used_at, doc)
		VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, link.Organization, link.ID, link.Hash, toMillis(link.ExpiresAt), toMillis(link.UsedAt), string(doc))
	if err == nil && n == 0 {
		return audit.Errorf(audit.CodeConflict, "a link with this id or hash exists")
	}
	return err
}

func scanLoginLink(row scanner) (audit.LoginLink, error) {
	var link audit.LoginLink
	var doc []byte
	var used int64
	if err := row.Scan(&link.Organization, &link.Hash, &used, &doc); err != nil {
		return link, err
	}
	if err := json.Unmarshal(doc, &link); err != nil {
		return link, err
	}
	link.UsedAt = fromMillis(used)
	return link, nil
}

// LoginLinkByHash is part of store.LoginLinks.
func (s *Store) LoginLinkByHash(ctx context.Context, hash []byte) (audit.LoginLink, error) {
	return one(ctx, s, "link", scanLoginLink, "SELECT organization, hash, used_at, doc FROM login_links WHERE hash = ?", notNil(hash))
}

// UseLoginLink is part of store.LoginLinks. The one statement finds the link unused and marks it: nobody comes between.
func (s *Store) UseLoginLink(ctx context.Context, hash []byte, at time.Time) (audit.LoginLink, error) {
	n, err := s.exec(ctx, "use the link", "UPDATE login_links SET used_at = ?1 WHERE hash = ?2 AND used_at = 0 AND expires_at > ?1", toMillis(at), notNil(hash))
	if err != nil {
		return audit.LoginLink{}, err
	}
	link, err := s.LoginLinkByHash(ctx, hash)
	if err == nil && n == 0 {
		return audit.LoginLink{}, audit.Errorf(audit.CodeConflict, "the link was used before, or has expired")
	}
	return link, err
}

// DeleteLoginLinks is part of store.LoginLinks.
func (s *Store) DeleteLoginLinks(ctx context.Context, organization string, before time.Time) (int, error) {
	n, err := s.exec(ctx, "delete links", "DELETE FROM login_links WHERE organization = ? AND expires_at < ?", organization, toMillis(before))
	return int(n), err
}
