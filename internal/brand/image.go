package brand

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	_ "image/gif"  // that image reads it
	_ "image/jpeg" // the same
	"image/png"
	"io"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp" // that image reads it

	"gatehouse/internal/fault"
)

const (
	// MaxUpload bounds a picture as it is sent, in bytes.
	MaxUpload = 1 << 20
	// maxSide bounds it in pixels, on each side: what is small as a file may fill the memory.
	maxSide = 2048
	// side is what a picture is made to fit.
	side = 256
)

// Image is a picture as we made it, by the SHA-256 of its bytes.
type Image struct {
	Hash string
	PNG  []byte
}

// ImageOf is the picture of these bytes.
func ImageOf(encoded []byte) *Image {
	sum := sha256.Sum256(encoded)
	return &Image{hex.EncodeToString(sum[:]), encoded}
}

// IsHash reports whether the text can be the hash of an Image.
func IsHash(text string) bool { return isHex(text, 2*sha256.Size) }

// LogoPath is where the picture is served; empty for none, and for what names none.
func LogoPath(hash string) string {
	if !IsHash(hash) {
		return ""
	}
	return "/brand/logo/" + hash + ".png"
}

// ReadLogo makes a picture of ours of one that somebody sends: a PNG, JPEG, GIF (of which the first picture counts) or WebP becomes a
// PNG of at most 256 pixels a side. Nothing of the file itself is kept, so nothing that hides in it is (security.md rule 17). What
// cannot be taken is a fault.Fields about the logo.
func ReadLogo(file io.Reader) (*Image, error) {
	sent, err := io.ReadAll(io.LimitReader(file, MaxUpload+1))
	if err != nil {
		return nil, err
	}
	refuse := func(why string) (*Image, error) { return nil, fault.Fields{"logo": why} }
	switch {
	case len(sent) == 0:
		return refuse("Choose a file that is not empty.")
	case len(sent) > MaxUpload:
		return refuse("The file is larger than 1 MiB: save it smaller.")
	}
	size, _, err := image.DecodeConfig(bytes.NewReader(sent))
	switch {
	case errors.Is(err, image.ErrFormat):
		return refuse("This is no PNG, JPEG, GIF or WebP picture.")
	case err != nil:
		return refuse("The picture is damaged.")
	case size.Width < 1 || size.Height < 1:
		return refuse("The picture is empty.")
	case size.Width > maxSide || size.Height > maxSide:
		return refuse(fmt.Sprintf("The picture has %d × %d pixels: at most %d on each side.", size.Width, size.Height, maxSide))
	}
	picture, _, err := image.Decode(bytes.NewReader(sent))
	if err != nil || picture.Bounds().Empty() {
		return refuse("The picture is damaged.")
	}
	return Draw(picture)
}

// Draw makes of a picture one as we keep it: smaller where it is too large, and never larger.
func Draw(picture image.Image) (*Image, error) {
	from := picture.Bounds()
	width, height := from.Dx(), from.Dy()
	if longest := max(width, height); longest > side {
		width, height = max(1, width*side/longest), max(1, height*side/longest)
	}
	out := image.NewNRGBA(image.Rect(0, 0, width, height))
	draw.CatmullRom.Scale(out, out.Bounds(), picture, from, draw.Src, nil)
	var encoded bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&encoded, out); err != nil {
		return nil, err
	}
	return ImageOf(encoded.Bytes()), nil
}
