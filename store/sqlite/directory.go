package sqlite

import (
	"context"
	"encoding/json"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/audittrail/audittrail/audit"
)

// PutOrganization is part of store.Organizations.
func (s *Store) PutOrganization(ctx context.Context, org audit.Organization) (audit.Organization, error) {
	normalize(&org.CreatedAt)
	read := org.Version
	org.Version++
	if err := s.put(ctx, "organizations", []column{{"id", org.ID}}, read, org); err != nil {
		return audit.Organization{}, err
	}
	return org, nil
}

func scanOrganization(row scanner) (audit.Organization, error) {
	var org audit.Organization
	var doc []byte
	if err := row.Scan(&doc); err != nil {
		return org, err
	}
	return org, json.Unmarshal(doc, &org)
}

// Organization is part of store.Organizations.
func (s *Store) Organization(ctx context.Context, id string) (audit.Organization, error) {
	return one(ctx, s, "organization", scanOrganization, "SELECT doc FROM organizations WHERE id = ?", id)
}

// Organizations is part of store.Organizations.
func (s *Store) Organizations(ctx context.Context) ([]audit.Organization, error) {
	return all(ctx, s, "organizations", scanOrganization, "SELECT doc FROM organizations ORDER BY id")
}

// PutMember is part of store.Members.
func (s *Store) PutMember(ctx context.Context, member audit.Member) (audit.Member, error) {
	normalize(&member.UpdatedAt, &member.ErasedAt)
	read := member.Version
	member.Version++
	err := s.put(ctx, "members", []column{{"organization", member.Organization}, {"id", member.ID}}, read, member, columnsOfMember(member)...)
	if audit.CodeOf(err) == audit.CodeConflict {
		err = s.whyConflict(ctx, member, err)
	}
	if err != nil {
		return audit.Member{}, err
	}
	return member, nil
}

// whyConflict tells a conflict with another member from one with another writer.
func (s *Store) whyConflict(ctx context.Context, member audit.Member, conflict error) error {
	if member.Status == audit.MemberDeleted {
		return conflict
	}
	for field, filter := range map[string]audit.MemberFilter{"user_name": {UserName: member.UserName}, "external_id": {ExternalID: member.ExternalID}} {
		if filter.UserName == "" && filter.ExternalID == "" {
			continue
		}
		filter.Present, filter.Limit = true, 1
		holders, err := s.Members(ctx, member.Organization, filter)
		if err != nil {
			return err
		}
		if len(holders) > 0 && holders[0].ID != member.ID {
			return &audit.Error{Code: audit.CodeConflict, Message: "another member has it", Fields: []audit.FieldError{{Field: field, Message: "is another member's"}}}
		}
	}
	return conflict
}

// columnsOfMember are what members are searched by.
func columnsOfMember(m audit.Member) []column {
	return []column{{"status", string(m.Status)}, {"role", string(m.Role)},
		{"name_folded", fold(m.Name)}, {"id_folded", fold(m.ID)}, {"email_folded", fold(m.Email)},
		{"user_name_folded", fold(m.UserName)}, {"external_id", m.ExternalID}}
}

// fold makes strings that differ in case only, or in how accents are encoded, equal.
func fold(s string) string { return cases.Fold().String(norm.NFC.String(s)) }

func scanMember(row scanner) (audit.Member, error) {
	var member audit.Member
	var doc []byte
	if err := row.Scan(&member.Organization, &doc); err != nil {
		return member, err
	}
	return member, json.Unmarshal(doc, &member)
}

// Member is part of store.Members.
func (s *Store) Member(ctx context.Context, organization, id string) (audit.Member, error) {
	return one(ctx, s, "member", scanMember, "SELECT organization, doc FROM members WHERE organization = ? AND id = ?", organization, id)
}

// Members is part of store.Members.
func (s *Store) Members(ctx context.Context, organization string, filter audit.MemberFilter) ([]audit.Member, error) {
	if err := validLimit(filter.Limit); err != nil {
		return nil, err
	}
	where, args := chosen(organization, filter)
	return all(ctx, s, "members", scanMember, "SELECT organization, doc FROM members WHERE "+where+" AND id > ? ORDER BY id LIMIT ? OFFSET ?",
		append(args, filter.After, filter.Limit, max(0, filter.Skip))...)
}

// CountMembers is part of store.Members.
func (s *Store) CountMembers(ctx context.Context, organization string, filter audit.MemberFilter) (int, error) {
	where, args := chosen(organization, filter)
	return one(ctx, s, "members", func(row scanner) (n int, err error) { err = row.Scan(&n); return n, err },
		"SELECT count(*) FROM members WHERE "+where, args...)
}

// chosen is the condition of a filter, but for where a page begins.
func chosen(organization string, filter audit.MemberFilter) (string, []any) {
	query, args := "organization = ?", []any{organization}
	if filter.Status != "" {
		query, args = query+" AND status = ?", append(args, string(filter.Status))
	}
	if len(filter.Roles) > 0 {
		query += " AND role IN (?" + strings.Repeat(", ?", len(filter.Roles)-1) + ")"
		for _, role := range filter.Roles {
			args = append(args, string(role))
		}
	}
	if len(filter.IDs) > 0 {
		query += " AND id IN (?" + strings.Repeat(", ?", len(filter.IDs)-1) + ")"
		for _, id := range filter.IDs {
			args = append(args, id)
		}
	}
	if len(filter.Departments) > 0 {
		query += " AND id IN (SELECT member FROM departments WHERE organization = ? AND department IN (?" + strings.Repeat(", ?", len(filter.Departments)-1) + "))"
		args = append(args, organization)
		for _, name := range filter.Departments {
			args = append(args, name)
		}
	}
	if filter.Text != "" {
		text := fold(filter.Text)
		query, args = query+" AND (instr(name_folded, ?) OR instr(id_folded, ?) OR instr(email_folded, ?))", append(args, text, text, text)
	}
	if filter.Present {
		query += " AND status <> 'deleted'" // in these words, so that the partial indexes serve
	}
	for _, c := range []column{{"user_name_folded", fold(filter.UserName)}, {"external_id", filter.ExternalID}, {"email_folded", fold(filter.Email)}} {
		if c.value != "" {
			query, args = query+" AND "+c.name+" = ? AND "+c.name+" <> ''", append(args, c.value)
		}
	}
	return query, args
}
