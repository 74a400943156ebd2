package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/cluster"
)

// apply does what the plan says. Each step may have been done by another process meanwhile, which is as good.
func (s *installer) apply(ctx context.Context, plan Plan) error {
	for _, c := range plan.Changes {
		if err := s.applyOne(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (s *installer) applyOne(ctx context.Context, c Change) error {
	switch {
	case c.Object == ObjectPolicy:
		body := map[string]any{"policy": s.want.policy}
		return s.client.Call(ctx, esapi.ILMPutLifecycleRequest{Policy: s.name, Body: bodyOf(body)}, nil)
	case c.Object == ObjectTemplate:
		return s.client.Call(ctx, esapi.IndicesPutIndexTemplateRequest{Name: s.name, Body: bodyOf(s.want.template)}, nil)
	case c.Action == ActionCreate:
		return s.createStream(ctx)
	case c.Action == ActionManage:
		body := map[string]any{"index.lifecycle.name": s.name}
		return s.client.Call(ctx, esapi.IndicesPutSettingsRequest{Index: []string{s.name}, Body: bodyOf(body)}, nil)
	case c.Action == ActionReplicas:
		body := map[string]any{replicasSetting: s.opts.Replicas}
		return s.client.Call(ctx, esapi.IndicesPutSettingsRequest{Index: []string{s.name}, Body: bodyOf(body)}, nil)
	case c.Action == ActionRelease:
		return s.client.Call(ctx, esapi.ILMRemovePolicyRequest{Index: s.name}, nil)
	case c.Action == ActionAddFields:
		return s.addFields(ctx)
	}
	return s.rollOver(ctx)
}

// bodyOf writes a tree that came from JSON.
func bodyOf(tree map[string]any) io.Reader {
	text, err := json.Marshal(tree)
	if err != nil {
		return bytes.NewReader(nil) // cannot be: it came from JSON
	}
	return bytes.NewReader(text)
}

// createStream makes the data stream, and leaves no document in it.
func (s *installer) createStream(ctx context.Context) error {
	err := s.client.Call(ctx, esapi.IndicesCreateDataStreamRequest{Name: s.name}, nil)
	failure := cluster.FailureOf(err)
	switch {
	case failure != nil && failure.Type == "resource_already_exists_exception":
		return nil
	case !lacksRoute(failure):
		return err
	}
	// Without that route the first document makes the stream, by the template. One that has no time makes it just as well and is then refused.
	err = s.client.Call(ctx, esapi.CreateRequest{Index: s.name, DocumentID: "setup", Body: bodyOf(map[string]any{})}, nil)
	failure = cluster.FailureOf(err)
	if failure != nil && failure.Status == http.StatusBadRequest && failure.Type == "document_parsing_exception" {
		return nil
	}
	if failure.Missing() {
		return conflict(err, "Elasticsearch does not make data streams by itself: its setting action.auto_create_index has to permit this name")
	}
	if err == nil {
		return audit.Errorf(audit.CodeInternal, "Elasticsearch stored a document that it had to refuse: the index template does not make a data stream")
	}
	return err
}

// addFields brings the write index up to date where new fields are all that it lacks, and rolls over where Elasticsearch does not take them.
func (s *installer) addFields(ctx context.Context) error {
	found := &state{}
	if err := s.readNames(ctx, found); err != nil || len(found.backing) == 0 {
		return err
	}
	request := esapi.IndicesPutMappingRequest{Index: []string{found.writeIndex().name}, Body: bodyOf(s.want.mappings())}
	err := s.client.Call(ctx, request, nil)
	if failure := cluster.FailureOf(err); failure != nil && failure.Status == http.StatusBadRequest {
		return s.rollOver(ctx)
	}
	return err
}
