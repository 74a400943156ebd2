package blob

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"
	"gocloud.dev/blob"

	"github.com/audittrail/audittrail/audit"
)

// s3Scheme is that of buckets in an object store with the S3 API.
const s3Scheme = "s3"

const (
	// partBytes is how much of a file is held in memory and sent at once. S3 takes 10,000 parts: files of up to 78 GiB.
	partBytes = 8 << 20
	// s3Retries is how often a request is tried; with the waits in between that is some seconds.
	s3Retries = 5
	// s3Silence is how long the object store may take to begin an answer.
	s3Silence = 30 * time.Second
	// s3Check is how long the check at the start may take.
	s3Check = 10 * time.Second
)

// openS3 opens "s3://bucket/some/folder?endpoint=https://host&region=…&path_style=true". All but the bucket may be left out: without an
// endpoint it is Amazon's, and the region is the one of AWS_REGION or AWS_DEFAULT_REGION. Credentials come from the environment
// (AWS_ACCESS_KEY_ID …), the files of AWS_SHARED_CREDENTIALS_FILE or ~/.aws, or the machine's role, never from the URL.
//
// What the object store refuses for good (no such bucket, wrong key) is an error now; one that does not answer is not: it may be back
// before the first export.
func openS3(ctx context.Context, u *url.URL) (*Bucket, error) {
	store, err := newObjects(u)
	if err != nil {
		return nil, err
	}
	b := &Bucket{bucket: blob.NewBucket(store), objects: store}
	ctx, cancel := context.WithTimeout(ctx, s3Check)
	defer cancel()
	if code := refusal(store.check(ctx)); code != "" {
		_ = b.bucket.Close()
		return nil, audit.InvalidField("url", "names the bucket %q, which cannot be used: the object store answers %s", store.bucket, code)
	}
	return b, nil
}

func newObjects(u *url.URL) (*objects, error) {
	endpoint, secure, err := s3Endpoint(u)
	if err != nil {
		return nil, err
	}
	lookup, err := s3Lookup(u.Query())
	if err != nil {
		return nil, err
	}
	folder := strings.Trim(u.Path, "/")
	if folder != "" {
		if err := validate("url", folder); err != nil {
			return nil, err
		}
		folder += "/"
	}
	transport, err := minio.DefaultTransport(secure)
	if err != nil {
		return nil, audit.WithCause(audit.CodeInternal, err, "the object store's connection could not be prepared")
	}
	transport.ResponseHeaderTimeout = s3Silence
	client, err := minio.New(endpoint, &minio.Options{
		Creds: credentials.NewChainCredentials([]credentials.Provider{
			&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{},
		}),
		Secure: secure, Transport: transport, Region: s3Region(u.Query()), BucketLookup: lookup, MaxRetries: s3Retries,
	})
	if err != nil {
		return nil, audit.InvalidField("url", "has an endpoint that cannot be used: it must be like endpoint=https://minio.example.com:9000")
	}
	return &objects{core: minio.Core{Client: client}, bucket: u.Host, folder: folder, transport: transport}, nil
}

// s3Endpoint checks the URL and returns the host and port of the object store. No error repeats the URL: it may hold what should not be
// there.
func s3Endpoint(u *url.URL) (host string, secure bool, err error) {
	const like = "it must be like s3://bucket?endpoint=https://minio.example.com:9000&region=eu-central-1"
	if u.User != nil {
		return "", false, audit.InvalidField("url", "must not hold credentials: they come from AWS_ACCESS_KEY_ID and "+
			"AWS_SECRET_ACCESS_KEY, or the file of AWS_SHARED_CREDENTIALS_FILE")
	}
	if s3utils.CheckValidBucketNameStrict(u.Host) != nil || u.Fragment != "" {
		return "", false, audit.InvalidField("url", "names no bucket: "+like)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", false, audit.InvalidField("url", "has parameters that cannot be read: "+like)
	}
	for name, values := range query {
		if !slices.Contains([]string{"endpoint", "region", "path_style"}, name) || len(values) != 1 {
			return "", false, audit.InvalidField("url", "takes the parameters endpoint, region and path_style, each once")
		}
	}
	if !query.Has("endpoint") {
		if region := s3Region(query); region != "" {
			return fmt.Sprintf("s3.%s.amazonaws.com", region), true, nil
		}
		return "s3.amazonaws.com", true, nil
	}
	endpoint, err := url.Parse(query.Get("endpoint"))
	if err != nil || endpoint.Scheme != "http" && endpoint.Scheme != "https" || endpoint.Host == "" || endpoint.User != nil ||
		strings.Trim(endpoint.Path, "/") != "" || endpoint.RawQuery != "" || endpoint.Fragment != "" {
		return "", false, audit.InvalidField("url", "has an endpoint that is no address: "+like)
	}
	return endpoint.Host, endpoint.Scheme == "https", nil
}

func s3Lookup(query url.Values) (minio.BucketLookupType, error) {
	switch query.Get("path_style") {
	case "":
		return minio.BucketLookupAuto, nil
	case "true":
		return minio.BucketLookupPath, nil
	case "false":
		return minio.BucketLookupDNS, nil
	}
	return 0, audit.InvalidField("url", "has a path_style that is neither true nor false")
}

func s3Region(query url.Values) string {
	for _, region := range []string{query.Get("region"), os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")} {
		if region != "" {
			return region
		}
	}
	return ""
}
