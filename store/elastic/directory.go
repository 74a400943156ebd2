package elastic

import (
	"context"
	"slices"
	"strings"

	"github.com/audittrail/audittrail/audit"
)

// PutOrganization is part of store.Organizations.
func (s *Store) PutOrganization(ctx context.Context, org audit.Organization) (audit.Organization, error) {
	if err := validIDs(named{"id", org.ID}); err != nil {
		return audit.Organization{}, err
	}
	normalize(&org.CreatedAt)
	read := org.Version
	org.Version++
	if err := s.put(ctx, organizationDocument(org), read, org); err != nil {
		return audit.Organization{}, err
	}
	return org, nil
}

func organizationDocument(org audit.Organization) document {
	return document{Kind: kindOrganization, ID: org.ID, At: toMillis(org.CreatedAt)}
}

func readOrganization(d *stored) (audit.Organization, error) {
	var org audit.Organization
	return org, decode(&d.document, &org)
}

// Organization is part of store.Organizations.
func (s *Store) Organization(ctx context.Context, id string) (audit.Organization, error) {
	d, err := s.one(ctx, kindOrganization, "", id)
	if err != nil {
		return audit.Organization{}, err
	}
	return readOrganization(d)
}

// Organizations is part of store.Organizations.
func (s *Store) Organizations(ctx context.Context) ([]audit.Organization, error) {
	return all(ctx, s, "organizations", listing{kind: kindOrganization}, readOrganization)
}

// PutMember is part of store.Members.
func (s *Store) PutMember(ctx context.Context, member audit.Member) (audit.Member, error) {
	if err := validIDs(named{"organization", member.Organization}, named{"id", member.ID}); err != nil {
		return audit.Member{}, err
	}
	normalize(&member.UpdatedAt)
	read := member.Version
	member.Version++
	if err := s.put(ctx, memberDocument(member), read, member); err != nil {
		return audit.Member{}, err
	}
	return member, nil
}

func memberDocument(m audit.Member) document {
	return document{Kind: kindMember, Organization: m.Organization, ID: m.ID, At: toMillis(m.UpdatedAt),
		Status: string(m.Status), Role: string(m.Role), Text: textTerms(m)}
}

func readMember(d *stored) (audit.Member, error) {
	member := audit.Member{Organization: d.Organization}
	return member, decode(&d.document, &member)
}

// Member is part of store.Members.
func (s *Store) Member(ctx context.Context, organization, id string) (audit.Member, error) {
	d, err := s.one(ctx, kindMember, organization, id)
	if err != nil {
		return audit.Member{}, err
	}
	return readMember(d)
}

// searchedText is what a search of members looks into, folded.
func searchedText(m audit.Member) []string { return []string{fold(m.Name), fold(m.ID), fold(m.Email)} }

// textTerms is searchedText as it is indexed: behind the organization, so that a search visits the terms of one organization only.
func textTerms(m audit.Member) []string {
	terms := searchedText(m)
	for i := range terms {
		terms[i] = m.Organization + "/" + terms[i]
	}
	return terms
}

// soughtRunes is how much of a text Elasticsearch looks for: a long wildcard may cost it more than it is willing to spend. The members that it finds
// are looked at again here.
const soughtRunes = 32

// wildcard matches members whose text contains the beginning of a folded text.
func wildcard(organization, text string) map[string]any {
	if runes := []rune(text); len(runes) > soughtRunes {
		text = string(runes[:soughtRunes])
	}
	literal := strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`)
	pattern := literal.Replace(organization) + "/*" + literal.Replace(text) + "*"
	return map[string]any{"wildcard": map[string]any{"text": map[string]any{"value": pattern}}}
}

// Members is part of store.Members.
func (s *Store) Members(ctx context.Context, organization string, filter audit.MemberFilter) ([]audit.Member, error) {
	if err := validLimit(filter.Limit); err != nil {
		return nil, err
	}
	members := []audit.Member{}
	if !findable(organization) {
		return members, lost(organization)
	}
	l := listing{kind: kindMember, filters: []map[string]any{of("organization", organization)}}
	if filter.Status != "" {
		l.filters = append(l.filters, of("status", string(filter.Status)))
	}
	if len(filter.Roles) > 0 {
		roles := make([]string, len(filter.Roles))
		for i, role := range filter.Roles {
			roles[i] = string(role)
		}
		l.filters = append(l.filters, of("role", roles...))
	}
	text := fold(filter.Text)
	if text != "" {
		l.filters = append(l.filters, wildcard(organization, text))
	}
	if err := s.fresh.Do(ctx); err != nil {
		return nil, fault(err, "list members")
	}
	for after := []any{filter.After}; len(members) < filter.Limit; {
		page, err := s.page(ctx, l, after, filter.Limit)
		if err != nil {
			return nil, fault(err, "list members")
		}
		for _, d := range page {
			member, err := readMember(d)
			if err != nil {
				return nil, err
			}
			contains := func(value string) bool { return strings.Contains(value, text) }
			if len(members) < filter.Limit && slices.ContainsFunc(searchedText(member), contains) {
				members = append(members, member)
			}
		}
		if len(page) < filter.Limit {
			break
		}
		after = l.position(&page[len(page)-1].document)
	}
	return members, nil
}
