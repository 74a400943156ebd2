package notify

import (
	"embed"
	"html/template"
	"strings"
)

//go:embed frame.html mail.html code.html
var mailFiles embed.FS

// mails are the HTML parts of all mails; frame.html is what they have in common.
var mails = template.Must(template.ParseFS(mailFiles, "*.html"))

// html is the HTML part of a mail with a code.
func (c codeContent) html() (string, error) { return mailHTML("code.html", c) }

// html is the HTML part of a mail. It fetches nothing from anywhere.
func (c *content) html() (string, error) {
	return mailHTML("mail.html", struct {
		*content
		TestNote string
	}{c, testNote})
}

func mailHTML(name string, data any) (string, error) {
	var b strings.Builder
	if err := mails.ExecuteTemplate(&b, name, data); err != nil {
		return "", err
	}
	return b.String(), nil
}
