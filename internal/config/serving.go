package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

// hostName is a name of a host, or an address: what stands before the port in a Host header.
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)

// validateServing says what is wrong with how the server is reached.
func (c *Config) validateServing(add func(key, format string, args ...any)) {
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		add("tls.cert_file", "and tls.key_file are given together, or neither")
	}
	if c.TLS.On() && c.Insecure {
		add("insecure", "is for a server without TLS: remove it, or tls.cert_file and tls.key_file")
	}
	if c.TLS.On() && strings.HasPrefix(c.PublicURL, "http://") {
		add("public_url", "begins with http://, and the server speaks TLS (tls.cert_file): it must begin with https://")
	}
	for _, name := range c.AllowedHosts {
		if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err != nil && !hostName.MatchString(name) {
			add("allowed_hosts", "%q is not the name of a host: it must be like audit.example.com, without a port", name)
		}
	}
}

// CheckExposed refuses plain HTTP beyond this machine, where keys, cookies and the trail itself could be read on the way. Processes that answer nothing
// but questions for their health need not ask.
func (c *Config) CheckExposed() error {
	if c.Insecure || c.TLS.On() || isLoopback(c.listenHost()) {
		return nil
	}
	return fmt.Errorf("listen: %s can be reached from other machines, and without TLS everything sent there can be read on the way. Do one of these: "+
		"give a certificate with --tls-cert-file and --tls-key-file; listen on this machine only (--listen 127.0.0.1:8080); "+
		"or say --insecure (AUDITTRAIL_INSECURE=true) where a proxy in front ends TLS and nothing else can reach the port", c.Listen)
}

// Hosts lists the names by which the server may be reached, in lower case and without ports, and says whether others are to be refused. They are not where
// the server listens beyond this machine and nothing says by which name: then every name may be right.
func (c *Config) Hosts() (names []string, only bool) {
	listen := c.listenHost()
	only = isLoopback(listen)
	if u, err := url.Parse(c.PublicURL); err == nil && u.Hostname() != "" {
		names, only = append(names, u.Hostname()), true
	}
	if listen != "" {
		names = append(names, listen)
	}
	for _, name := range c.AllowedHosts {
		names, only = append(names, strings.Trim(name, "[]")), true
	}
	for i := range names {
		names[i] = strings.ToLower(names[i])
	}
	return names, only
}

// listenHost is the host of the address that is listened on; "" is all of this machine's.
func (c *Config) listenHost() string {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return "" // Check says so
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.IsUnspecified() {
		return ""
	}
	return host
}

// isLoopback says whether only this machine reaches the host. A name counts as one that others reach, but for localhost.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
