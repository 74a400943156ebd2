package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/app"
	"github.com/audittrail/audittrail/internal/config"
	"github.com/audittrail/audittrail/store"
)

type orgsCommand struct {
	Create orgsCreateCommand `cmd:"" help:"Make an organization, its creator and a first key, which is printed once."`
	List   orgsListCommand   `cmd:"" help:"List organizations."`
}

// Help is shown behind the summary.
func (orgsCommand) Help() string {
	return `Works on the records in the data directory itself, whether the server runs or not: whoever can write them owns the installation.
The first event of the organization, which a server stores before any other, says that it was created.

  audittrail orgs create acme --name "Acme Inc." --member-id u_1 --member-name "Ada Lovelace"`
}

type orgsCreateCommand struct {
	config.Config `embed:""`

	ID         string `arg:"" help:"Id of the organization: a-z, 0-9 and -."`
	Name       string `required:"" help:"Name of the organization."`
	MemberID   string `name:"member-id" default:"creator" help:"Id of the creator."`
	MemberName string `name:"member-name" default:"Creator" help:"Name of the creator."`
	Email      string `name:"member-email" help:"Mail address of the creator."`
}

// created is what creating an organization gives.
type created struct {
	Organization audit.Organization `json:"organization"`
	Member       audit.Member       `json:"member"`
	Key          string             `json:"key"`
}

// Run makes the organization.
func (c *orgsCreateCommand) Run(e *env) (err error) {
	return e.withStore(&c.Config, func(records store.Store) error {
		result, err := createOrganization(e.ctx, records, audit.Organization{ID: c.ID, Name: c.Name},
			audit.Member{ID: c.MemberID, Name: c.MemberName, Email: c.Email, Role: audit.RoleCreator, Status: audit.MemberActive})
		if err != nil {
			return err
		}
		return e.print(result, func(w io.Writer) {
			fmt.Fprintf(w, "Organization %s with its creator %s was made.\n", result.Organization.ID, result.Member.ID)
			fmt.Fprintf(w, "Key, with every scope, shown only now:\n  export AUDITTRAIL_KEY=%s\n", result.Key)
		})
	})
}

// createOrganization stores an organization, its first member and a key of theirs. Where an earlier attempt ended half way, the same
// call finishes it.
func createOrganization(ctx context.Context, records store.Store, org audit.Organization, creator audit.Member) (created, error) {
	org.CreatedAt = now().Truncate(audit.TimePrecision)
	creator.Organization, creator.UpdatedAt = org.ID, org.CreatedAt
	if err := errors.Join(org.Validate(), creator.Validate()); err != nil {
		return created{}, usageError{err}
	}
	keys, err := records.Keys(ctx, org.ID)
	if err != nil {
		return created{}, err
	}
	if len(keys) > 0 {
		return created{}, fmt.Errorf("the organization %s exists: choose another id, or make another key with `audittrail keys create`", org.ID)
	}
	event, err := uuid.NewV7()
	if err != nil {
		return created{}, err
	}
	org.CreationEvent = event.String()
	if org, err = records.PutOrganization(ctx, org); audit.CodeOf(err) == audit.CodeConflict {
		org, err = records.Organization(ctx, creator.Organization)
	}
	if err != nil {
		return created{}, err
	}
	if member, err := records.PutMember(ctx, creator); err == nil {
		creator = member
	} else if audit.CodeOf(err) != audit.CodeConflict {
		return created{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return created{}, err
	}
	secret, prefix, hash := audit.NewKeySecret()
	key := audit.Key{ID: id.String(), Organization: org.ID, Member: creator.ID, Name: "first key", Prefix: prefix, Hash: hash,
		Scopes: []audit.Scope{audit.ScopeAdmin}, CreatedAt: now().Truncate(time.Millisecond)}
	if err := records.CreateKey(ctx, key); err != nil {
		return created{}, err
	}
	return created{Organization: org, Member: creator, Key: secret}, nil
}

type orgsListCommand struct {
	config.Config `embed:""`
}

// Run lists organizations.
func (c *orgsListCommand) Run(e *env) error {
	return e.lookAtStore(&c.Config, func(records store.Store) error {
		orgs, err := records.Organizations(e.ctx)
		if err != nil {
			return err
		}
		return e.print(orgs, func(w io.Writer) {
			row(w, "ID", "NAME", "CREATED")
			for _, o := range orgs {
				row(w, o.ID, o.Name, stamp(o.CreatedAt))
			}
		})
	})
}

// lookAtStore opens the records of a data directory that is there: what only looks makes none where the name was mistyped.
func (e *env) lookAtStore(cfg *config.Config, do func(store.Store) error) error {
	if err := e.settle(cfg); err != nil {
		return err
	}
	if err := directoryIsThere(cfg); err != nil {
		return err
	}
	return e.onStore(cfg, do)
}

// withStore opens the records, and makes them where there are none.
func (e *env) withStore(cfg *config.Config, do func(store.Store) error) error {
	if err := e.settle(cfg); err != nil {
		return err
	}
	return e.onStore(cfg, do)
}

// settle fills the settings and checks them.
func (e *env) settle(cfg *config.Config) error {
	if _, err := e.load(cfg); err != nil {
		return err
	}
	if err := cfg.Check(); err != nil {
		return usageError{err}
	}
	return nil
}

// directoryIsThere complains where the files of the engine would be in a directory that does not exist.
func directoryIsThere(cfg *config.Config) error {
	if cfg.Index != config.IndexSQLite {
		return nil
	}
	if _, err := os.Stat(cfg.DataDir); errors.Is(err, fs.ErrNotExist) {
		return usagef("data_dir: there is no %s: name the directory by --data-dir; `audittrail orgs create` makes one", cfg.DataDir)
	}
	return nil
}

// onStore opens the records, which the server may have open as well.
func (e *env) onStore(cfg *config.Config, do func(store.Store) error) (err error) {
	records, err := app.OpenStore(e.ctx, cfg, app.Options{Logger: e.logger(cfg.Log)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, records.Close()) }()
	return do(records)
}
