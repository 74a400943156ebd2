package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// get asks the API and reads its answer into out. An error of the API is a *problem.
func (r *request) get(path string, query url.Values, out any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return r.call(http.MethodGet, path, nil, nil, out)
}

// send asks the API for a change. in may be nil, out too.
func (r *request) send(method, path string, in, out any) error {
	return r.sendWith(nil, method, path, in, out)
}

// headerOnce carries the token of a form that makes something once.
const headerOnce = "Idempotency-Key"

// sendOnce asks for something that is made once for each key, however often the form is posted.
func (r *request) sendOnce(key, path string, in, out any) error {
	return r.sendWith(http.Header{headerOnce: {key}}, http.MethodPost, path, in, out)
}

func (r *request) sendWith(header http.Header, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("write the body of %s %s: %w", method, path, err)
		}
	}
	return r.call(method, path, header, body, out)
}

// origin says for whom a call is made.
type origin struct{ agent, request, address string }

// origin reads it from the request, which only one goroutine may do at a time. Where several are to make calls, settle comes first.
func (r *request) origin() origin {
	if r.settled != nil {
		return *r.settled
	}
	return origin{r.c.Get("User-Agent"), r.requestID(), r.c.Context().RemoteAddr().String()}
}

// settle makes it safe for several goroutines to make calls.
func (r *request) settle() {
	from := r.origin()
	r.settled = &from
}

func (r *request) call(method, path string, header http.Header, body []byte, out any) error {
	req, err := http.NewRequestWithContext(r.ctx, method, path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make the request %s %s: %w", method, path, err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	from := r.origin()
	req.Header.Set("User-Agent", from.agent)
	req.Header.Set("X-Request-ID", from.request)
	req.RemoteAddr = from.address
	answer, err := r.con.cfg.API.Call(r.by, req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	if answer.StatusCode >= http.StatusBadRequest {
		return problemOf(answer, text)
	}
	if out == nil || len(text) == 0 {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	return nil
}

func problemOf(answer *http.Response, text []byte) error {
	p := &problem{}
	if err := json.Unmarshal(text, p); err != nil {
		return fmt.Errorf("the API answered %d without a problem: %w", answer.StatusCode, err)
	}
	p.Status = answer.StatusCode
	p.RetryAfter, _ = strconv.Atoi(answer.Header.Get("Retry-After")) // absent: no advice
	return p
}
