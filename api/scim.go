package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/elimity-com/scim"
	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/elimity-com/scim/optional"
	"github.com/elimity-com/scim/schema"
	"github.com/gofiber/fiber/v2"

	"github.com/audittrail/audittrail/audit"
)

const (
	pathSCIM       = "/scim/v2"
	pathSCIMGroups = pathSCIM + "/Groups"
	contentSCIM    = "application/scim+json"
	// maxSCIMPage bounds a page, and maxSCIMScan how many members a filter that no index answers looks at.
	maxSCIMPage = 200
	maxSCIMScan = 100_000
	// maxSCIMFilter and maxSCIMNesting bound filters and paths before anything parses them.
	maxSCIMFilter     = 1000
	maxSCIMNesting    = 8
	maxSCIMOperations = 1000
	// maxSCIMGroupBytes bounds a request about a group: audit.MaxGroupMembers with a name and a reference each.
	maxSCIMGroupBytes = 4 << 20
)

func init() { schema.SetAllowStringValues(true) } // Entra sends booleans as strings: "False"

// What routes of SCIM may be asked.
var (
	scimParams     = []string{"attributes", "excludedAttributes"}
	scimListParams = []string{"filter", "startIndex", "count", "attributes", "excludedAttributes"}
)

// scimKey is where a request's scimCall stands in its context.
type scimKey struct{}

// scimCall is one request on its way through the SCIM library, which knows errors of its own only: err is what the handler meant.
type scimCall struct {
	*request
	s   *Server
	err error
	// brief says that the answer has no body where all went well.
	brief bool
}

func scimCallOf(r *http.Request) *scimCall { return r.Context().Value(scimKey{}).(*scimCall) }

// fails keeps the error of a handler for the answer.
func (c *scimCall) fails(err error) error {
	c.err = err
	return scimerrors.ScimErrorInternal
}

// scimServer is the library's server; what a request is about it takes from the request's context.
func scimServer(publicURL string) scim.Server {
	server, err := scim.NewServer(&scim.ServerArgs{
		ServiceProviderConfig: &scim.ServiceProviderConfig{MaxResults: maxSCIMPage, SupportFiltering: true, SupportPatch: true,
			AuthenticationSchemes: []scim.AuthenticationScheme{{Type: scim.AuthenticationTypeOauthBearerToken, Name: "API key",
				Description: "A key of the scope members, as Authorization: Bearer at_…", Primary: true}}},
		ResourceTypes: []scim.ResourceType{
			{ID: optional.NewString("User"), Name: "User", Endpoint: "/Users", Description: optional.NewString("Members of the organization"), Schema: scimUserSchema(),
				SchemaExtensions: []scim.SchemaExtension{{Schema: schema.ExtensionEnterpriseUser()}}, Handler: scimUsers{}},
			{ID: optional.NewString("Group"), Name: "Group", Endpoint: "/Groups", Description: optional.NewString("Departments of the organization"), Schema: schema.CoreGroupSchema(),
				Handler: scimGroups{}},
		},
	}, scim.WithBaseURL(publicURL+pathSCIM))
	if err != nil {
		panic(err) // the arguments are constants, which a test excludes
	}
	return server
}

// scimUserSchema is the library's, without secrets.
func scimUserSchema() schema.Schema {
	user := schema.CoreUserSchema()
	var kept schema.Attributes
	for _, a := range user.Attributes {
		if a.Name() != "password" && a.Name() != "x509Certificates" {
			kept = append(kept, a)
		}
	}
	user.Attributes = kept
	return user
}

// scim answers every route below /scim/v2.
func (s *Server) scim(r *request) error {
	in, err := r.scimRequest()
	if err != nil {
		return err
	}
	call := &scimCall{request: r, s: s}
	out := scimWriter{header: http.Header{}, status: http.StatusOK}
	s.directory.ServeHTTP(&out, in.WithContext(context.WithValue(r.ctx, scimKey{}, call)))
	if call.err != nil {
		return call.err
	}
	for _, name := range []string{fiber.HeaderETag, fiber.HeaderLocation} {
		if value := out.header.Get(name); value != "" {
			r.c.Response().Header.Set(name, value)
		}
	}
	return r.body(out.status, contentSCIM, out.body.Bytes())
}

