package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/temporal"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// Namespace is the one that is registered.
const Namespace = "default"

// Retention is how long closed workflows can be looked at; nothing depends on them.
const Retention = 72 * time.Hour

// readyTimeout bounds how long Start waits for the server to answer; a slow disk needs some of it at the first start.
const readyTimeout = 90 * time.Second

const loopback = "127.0.0.1"

// Options say where the server keeps its files and where it listens.
type Options struct {
	// DataDir is the data directory of the product; the server keeps its files in the folder "temporal" within, which it makes.
	DataDir string
	// Port is where clients connect, on 127.0.0.1; 0 takes a free one.
	Port int
	// Logger takes what the server says from warnings on; nil means slog.Default.
	Logger *slog.Logger
}

// Server is a running Temporal server.
type Server struct {
	server  temporal.Server
	address string
	lock    *os.File
	settled *atomic.Bool
}

// Start starts a server and returns once it answers. One process at a time can use a data directory: another one gets an
// error that names the first.
func Start(ctx context.Context, opts Options) (*Server, error) {
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	dir := filepath.Join(opts.DataDir, "temporal")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory %s cannot be written: %w", opts.DataDir, err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	s, err := start(ctx, dir, opts)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s.lock = lock
	return s, nil
}

func start(ctx context.Context, dir string, opts Options) (*Server, error) {
	database, err := prepareDatabase(dir)
	if err != nil {
		return nil, err
	}
	ports, err := choosePorts(ctx, opts.Port)
	if err != nil {
		return nil, err
	}
	log := logger{to: opts.Logger.With("component", "temporal"), settled: new(atomic.Bool)}
	conf := serverConfig(database, ports)
	claims, err := authorization.GetClaimMapperFromConfig(&conf.Global.Authorization, log)
	if err != nil {
		return nil, fmt.Errorf("set up embedded Temporal: %w", err)
	}
	server, err := temporal.NewServer(
		temporal.WithConfig(conf),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts(ports)),
		temporal.WithLogger(log),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return claims }),
		temporal.WithDynamicConfigClient(dynamicConfig()),
	)
	if err != nil {
		return nil, fmt.Errorf("set up embedded Temporal: %w", err)
	}
	if err := server.Start(); err != nil {
		return nil, fmt.Errorf("start embedded Temporal: %w", errors.Join(err, server.Stop()))
	}
	s := &Server{server: server, address: net.JoinHostPort(loopback, strconv.Itoa(ports.frontend)), settled: log.settled}
	if err := s.waitReady(ctx); err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	s.settled.Store(true)
	return s, nil
}

// Address is where clients connect: "127.0.0.1:7233".
func (s *Server) Address() string { return s.address }

// Stop ends the server and gives the data directory free. It must be called once.
func (s *Server) Stop() error {
	s.settled.Store(false)
	err := s.server.Stop()
	if err != nil {
		err = fmt.Errorf("stop embedded Temporal: %w", err)
	}
	return errors.Join(err, s.lock.Close())
}

// waitReady returns once the frontend says that it serves.
func (s *Server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	conn, err := grpc.NewClient(s.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("connect to embedded Temporal: %w", err)
	}
	defer func() { _ = conn.Close() }()
	health := grpc_health_v1.NewHealthClient(conn)
	request := &grpc_health_v1.HealthCheckRequest{Service: "temporal.api.workflowservice.v1.WorkflowService"}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		answer, err := health.Check(ctx, request, grpc.WaitForReady(true))
		if err == nil && answer.GetStatus() == grpc_health_v1.HealthCheckResponse_SERVING {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("embedded Temporal at %s does not answer: %w", s.address, errors.Join(ctx.Err(), err))
		case <-tick.C:
		}
	}
}
