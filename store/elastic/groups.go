package elastic

import (
	"context"

	"github.com/audittrail/audittrail/audit"
)

// PutGroup is part of store.Groups.
func (s *Store) PutGroup(ctx context.Context, group audit.Group) (audit.Group, error) {
	if err := validIDs(named{"organization", group.Organization}, named{"id", group.ID}); err != nil {
		return audit.Group{}, err
	}
	normalize(&group.CreatedAt, &group.UpdatedAt)
	read := group.Version
	group.Version++
	if err := s.putClaimed(ctx, groupDocument(group), read, group, groupClaims(group)); err != nil {
		return audit.Group{}, err
	}
	return group, nil
}

func groupDocument(g audit.Group) document {
	return document{Kind: kindGroup, Organization: g.Organization, ID: g.ID, At: toMillis(g.CreatedAt), UserName: fold(g.Name), Owner: fold(g.Former), ExternalID: g.ExternalID}
}

func readGroup(d *stored) (audit.Group, error) {
	group := audit.Group{Organization: d.Organization}
	return group, decode(&d.document, &group)
}

// Group is part of store.Groups.
func (s *Store) Group(ctx context.Context, organization, id string) (audit.Group, error) {
	d, err := s.one(ctx, kindGroup, organization, id)
	if err != nil {
		return audit.Group{}, err
	}
	return readGroup(d)
}

// Groups is part of store.Groups.
func (s *Store) Groups(ctx context.Context, organization string, filter audit.GroupFilter) ([]audit.Group, error) {
	if err := validLimit(filter.Limit); err != nil {
		return nil, err
	}
	groups := []audit.Group{}
	if !findable(organization) {
		return groups, lost(organization)
	}
	if err := s.fresh.Do(ctx); err != nil {
		return nil, fault(err, "list groups")
	}
	l := chosenGroups(organization, filter)
	after, err := s.skip(ctx, l, []any{filter.After}, max(0, filter.Skip))
	if err != nil || after == nil {
		return groups, fault(err, "list groups")
	}
	page, err := s.page(ctx, l, after, filter.Limit)
	if err != nil {
		return nil, fault(err, "list groups")
	}
	for _, d := range page {
		group, err := readGroup(d)
		if err != nil {
			return nil, err
		}
		groups = append(groups, group)
	}
	return groups, nil
}

// CountGroups is part of store.Groups.
func (s *Store) CountGroups(ctx context.Context, organization string, filter audit.GroupFilter) (int, error) {
	if !findable(organization) {
		return 0, lost(organization)
	}
	if err := s.fresh.Do(ctx); err != nil {
		return 0, fault(err, "count groups")
	}
	answer, err := s.search(ctx, map[string]any{"query": chosenGroups(organization, filter).query(), "size": 0, "track_total_hits": true})
	if err != nil {
		return 0, fault(err, "count groups")
	}
	return answer.Hits.Total.Value, nil
}

func chosenGroups(organization string, filter audit.GroupFilter) listing {
	l := listing{kind: kindGroup, filters: []map[string]any{of("organization", organization)}}
	if len(filter.Names) > 0 {
		names := []string{}
		for _, name := range filter.Names {
			if name != "" { // which is what a group has that never had another
				names = append(names, fold(name))
			}
		}
		l.filters = append(l.filters, map[string]any{"bool": map[string]any{"should": []map[string]any{of("user_name", names...), of("owner", names...)}, "minimum_should_match": 1}})
	}
	if filter.ExternalID != "" {
		l.filters = append(l.filters, of("external_id", filter.ExternalID))
	}
	return l
}

// DeleteGroup is part of store.Groups.
func (s *Store) DeleteGroup(ctx context.Context, organization, id string) error {
	if err := lost(organization); err != nil {
		return err
	}
	d, err := s.one(ctx, kindGroup, organization, id)
	if err != nil {
		return err
	}
	held, err := heldBy(d)
	if err != nil {
		return err
	}
	given, err := s.givenUp(ctx, held)
	if err != nil {
		return fault(err, "delete the group")
	}
	done, err := s.apply(ctx, write{action: "delete", id: docID(kindGroup, organization, id)})
	if err == nil && done.missing {
		return audit.NotFound("group")
	}
	if err == nil && len(given) > 0 {
		_, _ = s.applyAll(ctx, given) // where it fails the name is anybody's a minute later
	}
	return fault(err, "delete the group")
}
