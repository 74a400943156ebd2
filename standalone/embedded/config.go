package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"

	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/primitives"
)

// clusterName is kept in the database: it must stay what it is.
const clusterName = "active"

// ports are where the four services listen.
type ports struct{ frontend, history, matching, worker int }

// choosePorts takes the wanted port and three free ones. They are let go again, as the server opens them itself.
func choosePorts(ctx context.Context, frontend int) (ports, error) {
	var p ports
	var lc net.ListenConfig
	for _, port := range []struct {
		wanted int
		chosen *int
	}{{frontend, &p.frontend}, {0, &p.history}, {0, &p.matching}, {0, &p.worker}} {
		listener, err := lc.Listen(ctx, "tcp", net.JoinHostPort(loopback, strconv.Itoa(port.wanted)))
		if errors.Is(err, syscall.EADDRINUSE) {
			return ports{}, fmt.Errorf("port %d for embedded Temporal is in use: choose another one, or 0 for any that is free", port.wanted)
		}
		if err != nil {
			return ports{}, fmt.Errorf("choose a port for embedded Temporal: %w", err)
		}
		defer func() { _ = listener.Close() }() // all of them at the end, so that no port is chosen twice
		*port.chosen = listener.Addr().(*net.TCPAddr).Port
	}
	return p, nil
}

func hosts(p ports) map[primitives.ServiceName]static.Hosts {
	at := func(port int) static.Hosts {
		return static.SingleLocalHost(net.JoinHostPort(loopback, strconv.Itoa(port)))
	}
	return map[primitives.ServiceName]static.Hosts{
		primitives.FrontendService: at(p.frontend), primitives.HistoryService: at(p.history),
		primitives.MatchingService: at(p.matching), primitives.WorkerService: at(p.worker),
	}
}

// serverConfig is a cluster of one: all services in this process, one shard, one database, no metrics, no profiler, no archive.
func serverConfig(database *config.SQL, p ports) *config.Config {
	frontend := net.JoinHostPort(loopback, strconv.Itoa(p.frontend))
	service := func(port int) config.Service {
		return config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: loopback}}
	}
	conf := &config.Config{
		Persistence: config.Persistence{
			DefaultStore: "sqlite", VisibilityStore: "sqlite", NumHistoryShards: 1,
			DataStores: map[string]config.DataStore{"sqlite": {SQL: database}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10, MasterClusterName: clusterName, CurrentClusterName: clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: frontend},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services: map[string]config.Service{
			string(primitives.FrontendService): service(p.frontend), string(primitives.HistoryService): service(p.history),
			string(primitives.MatchingService): service(p.matching), string(primitives.WorkerService): service(p.worker),
		},
		PublicClient: config.PublicClient{HostPort: frontend},
	}
	conf.Global.Membership = config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: loopback}
	conf.Archival.History.State, conf.Archival.Visibility.State = "disabled", "disabled"
	conf.NamespaceDefaults.Archival.History.State, conf.NamespaceDefaults.Archival.Visibility.State = "disabled", "disabled"
	return conf
}

// dynamicConfig sizes the server for one machine that does other things too.
func dynamicConfig() dynamicconfig.StaticClient {
	return dynamicconfig.StaticClient{
		// One partition: there is one matching host, and more would only hand tasks around among themselves.
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,
		// The default holds 128,000 workflows in memory.
		dynamicconfig.HistoryCacheHostLevelMaxSize.Key(): 2048,
		// Schedules and listings come from one client, and the store's reconciliation lists in bursts.
		dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key(): 100,
	}
}
