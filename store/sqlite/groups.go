package sqlite

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/audittrail/audittrail/audit"
)

// PutGroup is part of store.Groups.
func (s *Store) PutGroup(ctx context.Context, group audit.Group) (audit.Group, error) {
	normalize(&group.CreatedAt, &group.UpdatedAt)
	read := group.Version
	group.Version++
	err := s.put(ctx, "directory_groups", []column{{"organization", group.Organization}, {"id", group.ID}}, read, group, columnsOfGroup(group)...)
	if audit.CodeOf(err) == audit.CodeConflict {
		err = s.whyGroupConflict(ctx, group, err)
	}
	if err != nil {
		return audit.Group{}, err
	}
	return group, nil
}

// whyGroupConflict tells a conflict with another group from one with another writer.
func (s *Store) whyGroupConflict(ctx context.Context, group audit.Group, conflict error) error {
	holders, err := all(ctx, s, "groups", scanGroup, "SELECT organization, doc FROM directory_groups WHERE organization = ? AND name_folded = ?", group.Organization, fold(group.Name))
	if err != nil {
		return err
	}
	if len(holders) > 0 && holders[0].ID != group.ID {
		return &audit.Error{Code: audit.CodeConflict, Message: "another group has it", Fields: []audit.FieldError{{Field: "name", Message: "is another group's"}}}
	}
	return conflict
}

func columnsOfGroup(g audit.Group) []column {
	return []column{{"name_folded", fold(g.Name)}, {"former_folded", fold(g.Former)}, {"external_id", g.ExternalID}}
}

func scanGroup(row scanner) (audit.Group, error) {
	var group audit.Group
	var doc []byte
	if err := row.Scan(&group.Organization, &doc); err != nil {
		return group, err
	}
	return group, json.Unmarshal(doc, &group)
}

// Group is part of store.Groups.
func (s *Store) Group(ctx context.Context, organization, id string) (audit.Group, error) {
	return one(ctx, s, "group", scanGroup, "SELECT organization, doc FROM directory_groups WHERE organization = ? AND id = ?", organization, id)
}

// Groups is part of store.Groups.
func (s *Store) Groups(ctx context.Context, organization string, filter audit.GroupFilter) ([]audit.Group, error) {
	if err := validLimit(filter.Limit); err != nil {
		return nil, err
	}
	where, args := chosenGroups(organization, filter)
	return all(ctx, s, "groups", scanGroup, "SELECT organization, doc FROM directory_groups WHERE "+where+" AND id > ? ORDER BY id LIMIT ? OFFSET ?",
		append(args, filter.After, filter.Limit, max(0, filter.Skip))...)
}

// CountGroups is part of store.Groups.
func (s *Store) CountGroups(ctx context.Context, organization string, filter audit.GroupFilter) (int, error) {
	where, args := chosenGroups(organization, filter)
	return one(ctx, s, "groups", func(row scanner) (n int, err error) { err = row.Scan(&n); return n, err },
		"SELECT count(*) FROM directory_groups WHERE "+where, args...)
}

func chosenGroups(organization string, filter audit.GroupFilter) (string, []any) {
	query, args := "organization = ?", []any{organization}
	if n := len(filter.Names); n > 0 {
		list := "(?" + strings.Repeat(", ?", n-1) + ")"
		query += " AND (name_folded IN " + list + " OR former_folded <> '' AND former_folded IN " + list + ")"
		for range 2 {
			for _, name := range filter.Names {
				args = append(args, fold(name))
			}
		}
	}
	if filter.ExternalID != "" {
		query, args = query+" AND external_id = ? AND external_id <> ''", append(args, filter.ExternalID)
	}
	return query, args
}

// DeleteGroup is part of store.Groups.
func (s *Store) DeleteGroup(ctx context.Context, organization, id string) error {
	n, err := s.exec(ctx, "delete the group", "DELETE FROM directory_groups WHERE organization = ? AND id = ?", organization, id)
	if err == nil && n == 0 {
		return audit.NotFound("group")
	}
	return err
}
