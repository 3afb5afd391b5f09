package store

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
)

// bulkBatch is how many rows one transaction adds: memory is bounded, and what it costs to begin and end one is shared.
const bulkBatch = 100_000

// Bulk fills a database that nobody uses yet with a great many rows, as they are given: no events are written, ids and times
// are taken as they stand, and nothing is checked but what the database checks. What is derived from a row is derived as
// everywhere else. A fill that fails leaves the batches before in the database.
type Bulk struct{ s *Store }

// NewBulk fills the store's database.
func NewBulk(s *Store) Bulk { return Bulk{s} }

// Users adds people.
func (b Bulk) Users(ctx context.Context, users iter.Seq[identity.User]) (int64, error) {
	return fill(ctx, b.s, "user", users, wholeUser)
}

// Clients adds applications.
func (b Bulk) Clients(ctx context.Context, clients iter.Seq[oauth.Client]) (int64, error) {
	return fill(ctx, b.s, "client", clients, wholeClient)
}

// ClientSecrets adds secrets of applications.
func (b Bulk) ClientSecrets(ctx context.Context, secrets iter.Seq[oauth.ClientSecret]) (int64, error) {
	return fill(ctx, b.s, "client secret", secrets, func(secret oauth.ClientSecret) row {
		return newSecret(secret, secret.CreatedAt)
	})
}

// ClientUse is when an application was last used.
type ClientUse struct {
	ClientID   string    `db:"client_id"`
	LastUsedAt time.Time `db:"last_used_at"`
}

// ClientUses adds when applications were last used.
func (b Bulk) ClientUses(ctx context.Context, uses iter.Seq[ClientUse]) (int64, error) {
	return fill(ctx, b.s, "last use", uses, func(u ClientUse) row {
		return row{table: "client_uses", columns: "client_id, last_used_at", value: u}
	})
}

// Sessions adds sessions.
func (b Bulk) Sessions(ctx context.Context, sessions iter.Seq[identity.Session]) (int64, error) {
	return fill(ctx, b.s, "session", sessions, func(session identity.Session) row {
		return row{table: "sessions", columns: sessionColumns, value: session}
	})
}

// SessionClients adds the clients that people signed in to through sessions.
func (b Bulk) SessionClients(ctx context.Context, clients iter.Seq[SessionClient]) (int64, error) {
	return fill(ctx, b.s, "session client", clients, func(c SessionClient) row { return signedInTo(c.SessionID, c.ID)[0] })
}

// Consents adds what people allowed, one scope each.
func (b Bulk) Consents(ctx context.Context, consents iter.Seq[oauth.Consent]) (int64, error) {
	return fill(ctx, b.s, "consent", func(yield func(row) bool) {
		for c := range consents {
			for _, r := range consentRows(c, c.UpdatedAt) {
				if !yield(r) {
					return
				}
			}
		}
	}, func(r row) row { return r })
}

// Families adds families, without their refresh tokens.
func (b Bulk) Families(ctx context.Context, families iter.Seq[oauth.Family]) (int64, error) {
	return fill(ctx, b.s, "family", families, func(f oauth.Family) row { return row{table: "families", columns: familyColumns, value: f} })
}

// RefreshTokens adds refresh tokens of families.
func (b Bulk) RefreshTokens(ctx context.Context, tokens iter.Seq[oauth.RefreshToken]) (int64, error) {
	return fill(ctx, b.s, "refresh token", tokens, func(t oauth.RefreshToken) row { return refreshTokenRow(t, t.FamilyID) })
}

// Events adds events.
func (b Bulk) Events(ctx context.Context, events iter.Seq[audit.Event]) (int64, error) {
	return fill(ctx, b.s, "audit event", events, func(e audit.Event) row { return eventOf(e, e.At) })
}

// Done lets the database take note of how much there is now.
func (b Bulk) Done(ctx context.Context) error {
	if b.s.dialect == SQLite {
		var busy, log, moved int64
		return failure("database", b.s.db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &moved))
	}
	_, err := b.s.db.ExecContext(ctx, "ANALYZE")
	return failure("database", err)
}

var errGoneBy = errors.New("the database was in use: fill it while nobody uses it")

// fill adds the rows of the values in batches, and tells how many. All rows are of one table.
func fill[T any](ctx context.Context, s *Store, what string, all iter.Seq[T], rowOf func(T) row) (total int64, err error) {
	next, stop := iter.Pull(all)
	defer stop()
	for value, more := next(); more; {
		n, begun := int64(0), false
		first := rowOf(value)
		err := s.addBatch(ctx, first, func(add func(row) error) error {
			if begun { // a neighbour lost the transaction, and the rows have gone by
				return errGoneBy
			}
			begun = true
			for ; more && n < bulkBatch; n++ {
				if err := add(rowOf(value)); err != nil {
					return err
				}
				value, more = next()
			}
			return nil
		})
		if err != nil {
			return total, failure(what, err)
		}
		total += n
	}
	return total, nil
}

// addBatch adds rows like the first in one transaction.
func (s *Store) addBatch(ctx context.Context, first row, rows func(add func(row) error) error) error {
	columns := &wanted{list: strings.Split(first.columns, ", ")}
	query := "INSERT INTO " + first.table + " (" + first.columns + ") VALUES (?" + strings.Repeat(", ?", len(columns.list)-1) + ")"
	if s.dialect == PostgreSQL {
		query = "COPY " + first.table + " (" + first.columns + ") FROM STDIN"
	}
	return s.InTx(ctx, func(tx *Store) error {
		q, unbroken := tx.q.(sqlx.PreparerContext), context.WithoutCancel(ctx) // a statement is not interrupted: see writer
		if s.dialect == SQLite {
			// Indexes whose keys come in no order are written to all over: keep them in memory, not only a page of each.
			if _, err := tx.q.ExecContext(unbroken, "PRAGMA cache_size = -262144"); err != nil { // KiB
				return err
			}
			defer tx.q.ExecContext(unbroken, "PRAGMA cache_size = -2000") //nolint:errcheck // the default; it costs memory alone
		}
		statement, err := q.PrepareContext(unbroken, query) //nolint:sqlclosecheck // it is, below
		if err != nil {
			return err
		}
		defer statement.Close()
		err = rows(func(r row) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			args, err := columns.of(r.value)
			if err == nil {
				args, err = values(args)
			}
			if err == nil {
				_, err = statement.ExecContext(unbroken, args...)
			}
			return err
		})
		if err == nil && s.dialect == PostgreSQL {
			_, err = statement.ExecContext(unbroken) // the end of COPY
		}
		return err
	})
}
