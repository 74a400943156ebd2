package elastic

import (
	"context"
	"encoding/json"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/internal/cluster"
)

// watch looks whether index lifecycle management does what the policy says.
func (r *retention) watch(ctx context.Context, list []heldIndex) error {
	if err := r.watchService(ctx); err != nil {
		return unless(err, lacksRoute(cluster.FailureOf(err))) // then the check has said so
	}
	if err := r.watchSteps(ctx, list); err != nil {
		return err
	}
	r.watchDates(list)
	return nil
}

func (r *retention) watchService(ctx context.Context) error {
	var status struct {
		Mode string `json:"operation_mode"`
	}
	if err := r.client.Call(ctx, esapi.ILMGetStatusRequest{}, &status); err != nil {
		return r.named(ctx, err, checkRights)
	}
	if status.Mode != "RUNNING" {
		r.problem("index lifecycle management is %s: nothing is rolled over or deleted; start it with POST _ilm/start", status.Mode)
	}
	return nil
}

func (r *retention) watchSteps(ctx context.Context, list []heldIndex) error {
	var explained struct {
		Indices map[string]struct {
			Step       string
			FailedStep string          `json:"failed_step"`
			Info       json.RawMessage `json:"step_info"`
		}
	}
	if err := r.client.Call(ctx, esapi.ILMExplainLifecycleRequest{Index: r.name}, &explained); err != nil {
		return r.named(ctx, err, checkRights)
	}
	for _, h := range list {
		e := explained.Indices[h.name]
		if e.Step != "ERROR" {
			continue
		}
		var info struct{ Type, Reason string }
		if json.Unmarshal(e.Info, &info) != nil {
			info.Reason = string(e.Info)
		}
		r.problem("%s is stuck in the ILM step %s: %s %s; when the cause is gone, POST %s/_ilm/retry", h.name, e.FailedStep, info.Type, info.Reason, h.name)
	}
	return nil
}

// watchDates reports what should have been done long ago.
func (r *retention) watchDates(list []heldIndex) {
	write := list[len(list)-1]
	// An empty index is not rolled over: that is the rule of Elasticsearch's too.
	if due := write.created.Add(r.age); write.docs > 0 && r.now.After(due.Add(slack)) {
		r.problem("%s was due to be rolled over on %s and was not; see GET %s/_ilm/explain", write.name, day(due), write.name)
	}
	for i, h := range list[:len(list)-1] {
		if due := list[i+1].created.Add(deleteAge); r.now.After(due.Add(slack)) {
			r.problem("%s was due to be deleted on %s and was not; see GET %s/_ilm/explain", h.name, day(due), h.name)
		}
	}
}
