package catcher

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"
)

// Mail is a mail that was caught.
type Mail struct {
	ReceivedAt time.Time
	// From and To are those of the envelope.
	From string
	To   []string
	// TLS says whether the conversation was encrypted; Username is who signed in, "" for nobody.
	TLS      bool
	Username string
	// Header holds the headers as they were sent, unfolded; Subject is decoded.
	Header  mail.Header
	Subject string
	Text    string
	HTML    string
	Raw     []byte
}

// parse fills in what follows from Raw.
func (m *Mail) parse() error {
	message, err := mail.ReadMessage(bytes.NewReader(m.Raw))
	if err != nil {
		return err
	}
	m.Header = message.Header
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject")); err != nil {
		return err
	}
	return m.part(message.Header.Get("Content-Type"), message.Header.Get("Content-Transfer-Encoding"), message.Body, 0)
}

// part reads one part and those within it.
func (m *Mail) part(contentType, encoding string, body io.Reader, depth int) error {
	if depth > 5 {
		return errors.New("parts within parts within parts")
	}
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			part, err := parts.NextRawPart()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := m.part(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part, depth+1); err != nil {
				return err
			}
		}
	}
	if strings.EqualFold(encoding, "quoted-printable") {
		body = quotedprintable.NewReader(body)
	} else if encoding != "" && !strings.EqualFold(encoding, "8bit") && !strings.EqualFold(encoding, "7bit") {
		return fmt.Errorf("transfer encoding %q", encoding)
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	switch kind {
	case "text/plain":
		m.Text = text
	case "text/html":
		m.HTML = text
	}
	return nil
}
