package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Check says what is wrong with the settings themselves, all at once. Those of mail and SMS are checked by the channels. It is not named Validate: the
// parser of the command line calls methods of that name, before the file and the environment are read.
func (c *Config) Check() error {
	var errs []error
	add := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
	}
	if c.DataDir == "" {
		add("data_dir", "must name a directory")
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		add("listen", "%q is not an address: it must be host:port, like 127.0.0.1:8080 or :8080", c.Listen)
	}
	if c.PublicURL != "" && !isBaseURL(c.PublicURL) {
		add("public_url", "%q is not the address of a server: it must be like https://audit.example.com", c.PublicURL)
	}
	c.validateServing(add)
	if _, err := c.Proxies(); err != nil {
		add("trusted_proxies", "%s", err)
	}
	if c.SignIn.ProvidersFile != "" && c.PublicURL == "" {
		add("public_url", "must be set where sign_in.providers_file is: providers send people back to it")
	}
	switch c.Index {
	case IndexSQLite:
	case IndexElastic:
		c.Elastic.validate(add)
	default:
		add("index", "%q is not an engine: it must be sqlite or elastic", c.Index)
	}
	c.Temporal.validate(add)
	if c.Limits.RequestsPerSecond == 0 {
		add("limits.requests_per_second", "must be above 0, or negative for no limit")
	}
	if c.Limits.Burst < 0 || c.Limits.Connections < 1 || c.Limits.Streams < 1 {
		add("limits", "burst must not be negative; connections and streams must be at least 1")
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		add("log.level", "%q is not a level: it must be debug, info, warn or error", c.Log.Level)
	}
	if !slices.Contains([]string{"auto", "text", "json"}, c.Log.Format) {
		add("log.format", "%q is not a format: it must be auto, text or json", c.Log.Format)
	}
	return errors.Join(errs...)
}

// prefixes are those that names of indices can begin with.
var prefixes = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,99}$`)

// validate says what is wrong; what the values name is looked at when the cluster is opened.
func (e *Elastic) validate(add func(key, format string, args ...any)) {
	switch {
	case len(e.URLs) == 0 && e.CloudID == "":
		add("elastic.urls", "must name the nodes of the cluster, like https://es1.example.com:9200; or elastic.cloud_id a deployment")
	case len(e.URLs) > 0 && e.CloudID != "":
		add("elastic.cloud_id", "names a cluster, and so does elastic.urls: give one of them")
	}
	for i, address := range e.URLs {
		u, err := url.Parse(address)
		switch {
		case err == nil && u.User != nil:
			add("elastic.urls", "entry %d holds a user or password: give these by elastic.username and elastic.password", i+1)
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
			add("elastic.urls", "entry %d is not the address of a node: it must be like https://es1.example.com:9200", i+1)
		}
	}
	if (e.Username == "") != (e.Password == "") {
		add("elastic.username", "and elastic.password are given together, or neither")
	}
	if e.APIKey != "" && e.Username != "" {
		add("elastic.api_key", "takes the place of elastic.username and elastic.password: give one of them")
	}
	if e.CAFile != "" && e.Fingerprint != "" {
		add("elastic.fingerprint", "takes the place of elastic.ca_file: give one of them")
	}
	if !prefixes.MatchString(e.Prefix) {
		add("elastic.prefix", "%q cannot begin the name of an index: it must be a-z, 0-9, - and _, beginning with a letter or digit", e.Prefix)
	}
	if e.Shards < 1 || e.Shards > 1024 {
		add("elastic.shards", "must be from 1 to 1024")
	}
	if e.Replicas < 0 {
		add("elastic.replicas", "must not be negative")
	}
	if e.Lifecycle != "ilm" && e.Lifecycle != "temporal" {
		add("elastic.lifecycle", "%q is not a lifecycle: it must be ilm or temporal", e.Lifecycle)
	}
}

func (t *Temporal) validate(add func(key, format string, args ...any)) {
	if t.Port < 0 || t.Port > 65535 {
		add("temporal.port", "must be from 0 to 65535")
	}
	if t.Namespace == "" {
		add("temporal.namespace", "must name a namespace")
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		add("temporal.cert_file", "and temporal.key_file are given together, or neither")
	}
	if t.Address == "" && t.Secured() {
		add("temporal.address", "must name the server that temporal.tls, ca_file, cert_file, server_name or api_key are for: the embedded one needs none of them")
	}
}

// Check says what is wrong with the settings.
func (c *Client) Check() error {
	if !isBaseURL(c.Server) {
		return fmt.Errorf("server: %q is not the address of a server: it must be like http://127.0.0.1:8080", c.Server)
	}
	return nil
}

func isBaseURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil &&
		strings.Trim(u.Path, "/") == "" && u.RawQuery == "" && u.Fragment == ""
}
