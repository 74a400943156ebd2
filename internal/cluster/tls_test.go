package cluster_test

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/internal/cluster"
	"github.com/audittrail/audittrail/internal/estest"
)

func contains(err error, words string) bool {
	return err != nil && strings.Contains(err.Error(), words)
}

func TestOpenSaysWhatIsWrongWithTheCertificate(t *testing.T) {
	behind := pretend(t, 200, "Elasticsearch", greeting("8.19.13", "default", search))
	authority, stranger := estest.NewAuthority(t), estest.NewAuthority(t)
	now := time.Now()
	good := authority.Server("127.0.0.1", now.Add(-time.Hour), now.Add(time.Hour))
	expired := authority.Server("127.0.0.1", now.Add(-2*time.Hour), now.Add(-time.Hour))
	early := authority.Server("127.0.0.1", now.Add(time.Hour), now.Add(2*time.Hour))
	other := authority.Server("es1.example.com", now.Add(-time.Hour), now.Add(time.Hour))
	// Whoever knows the pinned certificate can send it along; only its owner can sign with it.
	imposter := stranger.Server("127.0.0.1", now.Add(-time.Hour), now.Add(time.Hour))
	imposter.Certificate[1] = authority.Raw()

	trusting := func(c tls.Certificate, ca, fingerprint string) cluster.Options {
		return cluster.Options{URLs: []string{estest.NewTLSProxy(t, behind, c).URL}, CAFile: ca, Fingerprint: fingerprint}
	}
	leaf := estest.Fingerprint(good.Certificate[0])
	refusals := map[string]struct {
		opts  cluster.Options
		words string
	}{
		"expired":             {trusting(expired, authority.CAFile, ""), "certificate has expired, or is not valid yet"},
		"not valid yet":       {trusting(early, authority.CAFile, ""), "certificate has expired, or is not valid yet"},
		"unknown authority":   {trusting(good, "", ""), "signed by an authority that is not trusted: name it with elastic.ca_file or elastic.fingerprint"},
		"other authority":     {trusting(good, stranger.CAFile, ""), "signed by an authority that is not trusted"},
		"other host":          {trusting(other, authority.CAFile, ""), "certificate is for another host name"},
		"other fingerprint":   {trusting(good, "", stranger.Fingerprint), "does not have the fingerprint of elastic.fingerprint"},
		"borrowed authority":  {trusting(imposter, "", authority.Fingerprint), "does not have the fingerprint of elastic.fingerprint"},
		"fingerprint of leaf": {trusting(other, "", leaf), "does not have the fingerprint of elastic.fingerprint"},
	}
	for name, test := range refusals {
		t.Run(name, func(t *testing.T) {
			wantUnavailable(t, refused(t, test.opts), test.words, test.opts.URLs[0])
		})
	}
	for name, opts := range map[string]cluster.Options{
		"CA file":                      trusting(good, authority.CAFile, ""),
		"fingerprint of the server":    trusting(good, "", leaf),
		"fingerprint of the authority": trusting(good, "", authority.Fingerprint),
		"with colons, upper case":      trusting(good, "", colons(leaf)),
	} {
		t.Run(name, func(t *testing.T) { connects(t, opts) })
	}
}

// colons writes a fingerprint as openssl does.
func colons(fingerprint string) string {
	var pairs []string
	for i := 0; i < len(fingerprint); i += 2 {
		pairs = append(pairs, strings.ToUpper(fingerprint[i:i+2]))
	}
	return strings.Join(pairs, ":")
}
