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
	normalize(&member.UpdatedAt, &member.ErasedAt)
	read := member.Version
	member.Version++
	if err := s.putClaimed(ctx, memberDocument(member), read, member, claims(member)); err != nil {
		return audit.Member{}, err
	}
	return member, nil
}

func memberDocument(m audit.Member) document {
	return document{Kind: kindMember, Organization: m.Organization, ID: m.ID, At: toMillis(m.UpdatedAt),
		Status: string(m.Status), Role: string(m.Role), Text: textTerms(m),
		UserName: fold(m.UserName), ExternalID: m.ExternalID, Departments: departmentTerms(m)}
}

// departmentTerms are never none, so that a member of no department can be told from one who was written before departments were indexed.
func departmentTerms(m audit.Member) []string {
	if len(m.Departments) == 0 {
		return []string{""}
	}
	return m.Departments
}

// inDepartments matches the members of any of the departments, and those of whom the index does not know. The members that it finds are looked at
// again here.
func inDepartments(names []string) map[string]any {
	unknown := map[string]any{"bool": map[string]any{"must_not": map[string]any{"exists": map[string]any{"field": "departments"}}}}
	return map[string]any{"bool": map[string]any{"should": []map[string]any{of("departments", names...), unknown}, "minimum_should_match": 1}}
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
	if err := s.fresh.Do(ctx); err != nil {
		return nil, fault(err, "list members")
	}
	l, sure := chosen(organization, filter)
	after, skip := []any{filter.After}, max(0, filter.Skip)
	if sure {
		var err error
		if after, err = s.skip(ctx, l, after, skip); err != nil || after == nil {
			return members, fault(err, "list members")
		}
		skip = 0
	}
	err := s.eachMember(ctx, l, after, filter, func(m audit.Member) bool {
		if skip > 0 {
			skip--
		} else {
			members = append(members, m)
		}
		return len(members) < filter.Limit
	})
	return members, err
}

// CountMembers is part of store.Members.
func (s *Store) CountMembers(ctx context.Context, organization string, filter audit.MemberFilter) (n int, err error) {
	if !findable(organization) {
		return 0, nil
	}
	if err := s.fresh.Do(ctx); err != nil {
		return 0, fault(err, "count members")
	}
	l, sure := chosen(organization, filter)
	if !sure {
		filter.Limit = chunk
		err = s.eachMember(ctx, l, nil, filter, func(audit.Member) bool { n++; return true })
		return n, err
	}
	answer, err := s.search(ctx, map[string]any{"query": l.query(), "size": 0, "track_total_hits": true})
	if err != nil {
		return 0, fault(err, "count members")
	}
	return answer.Hits.Total.Value, nil
}

// chosen is the listing of a filter. It may hold more than the filter chooses, unless it is sure.
func chosen(organization string, filter audit.MemberFilter) (l listing, sure bool) {
	l = listing{kind: kindMember, filters: []map[string]any{of("organization", organization)}}
	if filter.Status != "" {
		l.filters = append(l.filters, of("status", string(filter.Status)))
	}
	if filter.Present {
		l.filters = append(l.filters, map[string]any{"bool": map[string]any{"must_not": of("status", string(audit.MemberDeleted))}})
	}
	if len(filter.Roles) > 0 {
		roles := make([]string, len(filter.Roles))
		for i, role := range filter.Roles {
			roles[i] = string(role)
		}
		l.filters = append(l.filters, of("role", roles...))
	}
	if len(filter.IDs) > 0 {
		l.filters = append(l.filters, of("id", filter.IDs...))
	}
	if filter.UserName != "" {
		l.filters = append(l.filters, of("user_name", fold(filter.UserName)))
	}
	if filter.ExternalID != "" {
		l.filters = append(l.filters, of("external_id", filter.ExternalID))
	}
	if filter.Email != "" {
		l.filters = append(l.filters, of("text", organization+"/"+fold(filter.Email)))
	}
	if filter.Text != "" {
		l.filters = append(l.filters, wildcard(organization, fold(filter.Text)))
	}
	if len(filter.Departments) > 0 {
		l.filters = append(l.filters, inDepartments(filter.Departments))
	}
	return l, filter.Text == "" && filter.Email == "" && len(filter.Departments) == 0
}

// skip returns the position behind the next n documents of a listing; nil where there are no more.
func (s *Store) skip(ctx context.Context, l listing, after []any, n int) ([]any, error) {
	l.fields = []string{"id"}
	for n > 0 {
		want := min(n, maxPage)
		page, err := s.page(ctx, l, after, want)
		if err != nil || len(page) < want {
			return nil, err
		}
		n -= want
		after = l.position(&page[want-1].document)
	}
	return after, nil
}

// eachMember reads the members of a listing that the filter chooses, until do returns false.
func (s *Store) eachMember(ctx context.Context, l listing, after []any, filter audit.MemberFilter, do func(audit.Member) bool) error {
	text, email := fold(filter.Text), fold(filter.Email)
	for {
		page, err := s.page(ctx, l, after, filter.Limit)
		if err != nil {
			return fault(err, "list members")
		}
		for _, d := range page {
			member, err := readMember(d)
			if err != nil {
				return err
			}
			contains := func(value string) bool { return strings.Contains(value, text) }
			if !slices.ContainsFunc(searchedText(member), contains) || email != "" && email != fold(member.Email) {
				continue
			}
			in := func(name string) bool { return slices.Contains(member.Departments, name) }
			if len(filter.Departments) > 0 && !slices.ContainsFunc(filter.Departments, in) {
				continue
			}
			if !do(member) {
				return nil
			}
		}
		if len(page) < filter.Limit {
			return nil
		}
		after = l.position(&page[len(page)-1].document)
	}
}
