package elastic

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/google/uuid"

	"github.com/audittrail/audittrail/internal/cluster"
)

// claimWithin is how long a process waits for another one that is rolling over: one that has not done it by then has crashed.
const claimWithin = 10 * time.Second

// rollOver gives the data stream a new write index, made by the template that is there now, unless another process did so first.
//
// Rolling over twice does no harm but leaves an empty index, so that the processes take turns: whoever makes the component
// template <stream>-rollover, which no index template uses, has the turn, looks again whether there is something to do, and deletes it in the end.
func (s *installer) rollOver(ctx context.Context) error {
	mine := uuid.NewString()
	if err := s.claim(ctx, mine); err != nil {
		return err
	}
	err := s.rollOverOnce(ctx)
	ended, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimWithin)
	defer cancel()
	if held, readErr := s.claimedBy(ended); readErr == nil && held == mine {
		readErr = s.release(ended)
		if err == nil {
			err = readErr
		}
	}
	return err
}

func (s *installer) rollOverOnce(ctx context.Context) error {
	found := &state{}
	if err := s.readNames(ctx, found); err != nil {
		return err
	}
	if err := s.readBacking(ctx, found); err != nil || len(found.backing) == 0 {
		return err
	}
	if differences, _ := diffIndex(found.mapping, found.writeIndex().settings, s.want); len(differences) == 0 {
		return nil
	}
	return s.client.Call(ctx, esapi.IndicesRolloverRequest{Alias: s.name}, nil)
}

func (s *installer) claimName() string { return s.name + "-rollover" }

// claim waits for the turn and takes it.
func (s *installer) claim(ctx context.Context, mine string) error {
	body := map[string]any{"template": map[string]any{}, "_meta": map[string]any{"managed_by": managedBy, "claimed_by": mine}}
	only := true
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	waiting, since := "", time.Now()
	for {
		err := s.client.Call(ctx, esapi.ClusterPutComponentTemplateRequest{Name: s.claimName(), Create: &only, Body: bodyOf(body)}, nil)
		failure := cluster.FailureOf(err)
		if failure == nil || failure.Status != http.StatusBadRequest || !strings.Contains(failure.Reason, "already exists") {
			return err
		}
		held, err := s.claimedBy(ctx)
		if err != nil {
			return err
		}
		switch {
		case held != waiting:
			waiting, since = held, time.Now()
		case held != "" && time.Since(since) > s.patience:
			if err := s.release(ctx); err != nil {
				return err
			}
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return cluster.Unavailable(ctx.Err(), "another setup is rolling over and does not end")
		}
	}
}

// claimedBy returns who has the turn, "" for nobody.
func (s *installer) claimedBy(ctx context.Context) (string, error) {
	var answer struct {
		Templates []struct {
			Template struct {
				Meta struct {
					By string `json:"claimed_by"`
				} `json:"_meta"`
			} `json:"component_template"`
		} `json:"component_templates"`
	}
	err := s.client.Call(ctx, esapi.ClusterGetComponentTemplateRequest{Name: []string{s.claimName()}}, &answer)
	if err != nil || len(answer.Templates) == 0 {
		return "", unless(err, cluster.FailureOf(err).Missing())
	}
	return answer.Templates[0].Template.Meta.By, nil
}

// release gives the turn back.
func (s *installer) release(ctx context.Context) error {
	err := s.client.Call(ctx, esapi.ClusterDeleteComponentTemplateRequest{Name: s.claimName()}, nil)
	return unless(err, cluster.FailureOf(err).Missing())
}
