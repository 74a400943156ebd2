package api

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"gopkg.in/yaml.v3"
)

//go:embed openapi.yaml
var contract []byte

//go:embed docs.html
var docsPage string

// documents are the contract and its page, made once.
type documents struct {
	contract []byte
	page     []byte
	policy   string // of the page's contents
}

// mustDocuments makes the documents; it panics where the embedded contract cannot be read, which a test excludes.
func mustDocuments(version string) documents {
	text := contract
	if version != "" {
		text = bytes.Replace(text, []byte("\n  version: dev\n"), []byte("\n  version: "+quoteYAML(version)+"\n"), 1)
	}
	page, err := renderDocs(text)
	if err != nil {
		panic(fmt.Sprintf("api: openapi.yaml: %v", err))
	}
	return documents{contract: text, page: page, policy: stylePolicy(page)}
}

func quoteYAML(v string) string { return "'" + strings.ReplaceAll(v, "'", "''") + "'" }

// The parts of the contract that the page shows.
type (
	contractDoc struct {
		Info struct {
			Title       string `yaml:"title"`
			Version     string `yaml:"version"`
			Description string `yaml:"description"`
		} `yaml:"info"`
		Tags []struct {
			Name        string `yaml:"name"`
			Description string `yaml:"description"`
		} `yaml:"tags"`
		Paths      yaml.Node `yaml:"paths"`
		Components struct {
			Parameters map[string]parameterDoc `yaml:"parameters"`
		} `yaml:"components"`
	}
	operationDoc struct {
		Tags        []string               `yaml:"tags"`
		Summary     string                 `yaml:"summary"`
		Description string                 `yaml:"description"`
		Scope       string                 `yaml:"x-scope"`
		Parameters  []parameterDoc         `yaml:"parameters"`
		Responses   map[string]responseDoc `yaml:"responses"`
	}
	parameterDoc struct {
		Ref         string `yaml:"$ref"`
		Name        string `yaml:"name"`
		In          string `yaml:"in"`
		Required    bool   `yaml:"required"`
		Description string `yaml:"description"`
	}
	responseDoc struct {
		Ref         string `yaml:"$ref"`
		Description string `yaml:"description"`
	}
)

// What the template shows.
type (
	docsView struct {
		Title, Version, Description string
		Sections                    []docsSection
	}
	docsSection struct {
		Name, Description string
		Operations        []docsOperation
	}
	docsOperation struct {
		Method, Path, Anchor, Summary, Description, Scope string
		Parameters                                        []parameterDoc
		Responses                                         []string
	}
)

// renderDocs makes the page from the contract.
func renderDocs(text []byte) ([]byte, error) {
	var doc contractDoc
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	view := docsView{Title: doc.Info.Title, Version: doc.Info.Version, Description: doc.Info.Description}
	for _, tag := range doc.Tags {
		view.Sections = append(view.Sections, docsSection{Name: tag.Name, Description: tag.Description})
	}
	for i := 0; i+1 < len(doc.Paths.Content); i += 2 { // a mapping node: keys and values by turns, in the order of the file
		if err := doc.addPath(&view, doc.Paths.Content[i].Value, doc.Paths.Content[i+1]); err != nil {
			return nil, err
		}
	}
	page, err := template.New("docs").Parse(docsPage)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = page.Execute(&b, view)
	return b.Bytes(), err
}

func (doc *contractDoc) addPath(view *docsView, path string, node *yaml.Node) error {
	for i := 0; i+1 < len(node.Content); i += 2 {
		method := node.Content[i].Value
		var op operationDoc
		if err := node.Content[i+1].Decode(&op); err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		at := slices.IndexFunc(view.Sections, func(s docsSection) bool { return len(op.Tags) > 0 && s.Name == op.Tags[0] })
		if at < 0 {
			return fmt.Errorf("%s %s has no tag that is listed", method, path)
		}
		shown := docsOperation{Method: strings.ToUpper(method), Path: path, Anchor: method + strings.NewReplacer("/", "-", "{", "", "}", "").Replace(path),
			Summary: op.Summary, Description: op.Description, Scope: op.Scope}
		for _, p := range op.Parameters {
			if name, ok := strings.CutPrefix(p.Ref, "#/components/parameters/"); ok {
				p = doc.Components.Parameters[name]
			}
			shown.Parameters = append(shown.Parameters, p)
		}
		for _, status := range sorted(op.Responses) {
			text := op.Responses[status].Description
			if text == "" {
				text = strings.TrimPrefix(op.Responses[status].Ref, "#/components/responses/")
			}
			shown.Responses = append(shown.Responses, status+" "+text)
		}
		view.Sections[at].Operations = append(view.Sections[at].Operations, shown)
	}
	return nil
}

// showContract is GET /openapi.yaml.
func (s *Server) showContract(r *request) error {
	return r.body(http.StatusOK, "application/yaml; charset=utf-8", s.docs.contract)
}

// showDocs is GET /docs.
func (s *Server) showDocs(r *request) error {
	r.c.Response().Header.Set(fiber.HeaderContentSecurityPolicy, s.docs.policy)
	return r.body(http.StatusOK, "text/html; charset=utf-8", s.docs.page)
}
