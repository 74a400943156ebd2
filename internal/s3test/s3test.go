// Package s3test is an object store with the S3 API in the process of a test, which can be made to fail. It is not for production: it
// keeps everything in memory and checks of a signature only whose it says to be.
package s3test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// The credentials that the store accepts, the region it is said to be in, and the bucket that it has.
const (
	AccessKey = "AKIDEXAMPLE"
	SecretKey = "wJalrXUtnFEMI-K7MDENG-EXAMPLEKEY"
	Region    = "eu-central-1"
	Bucket    = "files"
)

// Environment is what a program that uses the store has in its environment.
func Environment() map[string]string {
	return map[string]string{"AWS_ACCESS_KEY_ID": AccessKey, "AWS_SECRET_ACCESS_KEY": SecretKey, "AWS_REGION": Region}
}

// Store is a running object store.
type Store struct {
	// Host is where it listens, as host:port, without TLS.
	Host    string
	backend *s3mem.Backend
	status  atomic.Int64
	hang    atomic.Bool
}

// New starts a store with an empty Bucket. It ends with the test.
func New(t testing.TB) *Store {
	t.Helper()
	s := &Store{backend: s3mem.New()}
	if err := s.backend.CreateBucket(Bucket); err != nil {
		t.Fatal(err)
	}
	quiet := gofakes3.StdLog(log.New(io.Discard, "", 0))
	api := gofakes3.New(s.backend, gofakes3.WithLogger(quiet)).Server()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch status := int(s.status.Load()); {
		case status != 0:
			w.WriteHeader(status)
		case s.hang.Load():
			<-r.Context().Done()
		case !strings.Contains(r.Header.Get("Authorization"), "Credential="+AccessKey+"/"):
			w.WriteHeader(http.StatusForbidden)
		default:
			api.ServeHTTP(w, plainPart(r))
		}
	}))
	t.Cleanup(server.Close)
	s.Host = strings.TrimPrefix(server.URL, "http://")
	return s
}

// URL names the bucket, or a folder in it, as the setting exports_url does.
func (s *Store) URL(folder string) string {
	return strings.TrimSuffix("s3://"+Bucket+"/"+folder, "/") + "?endpoint=http://" + s.Host
}

// Fail makes the store answer everything with the status; 0 makes it work again.
func (s *Store) Fail(status int) { s.status.Store(int64(status)) }

// Hang makes the store take requests and not answer them.
func (s *Store) Hang(on bool) { s.hang.Store(on) }

// Put stores an empty object.
func (s *Store) Put(key string) error {
	_, err := s.backend.PutObject(Bucket, key, nil, strings.NewReader(""), 0, nil)
	return err
}

// Keys lists the keys of all objects.
func (s *Store) Keys() ([]string, error) {
	list, err := s.backend.ListBucket(Bucket, nil, gofakes3.ListBucketPage{})
	if err != nil {
		return nil, err
	}
	keys := make([]string, len(list.Contents))
	for i, object := range list.Contents {
		keys[i] = object.Key
	}
	return keys, nil
}

// plainPart takes the signatures of chunks out of an upload's part, which gofakes3 does for whole objects only.
func plainPart(r *http.Request) *http.Request {
	if !r.URL.Query().Has("partNumber") || !strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		return r
	}
	var plain bytes.Buffer
	if err := dechunk(&plain, bufio.NewReader(r.Body)); err != nil {
		return r // it answers that the length is wrong
	}
	plainer := r.Clone(r.Context())
	plainer.Body = io.NopCloser(&plain)
	plainer.ContentLength = int64(plain.Len())
	plainer.Header.Set("Content-Length", strconv.Itoa(plain.Len()))
	return plainer
}

// dechunk reads "<hexadecimal size>;chunk-signature=…\r\n<bytes>\r\n" until a chunk of size 0.
func dechunk(to io.Writer, from *bufio.Reader) error {
	for {
		line, err := from.ReadString('\n')
		if err != nil {
			return err
		}
		digits, _, found := strings.Cut(line, ";")
		size, err := strconv.ParseInt(digits, 16, 64)
		if err != nil || !found {
			return errors.Join(fmt.Errorf("%q begins no chunk", line), err)
		}
		if size == 0 {
			return nil
		}
		if _, err := io.CopyN(to, from, size); err != nil {
			return err
		}
		if _, err := from.Discard(len("\r\n")); err != nil {
			return err
		}
	}
}
