package request

import (
	"mime"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/oauth"
)

const formType = "application/x-www-form-urlencoded"

// Body returns an urlencoded body. The media type is compared as RFC 9110 §8.3.1 asks: without regard to case and parameters.
func Body(c *fiber.Ctx) (string, error) {
	// Never c.Body, which unpacks what is compressed: a few hundred bytes could become gigabytes.
	if c.Get(fiber.HeaderContentEncoding) != "" {
		return "", fiber.ErrUnsupportedMediaType
	}
	body := string(c.Request().Body())
	kind := c.Get(fiber.HeaderContentType)
	if kind == "" && body == "" {
		return "", nil
	}
	mediaType, _, err := mime.ParseMediaType(kind)
	if err != nil || mediaType != formType {
		return "", oauth.InvalidRequest("The body has to be application/x-www-form-urlencoded.").
			Because(audit.Cause{Rule: "content_type", Expected: formType, Received: contentType(mediaType), Remedy: "Send the parameters as a form."})
	}
	return body, nil
}

// contentType keeps a media type that a client may have sent by mistake; anything else may be anything.
func contentType(mediaType string) audit.Received {
	switch mediaType {
	case "application/json", "multipart/form-data", "text/plain":
		return audit.Value(mediaType)
	}
	return audit.Shape(mediaType)
}

// Params reads the parameters of a machine's POST, from the body alone (RFC 6749 §2.3.1, §3.2).
func Params(c *fiber.Ctx) (oauth.Params, error) {
	body, err := Body(c)
	if err != nil {
		return oauth.Params{}, err
	}
	return parse(body)
}

// Query reads the parameters of a GET.
func Query(c *fiber.Ctx) (oauth.Params, error) { return parse(string(c.Request().URI().QueryString())) }

func parse(raw string) (oauth.Params, error) {
	p, e := oauth.ParseParams(raw)
	if e != nil {
		return p, e
	}
	return p, nil
}

// HTMX reports whether htmx asks for a part of the page. Boosted and history-restore requests want the page.
func HTMX(c *fiber.Ctx) bool {
	return c.Get("HX-Request") == "true" && c.Get("HX-Request-Type") == "partial"
}
