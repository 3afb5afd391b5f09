package request

import (
	"mime/multipart"
	"net/url"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
)

// ReadUpload reads the fields of a form with files, which CheckForm then finds. The files lie where fasthttp put them as they came:
// what is larger than 16 MiB on disk, until the request is answered.
func ReadUpload(c *fiber.Ctx) error {
	sent, err := c.Request().MultipartForm()
	if err != nil {
		return nil //nolint:nilerr // it is another kind of form, which CheckForm judges
	}
	form := url.Values{}
	for name, values := range sent.Value {
		for _, v := range append(values, name) {
			if !oauth.ValidText(v) {
				return fault.Fields{"": "The form holds bytes that are not text."}
			}
		}
		form[name] = values
	}
	c.Locals(formOf{}, form)
	return nil
}

// Upload is the file in a field of the form, nil if none was chosen.
func Upload(c *fiber.Ctx, field string) *multipart.FileHeader {
	sent, err := c.Request().MultipartForm()
	if err != nil || len(sent.File[field]) == 0 {
		return nil
	}
	return sent.File[field][0]
}
