package elastic_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"
	"go.uber.org/goleak"

	"github.com/audittrail/audittrail/internal/cluster"
	"github.com/audittrail/audittrail/store"
	"github.com/audittrail/audittrail/store/elastic"
	"github.com/audittrail/audittrail/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(t *testing.T) *cluster.Client {
	t.Helper()
	c, err := cluster.Open(t.Context(), cluster.Options{URLs: []string{os.Getenv("AUDITTRAIL_TEST_ELASTICSEARCH")}, Uncompressed: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func place(t *testing.T, c *cluster.Client) string {
	prefix := fmt.Sprintf("store-%d", time.Now().UnixNano())
	t.Cleanup(func() {
		_ = c.Call(context.Background(), esapi.IndicesDeleteRequest{Index: []string{prefix + "-records-v1"}}, nil)
		_ = c.Call(context.Background(), esapi.IndicesDeleteIndexTemplateRequest{Name: prefix + "-records"}, nil)
	})
	if _, err := elastic.Setup(t.Context(), c, elastic.SetupOptions{Prefix: prefix}); err != nil {
		t.Fatal(err)
	}
	return prefix
}

func open(t *testing.T, c *cluster.Client, prefix string) *elastic.Store {
	t.Helper()
	s, err := elastic.Open(t.Context(), c, elastic.Options{Prefix: prefix})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) func(t *testing.T) store.Store {
		c := connect(t)
		prefix := place(t, c)
		return func(t *testing.T) store.Store { return open(t, c, prefix) }
	})
}
