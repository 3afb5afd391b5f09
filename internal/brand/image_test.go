package brand

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"gatehouse/internal/fault"
)

// square is a picture of one colour.
func square(width, height int) image.Image {
	picture := image.NewNRGBA(image.Rect(0, 0, width, height))
	for i := range picture.Pix {
		picture.Pix[i] = []byte{36, 82, 196, 255}[i%4]
	}
	return picture
}

func encoded(t *testing.T, encode func(b *bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// aWebP is a lossless WebP of one red pixel.
const aWebP = "UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="

func TestReadLogo_makesAPictureOfOurs(t *testing.T) {
	t.Parallel()
	webp, err := base64.StdEncoding.DecodeString(aWebP)
	if err != nil {
		t.Fatal(err)
	}
	hidden := append(encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, square(64, 32)) }), "<script>alert(1)</script>"...)
	for name, c := range map[string]struct {
		file          []byte
		width, height int
	}{
		"PNG":                   {encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, square(64, 32)) }), 64, 32},
		"JPEG":                  {encoded(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, square(300, 600), nil) }), 128, 256},
		"GIF":                   {encoded(t, func(b *bytes.Buffer) error { return gif.Encode(b, square(20, 20), nil) }), 20, 20},
		"WebP":                  {webp, 1, 1},
		"as wide as it may":     {encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, square(maxSide, 512)) }), 256, 64},
		"a line":                {encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, square(maxSide, 1)) }), 256, 1},
		"something behind it":   {hidden, 64, 32},
		"exactly as we keep it": {encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, square(256, 256)) }), 256, 256},
	} {
		made, err := ReadLogo(bytes.NewReader(c.file))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		picture, err := png.Decode(bytes.NewReader(made.PNG))
		if err != nil || picture.Bounds() != image.Rect(0, 0, c.width, c.height) {
			t.Errorf("%s: %v %v", name, picture.Bounds(), err)
		}
		if !IsHash(made.Hash) || made.Hash != ImageOf(made.PNG).Hash || bytes.Contains(made.PNG, []byte("script")) {
			t.Errorf("%s: %s", name, made.Hash)
		}
		if again, err := ReadLogo(bytes.NewReader(c.file)); err != nil || again.Hash != made.Hash {
			t.Errorf("%s: the same file makes another picture, %v", name, err)
		}
	}
}

func TestReadLogo_keepsTransparency(t *testing.T) {
	t.Parallel()
	picture := image.NewNRGBA(image.Rect(0, 0, 8, 8))
	picture.Set(3, 3, color.NRGBA{200, 10, 10, 255})
	made, err := Draw(picture)
	if err != nil {
		t.Fatal(err)
	}
	again, err := png.Decode(bytes.NewReader(made.PNG))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, alpha := again.At(0, 0).RGBA(); alpha != 0 {
		t.Error("what was transparent is not")
	}
	if r, _, _, alpha := again.At(3, 3).RGBA(); alpha != 0xffff || r>>8 != 200 {
		t.Error("what was opaque is not")
	}
}

// claiming is a PNG that says it is of this size, in the header alone.
func claiming(t *testing.T, width, height uint32) []byte {
	t.Helper()
	file := encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, square(1, 1)) })
	header := file[12:29] // IHDR and its thirteen bytes
	binary.BigEndian.PutUint32(header[4:], width)
	binary.BigEndian.PutUint32(header[8:], height)
	binary.BigEndian.PutUint32(file[29:], crc32.ChecksumIEEE(header))
	return file
}

func TestReadLogo_refusesWhatIsNoPictureOfAReasonableSize(t *testing.T) {
	t.Parallel()
	whole := encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, square(64, 64)) })
	for name, c := range map[string]struct {
		file []byte
		why  string
	}{
		"nothing":          {nil, "not empty"},
		"SVG":              {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), "no PNG"},
		"text":             {[]byte("hello"), "no PNG"},
		"BMP":              {append([]byte("BM"), make([]byte, 100)...), "no PNG"},
		"half of it":       {whole[:len(whole)/2], "damaged"},
		"a bomb":           {claiming(t, 50_000, 50_000), "50000 × 50000"},
		"a pixel too wide": {claiming(t, maxSide+1, 1), "at most 2048"},
		"a pixel too high": {claiming(t, 1, maxSide+1), "at most 2048"},
		"a false size":     {claiming(t, maxSide, maxSide), "damaged"},
		"too long":         {append(whole, make([]byte, MaxUpload)...), "larger than 1 MiB"},
	} {
		made, err := ReadLogo(bytes.NewReader(c.file))
		var wrong fault.Fields
		if made != nil || !errors.As(err, &wrong) || !strings.Contains(wrong["logo"], c.why) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLogoPath(t *testing.T) {
	t.Parallel()
	if LogoPath("") != "" || LogoPath("../../healthz?") != "" || AccentPath("") != "" {
		t.Error("nothing has an address")
	}
	for text, is := range map[string]bool{"": false, strings.Repeat("a", 64): true, strings.Repeat("A", 64): false, strings.Repeat("a", 63): false, strings.Repeat("g", 64): false} {
		if IsHash(text) != is {
			t.Errorf("%q", text)
		}
	}
}
