package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// How soon a caller may try again: soon where a node may be back at any moment, later where a person has to do something.
const (
	retrySoon  = 5 * time.Second
	retryLater = time.Minute
)

// Failure is what the cluster answered in place of a result.
type Failure struct {
	// Status is that of HTTP, or of the item of a bulk.
	Status int
	// Type is Elasticsearch's word for it: "index_not_found_exception".
	Type string
	// Reason is its sentence.
	Reason string
	// Index is the index it speaks of, if any.
	Index string
	// Root is the sentence of what is at the bottom of it, where that is another: of the shard on which a search failed.
	Root string
}

// Error returns status, type and reasons.
func (f *Failure) Error() string {
	if f.Root != "" {
		return fmt.Sprintf("Elasticsearch answered %d %s: %s: %s", f.Status, f.Type, f.Reason, f.Root)
	}
	return fmt.Sprintf("Elasticsearch answered %d %s: %s", f.Status, f.Type, f.Reason)
}

// FailureOf returns the failure in the error's chain, nil where there is none.
func FailureOf(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	return nil
}

// MissingRoute says that the build of Elasticsearch does not have the route at all.
func (f *Failure) MissingRoute() bool {
	return f != nil && (f.Status == http.StatusMethodNotAllowed && strings.Contains(f.Reason, "Incorrect HTTP method") ||
		f.Status == http.StatusBadRequest && strings.Contains(f.Reason, "no handler found for uri"))
}

// Missing says that what the request named is not there.
func (f *Failure) Missing() bool { return f != nil && f.Status == http.StatusNotFound }

// Conflict says that a document changed meanwhile, or exists already.
func (f *Failure) Conflict() bool { return f != nil && f.Status == http.StatusConflict }

// Busy says that the cluster has no room for the request now: queues are full, a circuit breaker is open, a disk is.
func (f *Failure) Busy() bool {
	return f != nil && (f.Status == http.StatusTooManyRequests || f.Status >= http.StatusInternalServerError)
}

// readFailure reads the body of an error. Elasticsearch puts an object or a sentence under "error"; a proxy anything.
func readFailure(status int, body []byte) *Failure {
	f := &Failure{Status: status, Type: http.StatusText(status)}
	var answer struct{ Error json.RawMessage }
	if json.Unmarshal(body, &answer) != nil {
		return f
	}
	var detail struct {
		Type, Reason, Index string

		Root []struct{ Reason string } `json:"root_cause"`
	}
	if json.Unmarshal(answer.Error, &detail) == nil {
		f.Type, f.Reason, f.Index = detail.Type, detail.Reason, detail.Index
		if len(detail.Root) > 0 && detail.Root[0].Reason != f.Reason {
			f.Root = detail.Root[0].Reason
		}
	} else if err := json.Unmarshal(answer.Error, &f.Reason); err != nil {
		f.Reason = ""
	}
	return f
}

// Unavailable makes an error of CodeUnavailable that asks to come back soon. The message may be shown to a client, the cause not.
func Unavailable(cause error, format string, args ...any) *audit.Error {
	return audit.Unavailable(cause, retrySoon, format, args...)
}

// ErrorOf is the error of the domain for a failure; engines use it for the items of a bulk, which fail one by one.
func ErrorOf(f *Failure) error { return failed(f) }

// failed is the error of the domain for what the cluster answered.
func failed(f *Failure) error {
	switch {
	case f.Type == "cluster_block_exception":
		return Unavailable(f, "%s", blockOf(f))
	case f.Status == http.StatusUnauthorized:
		return audit.Unavailable(f, retryLater, "Elasticsearch does not accept our credentials: check elastic.api_key, or elastic.username and elastic.password")
	case f.Status == http.StatusForbidden:
		return audit.Unavailable(f, retryLater, "Elasticsearch does not permit this: a privilege is missing (docs/elasticsearch.md lists them)")
	case f.Status == http.StatusNotFound:
		return audit.Unavailable(f, retryLater, "something is missing in Elasticsearch: run `audittrail setup`")
	case f.Status == http.StatusTooManyRequests:
		return Unavailable(f, "Elasticsearch has too much to do")
	case f.Status >= http.StatusInternalServerError:
		return Unavailable(f, "Elasticsearch cannot do this now")
	}
	return audit.WithCause(audit.CodeInternal, f, "Elasticsearch refused a request")
}

// blockOf says which block of the cluster or an index is in the way.
func blockOf(f *Failure) string {
	switch {
	case strings.Contains(f.Reason, "flood-stage"), strings.Contains(f.Reason, "read-only-allow-delete"), strings.Contains(f.Reason, "read_only_allow_delete"):
		return "Elasticsearch takes no more in: its disk is over the flood stage, and the index is read-only until there is room"
	case strings.Contains(f.Reason, "no master"), strings.Contains(f.Reason, "state not recovered"):
		return "the Elasticsearch cluster is not formed: it has no master"
	case strings.Contains(f.Reason, "read-only"), strings.Contains(f.Reason, "index write"):
		return "Elasticsearch takes no more in: the index was made read-only"
	}
	return "Elasticsearch blocks this request"
}

// reason says in the words of an operator why no answer came. It names no address.
func reason(err error) string {
	var (
		expired   x509.CertificateInvalidError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		dns       *net.DNSError
		record    tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &expired) && expired.Reason == x509.Expired:
		return "Elasticsearch's certificate has expired, or is not valid yet"
	case errors.As(err, &authority):
		return "Elasticsearch's certificate is signed by an authority that is not trusted: name it with elastic.ca_file or elastic.fingerprint"
	case errors.As(err, &host):
		return "Elasticsearch's certificate is for another host name"
	case errors.Is(err, errFingerprint):
		return "Elasticsearch's certificate does not have the fingerprint of elastic.fingerprint"
	case errors.As(err, &dns):
		return "the host name of Elasticsearch is not known"
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "Elasticsearch does not speak TLS at this address: elastic.urls says https"
	}
	return "Elasticsearch does not answer"
}
