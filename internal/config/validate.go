package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// Validate says what is wrong with the settings themselves, all at once. Those of mail and SMS are checked by the channels.
func (c *Config) Validate() error {
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
	switch c.Index {
	case "sqlite":
	case "elastic":
		add("index", "elastic is not in this build yet: use sqlite, which runs in one process by `audittrail standalone`")
	default:
		add("index", "%q is not an engine: it must be sqlite", c.Index)
	}
	if c.Temporal.Port < 0 || c.Temporal.Port > 65535 {
		add("temporal.port", "must be from 0 to 65535")
	}
	if c.Temporal.Namespace == "" {
		add("temporal.namespace", "must name a namespace")
	}
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

// Validate says what is wrong with the settings.
func (c *Client) Validate() error {
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
