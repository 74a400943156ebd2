package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/audittrail/audittrail/api"
	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/oidc"
	"github.com/audittrail/audittrail/store"
)

// LoginLink is a one-time link that was made, with its address.
type LoginLink struct {
	Organization string    `json:"organization"`
	Member       string    `json:"member"`
	ExpiresAt    time.Time `json:"expires_at"`
	URL          string    `json:"url"`
}

// LinkRecords are the records that a link is made on.
type LinkRecords interface {
	store.Organizations
	store.Members
	CreateLoginLink(ctx context.Context, link audit.LoginLink) error
}

// NewLoginLink makes a one-time link that signs in to the console at the address base. Without a member it is for the organization's creator, without an
// organization for the only one; where there is more than one, or none, the error says what to name. It is recorded in the trail when it is used: the index
// of a data directory belongs to the server.
func NewLoginLink(ctx context.Context, records LinkRecords, organization, member, base string, now time.Time) (LoginLink, error) {
	organization, err := linkOrganization(ctx, records, organization)
	if err != nil {
		return LoginLink{}, err
	}
	if member, err = linkMember(ctx, records, organization, member); err != nil {
		return LoginLink{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return LoginLink{}, err
	}
	link, secret := audit.NewLoginLink(id.String(), organization, member, "", now)
	if err := records.CreateLoginLink(ctx, link); err != nil {
		return LoginLink{}, err
	}
	return LoginLink{Organization: organization, Member: member, ExpiresAt: link.ExpiresAt, URL: strings.TrimRight(base, "/") + api.LoginLinkPath(secret)}, nil
}

// linkOrganization returns the organization that is meant.
func linkOrganization(ctx context.Context, records LinkRecords, organization string) (string, error) {
	if organization != "" {
		_, err := records.Organization(ctx, organization)
		if audit.CodeOf(err) == audit.CodeNotFound {
			err = audit.Errorf(audit.CodeNotFound, "there is no organization %s: `audittrail orgs list` shows which there are", organization)
		}
		return organization, err
	}
	list, err := records.Organizations(ctx)
	switch {
	case err != nil:
		return "", err
	case len(list) == 0:
		return "", audit.Errorf(audit.CodeNotFound, "there is no organization yet: `audittrail orgs create` makes one")
	case len(list) > 1:
		return "", audit.Errorf(audit.CodeInvalid, "there are %d organizations: name one with --organization", len(list))
	}
	return list[0].ID, nil
}

// linkMember returns the member who is meant.
func linkMember(ctx context.Context, records LinkRecords, organization, member string) (string, error) {
	if member != "" {
		m, err := records.Member(ctx, organization, member)
		if audit.CodeOf(err) == audit.CodeNotFound || err == nil && !m.Included() {
			err = audit.Errorf(audit.CodeInvalid, "%q is not an active member of the organization %s", member, organization)
		}
		return member, err
	}
	creators, err := records.Members(ctx, organization, audit.MemberFilter{Status: audit.MemberActive, Roles: []audit.Role{audit.RoleCreator}, Limit: 2})
	switch {
	case err != nil:
		return "", err
	case len(creators) != 1:
		return "", audit.Errorf(audit.CodeInvalid, "the organization %s has %s: name a member with --member", organization,
			map[bool]string{true: "no active creator", false: "more than one creator"}[len(creators) == 0])
	}
	return creators[0].ID, nil
}

// LoginLink makes a link for the creator of the only organization, to this process. The error says why it cannot.
func (a *App) LoginLink(ctx context.Context) (LoginLink, error) {
	base := a.config.PublicURL
	if base == "" {
		base = a.URL()
	}
	link, err := NewLoginLink(ctx, a.records, "", "", base, a.clock())
	if err != nil {
		return LoginLink{}, fmt.Errorf("make a link to sign in: %w", err)
	}
	return link, nil
}

// signInSecret is the name of the secret that the cookies of sign-ins at providers are sealed with.
const signInSecret = "sign-in"

// openProviders reads where people can sign in, without asking there: a provider that is down stops nobody else.
func (a *App) openProviders(ctx context.Context, p *parts, opts Options) error {
	path := a.config.SignIn.ProvidersFile
	if path == "" || opts.Role == RoleWorker {
		return nil
	}
	settings, err := oidc.ReadFile(path)
	if err != nil {
		return fmt.Errorf("sign_in.providers_file: %w", err)
	}
	secret, err := p.store.Secret(ctx, signInSecret)
	if err != nil {
		return fmt.Errorf("read the secret of sign-ins: %w", err)
	}
	if p.providers, err = oidc.New(oidc.Options{Providers: settings, PublicURL: a.config.PublicURL, Secret: secret, Clock: opts.Clock}); err != nil {
		return fmt.Errorf("sign_in.providers_file: %s: %w", path, err)
	}
	a.onClose("the sign-in", func(context.Context) error { p.providers.Close(); return nil })
	for _, one := range p.providers.List() {
		opts.Logger.InfoContext(ctx, "sign-in", "provider", one.ID, "organization", one.Organization)
		if _, err := p.store.Organization(ctx, one.Organization); audit.CodeOf(err) == audit.CodeNotFound {
			opts.Logger.WarnContext(ctx, "the organization of a provider does not exist yet: nobody can sign in there", "provider", one.ID, "organization", one.Organization)
		}
	}
	return nil
}
