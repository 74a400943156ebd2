package elastic

import (
	"context"
	"fmt"
	"net/http"
	"sort"
	"strings"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/cluster"
)

// rights are privileges that a task needs. docs/elasticsearch.md lists the same ones.
type rights struct {
	// cluster are needed always, ilm only where index lifecycle management is used, index on the data stream.
	cluster, ilm, index []string
}

var (
	setupRights = rights{
		cluster: []string{"monitor", "manage_index_templates"}, ilm: []string{"manage_ilm"},
		index: []string{"manage"},
	}
	checkRights = rights{
		cluster: []string{"monitor"}, ilm: []string{"read_ilm"},
		index: []string{"view_index_metadata"},
	}
	keepRights = rights{
		cluster: []string{"monitor"},
		index:   []string{"view_index_metadata", "monitor", "read", "manage"},
	}
)

// named makes an error that says that something is not permitted name what is missing. Other errors it leaves alone.
func (s *installer) named(ctx context.Context, err error, need rights) error {
	failure := cluster.FailureOf(err)
	if failure == nil || failure.Status != http.StatusForbidden || failure.Type == "cluster_block_exception" {
		return err
	}
	missing := s.lacking(ctx, need)
	if len(missing) == 0 {
		missing = []string{grantedBy(failure.Reason)}
	}
	return audit.Unavailable(err, retryLater, "Elasticsearch does not permit this: missing is %s", strings.Join(missing, ", and "))
}

// lacking asks Elasticsearch which of the privileges we do not have. Where it does not say, there are none.
func (s *installer) lacking(ctx context.Context, need rights) []string {
	wanted := need.cluster
	if s.opts.Lifecycle == LifecycleILM {
		wanted = append(append([]string{}, wanted...), need.ilm...)
	}
	body := map[string]any{
		"cluster": wanted,
		"index":   []any{map[string]any{"names": []string{s.name}, "privileges": need.index}},
	}
	var answer struct {
		Cluster map[string]bool
		Index   map[string]map[string]bool
	}
	if s.client.Call(ctx, esapi.SecurityHasPrivilegesRequest{Body: bodyOf(body)}, &answer) != nil {
		return nil
	}
	var missing []string
	if list := denied(answer.Cluster); len(list) > 0 {
		missing = append(missing, "the cluster privilege "+strings.Join(list, ", "))
	}
	if list := denied(answer.Index[s.name]); len(list) > 0 {
		missing = append(missing, fmt.Sprintf("the index privilege %s on %s", strings.Join(list, ", "), s.name))
	}
	return missing
}

func denied(answers map[string]bool) []string {
	var list []string
	for privilege, granted := range answers {
		if !granted {
			list = append(list, privilege)
		}
	}
	sort.Strings(list)
	return list
}

// grantedBy takes out of Elasticsearch's sentence what would grant the action: "… this action is granted by the cluster privileges [a,b]".
func grantedBy(reason string) string {
	if _, privileges, ok := strings.Cut(reason, "granted by the "); ok {
		return "one of the " + privileges
	}
	return "a privilege that Elasticsearch does not name"
}
