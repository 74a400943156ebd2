package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/app"
	"github.com/audittrail/audittrail/internal/client"
	"github.com/audittrail/audittrail/internal/sample"
	"github.com/audittrail/audittrail/store"
)

// demoState is what a later start has to know to go on: with the same count and end the sample's events are the same.
type demoState struct {
	Events int       `json:"events"`
	End    time.Time `json:"end"`
	Loaded bool      `json:"loaded"`
}

// prepare makes the organization, its members and a key, where they are not there yet.
func (d *demo) prepare() (err error) {
	records, err := app.OpenStore(d.ctx, d.config, app.Options{Logger: d.logger(d.config.Log)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, records.Close()) }()
	enterprise := sample.New(sample.Options{Seed: 1, Organization: demoOrganization, Count: d.events})
	if kept, readErr := os.ReadFile(d.path(demoKeyFile)); readErr == nil {
		d.key = strings.TrimSpace(string(kept))
		if _, err := records.KeyByHash(d.ctx, audit.HashKey(d.key)); err == nil {
			d.ok("organization %q is there already: going on with its data", demoOrganization)
			return nil
		}
	}
	began := now()
	made, err := d.makeOrganization(records, enterprise)
	if err != nil {
		return err
	}
	if d.key, err = d.makeKey(records, enterprise.Members[0].ID); err != nil {
		return err
	}
	d.ok("organization %q (%s) with %s members in %s; key in %s", demoOrganization, enterprise.Organization.Name,
		count(made), span(now().Sub(began)), d.path(demoKeyFile))
	return nil
}

// makeOrganization stores organization and members; those that an earlier start has stored stay as they are.
func (d *demo) makeOrganization(records store.Store, enterprise *sample.Enterprise) (int, error) {
	event, err := uuid.NewV7()
	if err != nil {
		return 0, err
	}
	org := enterprise.Organization
	org.CreationEvent = event.String()
	if _, err := records.PutOrganization(d.ctx, org); err != nil && audit.CodeOf(err) != audit.CodeConflict {
		return 0, err
	}
	bar := d.newProgress("members", int64(len(enterprise.Members)))
	defer bar.end()
	for i, m := range enterprise.Members {
		m.Organization = demoOrganization
		if _, err := records.PutMember(d.ctx, m); err != nil && audit.CodeOf(err) != audit.CodeConflict {
			return i, err
		}
		bar.set(int64(i+1), count(i+1))
	}
	return len(enterprise.Members), nil
}

// makeKey makes a key with every scope and keeps it in a file of this user, before the store knows it.
func (d *demo) makeKey(records store.Store, member string) (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", err
	}
	secret, prefix, hash := audit.NewKeySecret()
	if err := writeSecret(d.path(demoKeyFile), secret+"\n"); err != nil {
		return "", err
	}
	return secret, records.CreateKey(d.ctx, audit.Key{ID: id.String(), Organization: demoOrganization, Member: member, Name: "demo",
		Prefix: prefix, Hash: hash, Scopes: []audit.Scope{audit.ScopeAdmin}, CreatedAt: now().Truncate(audit.TimePrecision)})
}

// load sends the sample's events, or what is missing of them.
func (d *demo) load() error {
	state := demoState{Events: d.events, End: now().Truncate(audit.TimePrecision)}
	if data, err := os.ReadFile(d.path("demo.json")); err == nil {
		if err := json.Unmarshal(data, &state); err != nil {
			return fmt.Errorf("%s is damaged: remove it: %w", d.path("demo.json"), err)
		}
	}
	if state.Loaded {
		d.ok("%s sample events are there already, up to %s: not loaded again", count(state.Events), stamp(state.End))
		return nil
	}
	if err := d.saveState(state); err != nil {
		return err
	}
	began := now()
	sent, err := d.sendAll(sample.New(sample.Options{Seed: 1, Organization: demoOrganization, Count: state.Events, End: state.End}))
	if err != nil {
		return err
	}
	took := now().Sub(began)
	state.Loaded = true
	d.ok("%s events sent over HTTP in %s (%s), each on the disk before it was acknowledged: %s created, %s duplicates",
		count(sent.Created+sent.Duplicates), span(took), rate(int64(state.Events), took), count(sent.Created), count(sent.Duplicates))
	return d.saveState(state)
}

func (d *demo) saveState(state demoState) error {
	data, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return writeSecret(d.path("demo.json"), string(data))
}

// sendAll sends an enterprise's events, several requests at a time.
func (d *demo) sendAll(enterprise *sample.Enterprise) (client.IngestResult, error) {
	bar := d.newProgress("events", int64(enterprise.Count()))
	defer bar.end()
	began := now()
	var total client.IngestResult
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(d.ctx)
	group.SetLimit(4)
	send := func(body []byte) {
		group.Go(func() error {
			result, err := d.sendBatch(ctx, body)
			mu.Lock()
			defer mu.Unlock()
			total.Created += result.Created
			total.Duplicates += result.Duplicates
			done := int64(total.Created + total.Duplicates)
			bar.set(done, rate(done, now().Sub(began)))
			return err
		})
	}
	var body bytes.Buffer
	n := 0
	for event := range enterprise.Events() {
		if ctx.Err() != nil {
			break
		}
		body.Write(append(event.AppendJSON(nil), '\n'))
		if n++; n == batchEvents {
			send(bytes.Clone(body.Bytes()))
			body.Reset()
			n = 0
		}
	}
	if n > 0 {
		send(body.Bytes())
	}
	return total, group.Wait()
}

func (d *demo) sendBatch(ctx context.Context, body []byte) (client.IngestResult, error) {
	var result client.IngestResult
	err := client.Retry(ctx, time.Minute, nil, func() (err error) {
		result, err = d.server.Ingest(ctx, body)
		return err
	})
	if err == nil && result.Rejected > 0 {
		err = fmt.Errorf("%d sample events were rejected", result.Rejected)
	}
	return result, err
}
