package store

import (
	"context"
	"encoding/base64"
	"time"

	"gatehouse/internal/brand"
	"gatehouse/internal/fault"
	"gatehouse/internal/policy"
)

// SaveImage keeps a picture. One that nothing shows is swept a day later.
func (s *Store) SaveImage(ctx context.Context, image brand.Image, at time.Time) error {
	_, err := s.exec(ctx, "image", "INSERT INTO images (hash, png, kept_at) VALUES ($1, $2, $3) ON CONFLICT (hash) DO UPDATE SET kept_at = excluded.kept_at",
		image.Hash, base64.StdEncoding.EncodeToString(image.PNG), at)
	return err
}

// Image returns a picture.
func (s *Store) Image(ctx context.Context, hash string) (*brand.Image, error) {
	var text string
	if err := s.get(ctx, "image", &text, "SELECT png FROM images WHERE hash = $1", hash); err != nil {
		return nil, err
	}
	png, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	return &brand.Image{Hash: hash, PNG: png}, nil
}

// showing runs what begins to show a picture, if it does. The picture is touched in the same transaction, so that no sweep that began
// before takes it away. A fault of the field if it was swept already.
func (s *Store) showing(ctx context.Context, hash, field string, at time.Time, then func(tx *Store) error) error {
	if hash == "" {
		return then(s)
	}
	return s.InTx(ctx, func(tx *Store) error {
		n, err := tx.exec(ctx, "image", "UPDATE images SET kept_at = $2 WHERE hash = $1", hash, at)
		if err != nil {
			return err
		} else if n == 0 {
			return fault.Fields{field: "The picture is not there any more: upload it again."}
		}
		return then(tx)
	})
}

// keepImages is how long a picture is kept that nothing shows: longer than a form is open.
const keepImages = 24 * time.Hour

// sweepImages takes a bound and how many rows at most. It asks for the time once more outside, where PostgreSQL looks again at a row that
// it waited for: somebody may have begun to show the picture.
const sweepImages = `DELETE FROM images WHERE kept_at < $1 AND hash IN (SELECT hash FROM images i WHERE kept_at < $1
	AND NOT EXISTS (SELECT 1 FROM clients WHERE logo = i.hash AND logo <> '')
	AND NOT EXISTS (SELECT 1 FROM settings WHERE name = '` + policy.LogoName + `' AND value = i.hash) ORDER BY kept_at LIMIT $2)`
