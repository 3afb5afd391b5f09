package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/jmoiron/sqlx"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
)

const attributeColumns = "key, label, type, required, own, scope, claim, position, created_at, updated_at, version"

// valuesOf reads a person's values with the person, as one object of JSON: keys hold nothing to escape, and values are JSON.
func valuesOf(userID string) string {
	return `COALESCE((SELECT '{' || string_agg('"' || v.key || '":' || v.value, ',') || '}' FROM user_attributes v JOIN attributes a ON a.key = v.key AND a.removal = '' WHERE v.user_id = ` + userID + "), '{}') AS attributes"
}

// Attributes returns all attributes, in their order.
func (s *Store) Attributes(ctx context.Context) (identity.Attributes, error) {
	var list identity.Attributes
	err := s.all(ctx, "attribute", &list, "SELECT "+attributeColumns+" FROM attributes WHERE removal = '' ORDER BY position, key")
	return list, err
}

// Attribute returns the attribute of this key.
func (s *Store) Attribute(ctx context.Context, key string) (*identity.Attribute, error) {
	var a identity.Attribute
	if err := s.get(ctx, "attribute", &a, "SELECT "+attributeColumns+" FROM attributes WHERE key = $1 AND removal = ''", key); err != nil {
		return nil, err
	}
	return &a, nil
}

// CreateAttribute adds an attribute. fault.Conflict names "key" or "claim" where another has it; fault.Fields "scope" if there is
// no such scope, or "" if there are too many attributes.
func (s *Store) CreateAttribute(ctx context.Context, a identity.Attribute, at time.Time, event audit.Event) error {
	a.CreatedAt, a.UpdatedAt, a.Version = at, at, 1
	return s.withScope(ctx, a.Scope, func(tx *Store) error {
		create := row{table: "attributes", columns: attributeColumns, value: a}
		few := "(SELECT COUNT(*) FROM attributes) < " + strconv.Itoa(identity.MaxAttributes)
		n, err := tx.act(ctx, "attribute", create.insert(few), revised(), eventOf(event, at))
		if err == nil && n == 0 {
			return fault.Fields{"": fmt.Sprintf("There are %d attributes already, which is as many as there can be.", identity.MaxAttributes)}
		}
		return err
	})
}

// UpdateAttribute changes all but key and type. a.Version is that of the attribute it was read as: fault.Conflict with an empty
// field if somebody was faster, and "claim" if another has it; fault.Fields "scope" if there is no such scope.
func (s *Store) UpdateAttribute(ctx context.Context, a identity.Attribute, at time.Time, event audit.Event) error {
	a.UpdatedAt = at
	return s.withScope(ctx, a.Scope, func(tx *Store) error {
		n, err := tx.act(ctx, "attribute", statement{`
			UPDATE attributes SET label = :label, required = :required, own = :own, scope = :scope, claim = :claim, position = :position,
				updated_at = :updated_at, version = version + 1
			WHERE key = :key AND version = :version`, a}, revised(), eventOf(event, at))
		if err != nil || n > 0 {
			return err
		}
		if _, err := tx.Attribute(ctx, a.Key); err != nil {
			return err
		}
		return fault.Conflict("attribute", "")
	})
}

// withScope does something that names the scope, if any, while it is not deleted. fault.Fields "scope" if it is gone.
func (s *Store) withScope(ctx context.Context, name string, do func(*Store) error) error {
	if name == "" {
		return do(s)
	}
	return s.InTx(ctx, func(tx *Store) error {
		n, err := tx.exec(ctx, "scope", "UPDATE scopes SET name = name WHERE name = $1 AND removal = ''", name)
		if err != nil {
			return err
		} else if n == 0 {
			return fault.Fields{"scope": "There is no such scope."}
		}
		return do(tx)
	})
}

// DeleteAttribute removes the attribute and everybody's value of it, which nobody sees from then on. Where they are many, a job
// deletes them.
func (s *Store) DeleteAttribute(ctx context.Context, key string, at time.Time, event audit.Event) error {
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.holdRemovable(ctx, audit.KindAttribute, key); err != nil {
			return err
		}
		if err := tx.remove(ctx, audit.KindAttribute, key, at, event); err != nil {
			return err
		}
		return tx.insert(ctx, "attribute", revised(), eventOf(event, at))
	})
}

// AttributeUsers counts the people who have a value of the attribute.
func (s *Store) AttributeUsers(ctx context.Context, key string) (n int64, err error) {
	err = s.get(ctx, "attribute", &n, "SELECT COUNT(*) FROM user_attributes WHERE key = $1", key)
	return n, err
}

// saveValues makes the person's values what they are to be; nil leaves them. fault.Fields if an attribute was deleted meanwhile.
func (s *Store) saveValues(ctx context.Context, userID string, before, after identity.Values) error {
	if after == nil {
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(after)) {
		if string(before[key]) == string(after[key]) {
			continue
		}
		n, err := s.exec(ctx, "attribute", `INSERT INTO user_attributes (user_id, key, value) SELECT $1, key, $3 FROM attributes WHERE key = $2 AND removal = ''
			ON CONFLICT (user_id, key) DO UPDATE SET value = excluded.value`, userID, key, string(after[key]))
		if fault.IsNotFound(err) || err == nil && n == 0 {
			return fault.Fields{"": "The attribute " + key + " was deleted meanwhile. Nothing was saved: open the page again."}
		}
		if err != nil {
			return err
		}
	}
	for key := range before {
		if after[key] != nil {
			continue
		}
		if _, err := s.exec(ctx, "attribute", "DELETE FROM user_attributes WHERE user_id = $1 AND key = $2", userID, key); err != nil {
			return err
		}
	}
	return nil
}

// readValues reads the values of some people at once.
func (s *Store) readValues(ctx context.Context, users []identity.User) error {
	if len(users) == 0 {
		return nil
	}
	ids := make([]string, len(users))
	for i := range users {
		ids[i], users[i].Attributes = users[i].ID, identity.Values{}
	}
	query, args, err := sqlx.In("SELECT user_id, key, value FROM user_attributes WHERE user_id IN (?) AND key IN (SELECT key FROM attributes WHERE removal = '')", ids)
	if err != nil {
		return err
	}
	var rows []struct {
		UserID string `db:"user_id"`
		Key    string `db:"key"`
		Value  string `db:"value"`
	}
	err = s.all(ctx, "attribute", &rows, dollars(query), args...)
	for _, r := range rows {
		users[slices.Index(ids, r.UserID)].Attributes[r.Key] = []byte(r.Value)
	}
	return err
}
