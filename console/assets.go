package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

//go:embed assets
var assetFiles embed.FS

// asset is a file that pages refer to, compressed once.
type asset struct {
	contentType string
	plain       []byte
	gzip        []byte
	brotli      []byte
	// version is of the content: it stands in the address, so that browsers may keep the file for ever.
	version string
}

// brotliLevel is where smaller files begin to cost the start of the server more than they are worth.
const brotliLevel = 9

// mustAssets reads the embedded files; it panics where it cannot.
func mustAssets() map[string]*asset {
	assets := map[string]*asset{}
	err := fs.WalkDir(assetFiles, "assets", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := assetFiles.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(text)
		a := &asset{contentType: mime.TypeByExtension(path.Ext(name)), plain: text, version: base64.RawURLEncoding.EncodeToString(sum[:9])}
		if a.contentType == "" || path.Ext(name) == ".md" {
			a.contentType = "text/plain; charset=utf-8"
		}
		a.gzip = fasthttp.AppendGzipBytesLevel(nil, text, fasthttp.CompressBestCompression)
		a.brotli = fasthttp.AppendBrotliBytesLevel(nil, text, brotliLevel)
		assets[strings.TrimPrefix(name, "assets/")] = a
		return nil
	})
	if err != nil {
		panic("console: " + err.Error())
	}
	return assets
}

// assetURL returns the address of an asset; templates refer to every asset by it.
func (con *Console) assetURL(name string) string {
	a, ok := con.assets[name]
	if !ok {
		panic("console: no asset " + name)
	}
	return "/assets/" + name + "?v=" + a.version
}

// serveAsset is GET /assets/*. It needs no session: there is nothing in the files that is anybody's.
func (con *Console) serveAsset(c *fiber.Ctx) error {
	c.Context().SetUserValue(routeKey{}, "/assets/*")
	a, ok := con.assets[c.Params("*")]
	if !ok {
		return fiber.ErrNotFound
	}
	header := &c.Response().Header
	header.Set(fiber.HeaderVary, fiber.HeaderAcceptEncoding)
	header.Set(fiber.HeaderETag, `"`+a.version+`"`)
	header.Set(fiber.HeaderCacheControl, "no-cache")
	if c.Query("v") == a.version {
		header.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	}
	if c.Get(fiber.HeaderIfNoneMatch) == `"`+a.version+`"` {
		return c.SendStatus(http.StatusNotModified)
	}
	header.SetContentType(a.contentType)
	accepts := c.Request().Header.Peek(fiber.HeaderAcceptEncoding)
	switch {
	case bytes.Contains(accepts, []byte("br")):
		header.Set(fiber.HeaderContentEncoding, "br")
		return c.Send(a.brotli)
	case bytes.Contains(accepts, []byte("gzip")):
		header.Set(fiber.HeaderContentEncoding, "gzip")
		return c.Send(a.gzip)
	}
	return c.Send(a.plain)
}
