package request

import (
	"mime/multipart"
	"net/url"

	"github.com/gofiber/fiber/v2"
)

// ReadUpload reads the fields of a form with files, which CheckForm then finds. The files lie where fasthttp put them as they came:
// what is larger than 16 MiB on disk, until the request is answered.
func ReadUpload(c *fiber.Ctx) error {
	if c.Get(fiber.HeaderContentEncoding) != "" { // as in Body: fasthttp would unpack it, whoever sent it
		return fiber.ErrUnsupportedMediaType
	}
	sent, err := c.Request().MultipartForm()
	if err != nil {
		return nil //nolint:nilerr // it is another kind of form, which CheckForm judges
	}
	form := url.Values(sent.Value)
	c.Locals(formOf{}, form)
	return readable(form)
}

// Upload is the file in a field of the form, nil if none was chosen.
func Upload(c *fiber.Ctx, field string) *multipart.FileHeader {
	sent, err := c.Request().MultipartForm()
	if err != nil || len(sent.File[field]) == 0 {
		return nil
	}
	return sent.File[field][0]
}
