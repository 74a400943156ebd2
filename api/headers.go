package api

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// permissions is what no page of ours asks a browser for, so that none that got into one can.
const permissions = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()"

// hsts has browsers come back by TLS only, for a year. Other hosts of the domain are not ours to decide for.
const hsts = "max-age=31536000"

// everyAnswer is what every answer carries besides its own id. The names are written as they are sent: to normalize them would cost more than to set them.
var everyAnswer = [...]struct{ name, value []byte }{
	{[]byte(fiber.HeaderXContentTypeOptions), []byte("nosniff")},
	{[]byte(fiber.HeaderXFrameOptions), []byte("DENY")},
	{[]byte(fiber.HeaderCacheControl), []byte("no-store")},
	{[]byte(fiber.HeaderContentSecurityPolicy), []byte("default-src 'none'; frame-ancestors 'none'")},
	{[]byte(fiber.HeaderReferrerPolicy), []byte("no-referrer")},
	{[]byte(fiber.HeaderPermissionsPolicy), []byte(permissions)},
	{[]byte("Cross-Origin-Opener-Policy"), []byte("same-origin")},
	{[]byte("Cross-Origin-Resource-Policy"), []byte("same-origin")},
}

// setHeaders sets what every answer carries, whoever answers: pages and documents change the policy of contents to what they need.
func (s *Server) setHeaders(c *fiber.Ctx, id string) {
	header := &c.Response().Header
	header.Set(fiber.HeaderXRequestID, id)
	for i := range everyAnswer {
		header.SetCanonical(everyAnswer[i].name, everyAnswer[i].value)
	}
	if s.SecureCookie() {
		header.Set(fiber.HeaderStrictTransportSecurity, hsts)
	}
}

// stylePolicy lets a page have the one style that is in it, and nothing else.
func stylePolicy(page []byte) string {
	_, rest, _ := strings.Cut(string(page), "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
