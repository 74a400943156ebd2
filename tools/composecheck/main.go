// Command composecheck reads a composition as `docker compose config` does, by the same library, on machines that have no Docker: variables,
// anchors, the schema, references to volumes, secrets and services. It prints what would be started, or what is wrong.
//
//	composecheck -env-file .env.example docker-compose.yml
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

func main() {
	envFile := flag.String("env-file", "", "file of variables, in place of .env")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "composecheck: name a file")
		os.Exit(2)
	}
	if err := check(context.Background(), flag.Args(), *envFile); err != nil {
		fmt.Fprintln(os.Stderr, "composecheck:", err)
		os.Exit(1)
	}
}

// check loads the files and prints one line for each service.
func check(ctx context.Context, files []string, envFile string) error {
	options := []cli.ProjectOptionsFn{
		cli.WithWorkingDirectory(filepath.Dir(files[0])), cli.WithResolvedPaths(true), cli.WithInterpolation(true), cli.WithConsistency(true),
		cli.WithNormalization(true),
	}
	if envFile != "" {
		options = append(options, cli.WithEnvFiles(envFile), cli.WithDotEnv)
	}
	parsed, err := cli.NewProjectOptions(files, options...)
	if err != nil {
		return err
	}
	project, err := parsed.LoadProject(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "%s: %d services\n", project.Name, len(project.Services))
	for _, name := range project.ServiceNames() {
		describe(project.Services[name])
	}
	return nil
}

func describe(s types.ServiceConfig) {
	var ports []string
	for _, p := range s.Ports {
		ports = append(ports, strings.TrimPrefix(p.HostIP+":", ":")+p.Published)
	}
	after := s.GetDependencies()
	slices.Sort(after)
	line := fmt.Sprintf("  %-20s x%d  %s", s.Name, s.GetScale(), s.Image)
	if len(ports) > 0 {
		line += "  at " + strings.Join(ports, ", ")
	}
	if len(after) > 0 {
		line += "  after " + strings.Join(after, ", ")
	}
	fmt.Fprintln(os.Stdout, line)
}
