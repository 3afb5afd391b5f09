package store

import (
	"context"
	"encoding/json"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
)

// keepVerifications is how many stay to be looked at.
const keepVerifications = 20

// VerificationRun is a verification of the audit log that somebody asked for in the console. Whichever node has time carries it out.
type VerificationRun struct {
	ID         string     `db:"id"`
	AskedAt    time.Time  `db:"asked_at"`
	AskedBy    string     `db:"asked_by"`    // what they were called then
	SeenAt     *time.Time `db:"seen_at"`     // when whoever verifies was last heard of; nil until somebody does
	FinishedAt *time.Time `db:"finished_at"` // nil before
	audit.Verification
}

// AskVerification asks for a verification. fault.Conflict if one is under way.
func (s *Store) AskVerification(ctx context.Context, id, by string, at time.Time, event audit.Event) error {
	return s.InTx(ctx, func(tx *Store) error {
		if _, err := tx.exec(ctx, "house", "UPDATE house SET id = 1 WHERE id = 1"); err != nil { // of two that ask at once, one finds the other's
			return err
		}
		if _, err := tx.exec(ctx, "verification", `DELETE FROM audit_verifications WHERE finished_at IS NOT NULL AND id NOT IN (
			SELECT id FROM audit_verifications ORDER BY asked_at DESC, id DESC LIMIT $1)`, keepVerifications-1); err != nil {
			return err
		}
		n, err := tx.run(ctx, "verification", row{table: "audit_verifications", columns: "id, asked_at, asked_by, result", value: map[string]any{
			"id": id, "asked_at": at, "asked_by": by, "result": jsonOf(audit.Verification{}),
		}}.insert("NOT EXISTS (SELECT 1 FROM audit_verifications WHERE finished_at IS NULL)"))
		if err != nil {
			return err
		} else if n == 0 {
			return fault.Conflict("verification", "")
		}
		return tx.record(ctx, event, at)
	})
}

// AskedVerification is the oldest that is not finished; fault.NotFound if there is none.
func (s *Store) AskedVerification(ctx context.Context) (*VerificationRun, error) {
	runs, err := s.verifications(ctx, "WHERE finished_at IS NULL ORDER BY asked_at, id", 1)
	if err == nil && len(runs) == 0 {
		err = fault.NotFound("verification")
	}
	if err != nil {
		return nil, err
	}
	return &runs[0], nil
}

// NoteVerification notes how far a verification is.
func (s *Store) NoteVerification(ctx context.Context, id string, v audit.Verification, at time.Time) error {
	_, err := s.exec(ctx, "verification", "UPDATE audit_verifications SET seen_at = $2, result = $3 WHERE id = $1 AND finished_at IS NULL", id, at, jsonOf(v))
	return err
}

// FinishVerification notes what came of a verification, once.
func (s *Store) FinishVerification(ctx context.Context, id string, v audit.Verification, at time.Time, event audit.Event) error {
	n, err := s.act(ctx, "verification", statement{
		"UPDATE audit_verifications SET seen_at = :at, finished_at = :at, result = :result WHERE id = :id AND finished_at IS NULL",
		map[string]any{"id": id, "at": at, "result": jsonOf(v)},
	}, eventOf(event, at))
	return mustChange("verification", n, err)
}

// Verifications returns the latest verifications, newest first.
func (s *Store) Verifications(ctx context.Context, limit int) ([]VerificationRun, error) {
	return s.verifications(ctx, "ORDER BY asked_at DESC, id DESC", limit)
}

func (s *Store) verifications(ctx context.Context, which string, limit int) ([]VerificationRun, error) {
	var rows []struct {
		VerificationRun
		Result string `db:"result"`
	}
	err := s.all(ctx, "verification", &rows, "SELECT id, asked_at, asked_by, seen_at, finished_at, result FROM audit_verifications "+which+" LIMIT $1", limited(limit))
	runs := make([]VerificationRun, len(rows))
	for i, r := range rows {
		runs[i] = r.VerificationRun
		if err := json.Unmarshal([]byte(r.Result), &runs[i].Verification); err != nil {
			return nil, failure("verification", err)
		}
	}
	return runs, err
}