// scimRequest is the request as the library takes it. What would cost it too much is refused here.
func (r *request) scimRequest() (*http.Request, error) {
	path, _, _ := strings.Cut(string(r.c.Request().RequestURI()), "?")
	if filter := r.query.Get("filter"); !modest(filter) {
		return nil, scimerrors.ScimErrorInvalidFilter
	}
	var body []byte
	switch r.c.Method() {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		if _, err := wantContent(&r.c.Request().Header, contentSCIM, fiber.MIMEApplicationJSON); err != nil {
			return nil, err
		}
		var err error
		if body, err = r.scimBody(path); err != nil {
			return nil, err
		}
	}
	method := r.c.Method()
	if method == http.MethodHead {
		method = http.MethodGet
	}
	in, err := http.NewRequestWithContext(r.ctx, method, "/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	// The library unescapes the id itself, so the path stays as it came.
	in.URL = &url.URL{Path: strings.TrimPrefix(path, "/scim"), RawQuery: r.query.Encode()}
	in.Header.Set(fiber.HeaderIfMatch, string(r.c.Request().Header.Peek(fiber.HeaderIfMatch)))
	return in, nil
}

// scimBody is the body of a request, where nothing about it costs too much.
func (r *request) scimBody(path string) ([]byte, error) {
	limit, ofGroup := maxJSONBytes, strings.HasPrefix(path, pathSCIMGroups)
	if ofGroup {
		limit = maxSCIMGroupBytes
	}
	given, done, err := decodedBody(r.c.Request(), limit)
	if audit.CodeOf(err) == audit.CodeTooLarge && ofGroup {
		return nil, audit.Errorf(audit.CodeTooLarge, "the body is over %d MiB: change the members of the group in several requests", limit>>20)
	}
	if err != nil {
		return nil, err
	}
	body := bytes.Clone(given)
	done()
	switch {
	case r.c.Method() == http.MethodPatch:
		err = modestPatch(body)
	case ofGroup:
		err = wholeGroup(body)
	}
	return body, err
}

// modest says whether a filter or path is short and flat enough to be parsed.
func modest(text string) bool {
	return len(text) <= maxSCIMFilter && strings.Count(text, "(")+strings.Count(text, "[") <= maxSCIMNesting
}

func modestPatch(body []byte) error {
	var patch struct {
		Operations []struct {
			Path  string
			Value json.RawMessage
		}
	}
	if json.Unmarshal(body, &patch) != nil {
		return scimerrors.ScimErrorInvalidSyntax
	}
	if len(patch.Operations) > maxSCIMOperations {
		return audit.InvalidField("Operations", "has %d entries; at most %d are allowed", len(patch.Operations), maxSCIMOperations)
	}
	for _, op := range patch.Operations {
		var paths map[string]json.RawMessage
		_ = json.Unmarshal(op.Value, &paths) // what is no object has no paths
		for path := range paths {
			if !modest(path) {
				return scimerrors.ScimErrorInvalidPath
			}
		}
		if !modest(op.Path) || len(paths) > maxSCIMOperations {
			return scimerrors.ScimErrorInvalidPath
		}
	}
	return nil
}

// scimWriter keeps what the library answers.
type scimWriter struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *scimWriter) Header() http.Header         { return w.header }
func (w *scimWriter) WriteHeader(status int)      { w.status = status }
func (w *scimWriter) Write(p []byte) (int, error) { return w.body.Write(p) }

// scimError is the error in SCIM's terms.
func scimError(err error) scimerrors.ScimError {
	var own scimerrors.ScimError
	if errors.As(err, &own) {
		return own
	}
	known := clientError(err)
	out := scimerrors.ScimError{Status: meanings[known.Code].status, Detail: known.Message}
	for _, f := range known.Fields {
		out.Detail += "; " + f.Field + ": " + f.Message
	}
	switch {
	case known.Code == audit.CodeInvalid:
		out.Status, out.ScimType = http.StatusBadRequest, scimerrors.ScimTypeInvalidValue
	case known.Code == audit.CodeMalformed:
		out.ScimType = scimerrors.ScimTypeInvalidSyntax
	case known.Code == audit.CodeConflict && len(known.Fields) > 0:
		out.ScimType = scimerrors.ScimTypeUniqueness
	}
	return out
}

// ofSCIM says whether a request that reached no endpoint is one of an identity provider.
func ofSCIM(c *fiber.Ctx) bool { return strings.HasPrefix(c.Path(), pathSCIM+"/") }

// failSCIM puts the body of SCIM's errors in place of the problem that fail wrote.
func (s *Server) failSCIM(c *fiber.Ctx, err error) {
	shown := scimError(err)
	body, marshalErr := json.Marshal(shown)
	if marshalErr != nil {
		return // strings always marshal; the problem stays
	}
	c.Response().SetStatusCode(shown.Status)
	c.Response().SetBody(body)
	c.Response().Header.SetContentType(contentSCIM)
}

// etag is a version as SCIM writes it.
func etag(version int64) string { return `W/"` + strconv.FormatInt(version, 10) + `"` }

// checkMatch compares the header If-Match, where it is given, with the version that is there.
func checkMatch(r *http.Request, version int64) error {
	given := strings.TrimSpace(r.Header.Get(fiber.HeaderIfMatch))
	if given == "" || given == "*" || strings.TrimPrefix(given, "W/") == strings.TrimPrefix(etag(version), "W/") {
		return nil
	}
	return scimerrors.ScimError{Status: http.StatusPreconditionFailed, Detail: "the resource was changed since you read it; its version is now " + etag(version)}
}
