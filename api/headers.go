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

// setHeaders sets what every answer carries, whoever answers: pages and documents change the policy of contents to what they need.
func (s *Server) setHeaders(c *fiber.Ctx, id string) {
	header := &c.Response().Header
	header.Set(fiber.HeaderXRequestID, id)
	header.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	header.Set(fiber.HeaderXFrameOptions, "DENY")
	header.Set(fiber.HeaderCacheControl, "no-store")
	header.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'")
	header.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	header.Set(fiber.HeaderPermissionsPolicy, permissions)
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
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
