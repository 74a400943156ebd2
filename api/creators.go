package api

import (
	"context"
	"slices"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// departureLife is how long a creator who was about to stop being one, and has not yet, is left alone. Where a process died in between, others wait for as long.
const departureLife = time.Minute

func activeCreator(m audit.Member) bool { return m.Role == audit.RoleCreator && m.Included() }

// keepCreator is asked before an active creator is replaced by a member who is none. It refuses what would leave an organization without anybody who may do
// everything, also where several processes replace one each.
//
// What decides is one write of the organization's record, which all of them have to make: it notes the departure of the entry, of this version, and fails
// where another was noted since the creators were looked at. Who departs does not count as staying. A departure has no effect any more once its entry has
// another version, as then the entry that was read can no longer be replaced.
func (s *Server) keepCreator(ctx context.Context, leaving audit.Member) error {
	for ctx.Err() == nil {
		org, err := s.cfg.Directory.Organization(ctx, leaving.Organization)
		if err != nil {
			return err
		}
		if org.Departures, err = s.departures(ctx, org.Departures, leaving); err != nil {
			return err
		}
		// Where another was first, that one departs: there are no more tries than departures.
		if _, err = s.cfg.Directory.PutOrganization(ctx, org); audit.CodeOf(err) != audit.CodeConflict {
			return err
		}
	}
	return audit.Unavailable(context.Cause(ctx), time.Second, "too many creators leave at the same time; send the request again")
}

// departures returns those of the noted ones that are pending still, and that of the one who is leaving. CodeConflict where nobody stays.
func (s *Server) departures(ctx context.Context, noted []audit.Departure, leaving audit.Member) ([]audit.Departure, error) {
	creators, err := s.cfg.Directory.Members(ctx, leaving.Organization,
		audit.MemberFilter{Roles: []audit.Role{audit.RoleCreator}, Status: audit.MemberActive, Limit: audit.MaxPage})
	if err != nil {
		return nil, err
	}
	pending := slices.DeleteFunc(noted, func(d audit.Departure) bool {
		return len(creators) < audit.MaxPage && !slices.ContainsFunc(creators, d.Pending)
	})
	stays := false
	for _, m := range creators {
		stays = stays || m.ID != leaving.ID && !slices.ContainsFunc(pending, func(d audit.Departure) bool { return d.Pending(m) })
	}
	for i := 0; i < len(creators) && !stays; i++ {
		if creators[i].ID != leaving.ID {
			stays, err = s.callOff(ctx, pending, creators[i])
		}
	}
	if err != nil {
		return nil, err
	}
	if !stays {
		return nil, audit.Errorf(audit.CodeConflict, "%s is the last active creator of the organization: make somebody else one first", leaving.ID)
	}
	return append(pending, audit.Departure{Member: leaving.ID, Version: leaving.Version, At: s.now().UTC().Truncate(audit.TimePrecision)}), nil
}

// callOff makes a creator stay whose departure was noted long ago and has not come about. The entry gets another version and no other change, so that
// whoever noted the departure can no longer replace it, however late they come.
func (s *Server) callOff(ctx context.Context, pending []audit.Departure, creator audit.Member) (bool, error) {
	if slices.ContainsFunc(pending, func(d audit.Departure) bool { return d.Pending(creator) && s.now().Sub(d.At) < departureLife }) {
		return false, nil
	}
	_, err := s.cfg.Directory.PutMember(ctx, creator)
	if audit.CodeOf(err) == audit.CodeConflict {
		return false, nil // somebody changed it just now, perhaps the one who was late
	}
	return err == nil, err
}
