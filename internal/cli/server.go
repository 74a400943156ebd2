package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/audittrail/audittrail/internal/app"
	"github.com/audittrail/audittrail/internal/config"
)

type standaloneCommand struct {
	config.Config `embed:""`
}

// Help is shown behind the summary.
func (standaloneCommand) Help() string {
	return `Needs nothing else: events, records, export files and an embedded Temporal server live in the data directory, and what was
acknowledged survives a kill. Every setting can also stand in the file or the environment: see ` + "`audittrail config`" + `.

  audittrail standalone --data-dir /var/lib/audittrail --listen :443 --tls-cert-file cert.pem --tls-key-file key.pem --public-url https://audit.example.com
  audittrail standalone --data-dir /var/lib/audittrail --listen 10.0.0.5:8080 --insecure --public-url https://audit.example.com   # a proxy ends TLS`
}

// Run serves until a signal.
func (c *standaloneCommand) Run(e *env) error { return e.serve(&c.Config, app.RoleBoth) }

type apiCommand struct {
	config.Config `embed:""`
}

// Run serves until a signal.
func (c *apiCommand) Run(e *env) error { return e.serve(&c.Config, app.RoleAPI) }

type workerCommand struct {
	config.Config `embed:""`
}

// Run works until a signal.
func (c *workerCommand) Run(e *env) error { return e.serve(&c.Config, app.RoleWorker) }

// serve runs a process of the role until the context ends.
func (e *env) serve(cfg *config.Config, role app.Role) error {
	if _, err := e.load(cfg); err != nil {
		return err
	}
	if err := cfg.Check(); err != nil {
		return usageError{err}
	}
	if role != app.RoleWorker {
		if err := cfg.CheckExposed(); err != nil {
			return usageError{err}
		}
	}
	if role == app.RoleBoth && e.StartTemporal == nil && cfg.Temporal.Address == "" {
		return errNoTemporal
	}
	a, err := app.New(e.ctx, cfg, app.Options{Role: role, StartTemporal: e.StartTemporal, Logger: e.logger(cfg.Log), Version: e.version})
	if err != nil {
		return err
	}
	if role == app.RoleBoth {
		e.offerSignIn(cfg, a)
	}
	err = a.Run(e.ctx)
	return errors.Join(err, a.Close())
}

var errNoTemporal = usagef("this build has no embedded Temporal: use `go run ./standalone …`, or name a server with --temporal-address")

type temporalCommand struct {
	config.Config `embed:""`
}

// Run serves until a signal.
func (c *temporalCommand) Run(e *env) error {
	if _, err := e.load(&c.Config); err != nil {
		return err
	}
	if e.StartTemporal == nil {
		return errNoTemporal
	}
	server, err := e.StartTemporal(e.ctx, c.DataDir, c.Config.Temporal.Port, e.logger(c.Log))
	if err != nil {
		return err
	}
	fmt.Fprintln(e.Stdout, server.Address())
	<-e.ctx.Done()
	return server.Stop()
}

type verifyCommand struct {
	config.Config `embed:""`
}

// Run reads every event.
func (c *verifyCommand) Run(e *env) error {
	if err := e.settle(&c.Config); err != nil {
		return err
	}
	if err := directoryIsThere(&c.Config); err != nil {
		return err
	}
	report, err := app.Verify(e.ctx, &c.Config, app.Options{Logger: e.logger(c.Log)})
	if err != nil {
		return err
	}
	err = e.print(report, func(w io.Writer) {
		fmt.Fprintf(w, "%s events in %d month files, %d problems\n", count(report.Events), report.Months, len(report.Problems))
		for _, p := range report.Problems {
			fmt.Fprintln(w, "  "+plain(p))
		}
	})
	if err == nil && len(report.Problems) > 0 {
		err = fmt.Errorf("%d problems: restore the files they name from a backup", len(report.Problems))
	}
	return err
}

type configCommand struct {
	config.Config `embed:""`
	Client        config.Client `embed:""`
}

// Help is shown behind the summary.
func (configCommand) Help() string {
	return `Settings come from, each overriding the ones before: defaults, the file (--config, $AUDITTRAIL_CONFIG or ./audittrail.yaml), the
environment (AUDITTRAIL_EMAIL_HOST for email.host) and flags (--email-host). Secrets may also be read from files: AUDITTRAIL_EMAIL_PASSWORD_FILE, or
password_file in the YAML file. Secrets are shown as stars.`
}

// Run prints the settings.
func (c *configCommand) Run(e *env) error {
	values, err := e.load(&c.Config, &c.Client)
	if err != nil {
		return err
	}
	printErr := e.print(values, func(w io.Writer) {
		row(w, "SETTING", "VALUE", "FROM")
		for _, v := range values {
			row(w, v.Key, v.Value, v.Source)
		}
	})
	if err := errors.Join(c.Config.Check(), c.Client.Check()); err != nil {
		return usageError{err}
	}
	return printErr
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(e *env) error {
	told := struct {
		Version          string `json:"version"`
		EmbeddedTemporal bool   `json:"embedded_temporal"`
	}{e.version, e.StartTemporal != nil}
	return e.print(told, func(w io.Writer) {
		embedded := "without embedded Temporal"
		if told.EmbeddedTemporal {
			embedded = "with embedded Temporal"
		}
		fmt.Fprintf(w, "audittrail %s, %s\n", told.Version, embedded)
	})
}
