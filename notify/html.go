package notify

import (
	_ "embed"
	"html/template"
	"strings"
)

//go:embed mail.html
var mailHTML string

var mailTemplate = template.Must(template.New("mail").Parse(mailHTML))

//go:embed code.html
var codeHTML string

var codeTemplate = template.Must(template.New("code").Parse(codeHTML))

// html is the HTML part of a mail with a code.
func (c codeContent) html() (string, error) {
	var b strings.Builder
	err := codeTemplate.Execute(&b, c)
	return b.String(), err
}

// html is the HTML part of a mail. It fetches nothing from anywhere.
func (c *content) html() (string, error) {
	var b strings.Builder
	data := struct {
		*content
		TestNote string
	}{c, testNote}
	if err := mailTemplate.Execute(&b, data); err != nil {
		return "", err
	}
	return b.String(), nil
}
