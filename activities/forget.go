package activities

import (
	"context"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// signInsKept is how long sessions and links are kept when they have ended. What happened with them stands in the trail.
const signInsKept = 24 * time.Hour

// forgetBatch is how many records are deleted at a time.
const forgetBatch = 500

// forget deletes what every organization's records no longer have to keep, but for exports, which have files.
func (a *Retention) forget(ctx context.Context) (map[string]Forgotten, error) {
	organizations, err := a.Records.Organizations(ctx)
	if err != nil {
		return nil, err
	}
	done := map[string]Forgotten{}
	for _, org := range organizations {
		if done[org.ID], err = a.forgetOf(ctx, org.ID); err != nil {
			return done, err
		}
	}
	return done, nil
}

func (a *Retention) forgetOf(ctx context.Context, organization string) (done Forgotten, err error) {
	ended, old := now(a.Clock).Add(-signInsKept), audit.Horizon(now(a.Clock))
	if done.Sessions, err = a.Records.DeleteSessions(ctx, organization, ended); err != nil {
		return done, err
	}
	if done.LoginLinks, err = a.Records.DeleteLoginLinks(ctx, organization, ended); err != nil {
		return done, err
	}
	if done.Addresses, err = a.forgetAddresses(ctx, organization); err != nil {
		return done, err
	}
	if done.Deliveries, err = inBatches(ctx, organization, old, a.Records.DeleteDeliveries); err != nil {
		return done, err
	}
	done.Messages, err = inBatches(ctx, organization, old, a.Records.DeleteMessages)
	return done, err
}

// inBatches deletes until nothing is left to be.
func inBatches(ctx context.Context, organization string, before time.Time, some func(context.Context, string, time.Time, int) (int, error)) (all int, err error) {
	for {
		n, err := some(ctx, organization, before, forgetBatch)
		if all += n; err != nil || n < forgetBatch {
			return all, err
		}
	}
}

// forgetAddresses deletes what is left of addresses that were deleted, once no code that was sent there counts any more. An organization has few.
func (a *Retention) forgetAddresses(ctx context.Context, organization string) (all int, err error) {
	addresses, err := a.Records.Addresses(ctx, organization)
	if err != nil {
		return 0, err
	}
	for _, old := range addresses {
		if !old.Forgotten(now(a.Clock)) {
			continue
		}
		switch err := a.Records.DeleteAddress(ctx, organization, old.ID, old.Version); audit.CodeOf(err) {
		case "":
			all++
		case audit.CodeNotFound, audit.CodeConflict: // somebody else did, or the address was added again
		default:
			return all, err
		}
	}
	return all, nil
}

// pastExports says of each organization before when an export that has ended must have been requested to go: six months ago. Where an older one is
// still open it is that one's time: it may end at any moment, and until its files are deleted it has to be known.
func (a *Retention) pastExports(ctx context.Context) (map[string]time.Time, error) {
	organizations, err := a.Records.Organizations(ctx)
	if err != nil {
		return nil, err
	}
	past := map[string]time.Time{}
	for _, org := range organizations {
		open, err := a.Records.OpenExports(ctx, org.ID)
		if err != nil {
			return nil, err
		}
		before := audit.Horizon(now(a.Clock))
		for _, export := range open {
			if export.RequestedAt.Before(before) {
				before = export.RequestedAt
			}
		}
		past[org.ID] = before
	}
	return past, nil
}

// forgetExports deletes the exports that are past. Their files are gone: each had ended before files were looked for.
func (a *Retention) forgetExports(ctx context.Context, past map[string]time.Time) (map[string]int, error) {
	done := map[string]int{}
	for organization, before := range past {
		n, err := inBatches(ctx, organization, before, a.Records.DeleteExports)
		if done[organization] = n; err != nil {
			return done, err
		}
	}
	return done, nil
}
