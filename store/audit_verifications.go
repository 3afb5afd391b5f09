package store

import (
	"context"
	"encoding/json"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
)

const (
	// verifierSilence is how long nothing may be heard of a verification before it is taken for dead.
	verifierSilence = time.Minute
	// keepVerifications is how many stay to be looked at.
	keepVerifications = 20

	verifyLease = "verify audit log"
)

// VerificationRun is a verification of the audit log that somebody asked for in the console.
type VerificationRun struct {
	ID         string     `db:"id"`
	StartedAt  time.Time  `db:"started_at"`
	StartedBy  string     `db:"started_by"` // their username then
	SeenAt     time.Time  `db:"seen_at"`
	FinishedAt *time.Time `db:"finished_at"`
	audit.Verification
}

// Running reports whether it goes on.
func (r *VerificationRun) Running(at time.Time) bool {
	return r.FinishedAt == nil && at.Sub(r.SeenAt) < verifierSilence
}

// BeginVerification notes that a verification has begun. fault.Conflict if another goes on.
func (s *Store) BeginVerification(ctx context.Context, id, by string, at time.Time, event audit.Event) error {
	return s.InTx(ctx, func(tx *Store) error {
		held, err := tx.HoldLease(ctx, verifyLease, id, at, at.Add(verifierSilence))
		if err != nil {
			return err
		} else if !held {
			return fault.Conflict("verification", "")
		}
		if _, err := tx.exec(ctx, "verification", "DELETE FROM audit_verifications WHERE id NOT IN (SELECT id FROM audit_verifications ORDER BY started_at DESC LIMIT $1)", keepVerifications-1); err != nil {
			return err
		}
		return tx.insert(ctx, "verification", row{table: "audit_verifications", columns: "id, started_at, started_by, seen_at, result", value: map[string]any{
			"id": id, "started_at": at, "started_by": by, "seen_at": at, "result": jsonOf(audit.Verification{}),
		}}, eventOf(event, at))
	})
}

// NoteVerification notes how far a verification is.
func (s *Store) NoteVerification(ctx context.Context, id string, v audit.Verification, at time.Time) error {
	return s.InTx(ctx, func(tx *Store) error {
		if _, err := tx.HoldLease(ctx, verifyLease, id, at, at.Add(verifierSilence)); err != nil {
			return err
		}
		_, err := tx.exec(ctx, "verification", "UPDATE audit_verifications SET seen_at = $2, result = $3 WHERE id = $1", id, at, jsonOf(v))
		return err
	})
}

// FinishVerification notes what came of a verification, and lets the next begin.
func (s *Store) FinishVerification(ctx context.Context, id string, v audit.Verification, at time.Time, event audit.Event) error {
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.ReleaseLease(ctx, verifyLease, id); err != nil {
			return err
		}
		n, err := tx.exec(ctx, "verification", "UPDATE audit_verifications SET seen_at = $2, finished_at = $2, result = $3 WHERE id = $1", id, at, jsonOf(v))
		if err := mustChange("verification", n, err); err != nil {
			return err
		}
		return tx.record(ctx, event, at)
	})
}

// Verifications returns the latest verifications, newest first.
func (s *Store) Verifications(ctx context.Context, limit int) ([]VerificationRun, error) {
	var rows []struct {
		VerificationRun
		Result string `db:"result"`
	}
	err := s.all(ctx, "verification", &rows, `
		SELECT id, started_at, started_by, seen_at, finished_at, result FROM audit_verifications ORDER BY started_at DESC, id DESC LIMIT $1`, limited(limit))
	runs := make([]VerificationRun, len(rows))
	for i, r := range rows {
		runs[i] = r.VerificationRun
		if err := json.Unmarshal([]byte(r.Result), &runs[i].Verification); err != nil {
			return nil, failure("verification", err)
		}
	}
	return runs, err
}
