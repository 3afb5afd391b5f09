package console

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/views/ui"
)

// SavedFilter is a filter that somebody keeps under a name.
type SavedFilter struct {
	ID, Name, Href string
	Current        bool // the list shows what it says
}

// VerificationData fills the page about verifying the audit log.
type VerificationData struct {
	Runs []VerificationRow // newest first
	Now  time.Time
}

// running is the verification under way, nil without one.
func (d VerificationData) running() *VerificationRow {
	for i := range d.Runs {
		if d.Runs[i].Finished.IsZero() {
			return &d.Runs[i]
		}
	}
	return nil
}

// latest is the newest that is finished, nil without one.
func (d VerificationData) latest() *VerificationRow {
	for i := range d.Runs {
		if !d.Runs[i].Finished.IsZero() {
			return &d.Runs[i]
		}
	}
	return nil
}

// earlier are those that finished before the latest.
func (d VerificationData) earlier() (rows []VerificationRow) {
	latest := d.latest()
	for i := range d.Runs {
		if r := &d.Runs[i]; r != latest && !r.Finished.IsZero() {
			rows = append(rows, *r)
		}
	}
	return rows
}

// VerificationRow is a verification of the audit log.
type VerificationRow struct {
	ID, By                string
	Asked, Seen, Finished time.Time // Seen and Finished may be zero
	audit.Verification
}

// silence is how long nothing is heard of a verification whose server has ended.
const silence = time.Minute

// progress says how far it is.
func (r *VerificationRow) progress(now time.Time) string {
	switch {
	case r.Seen.IsZero() && now.Sub(r.Asked) > silence:
		return "No server has begun yet. It begins as soon as one is up that does the housework."
	case r.Seen.IsZero():
		return "Waiting for a server to begin."
	case now.Sub(r.Seen) > silence:
		return "The server that was at it has ended. Another begins anew soon."
	}
	return fmt.Sprintf("%s of %s seals looked at.", ui.Number(r.done()), ui.Number(r.Of))
}

func (r *VerificationRow) done() int64 { return r.Events + r.Expired }

// state is what came of it, in a word and its tone.
func (r *VerificationRow) state() (tone, word string) {
	switch {
	case r.Finished.IsZero():
		return "accent", "Under way"
	case r.Whole():
		return "success", "Whole"
	}
	return "danger", "Not whole"
}

// found says what a finished verification proves.
func (r *VerificationRow) found() string {
	text := ui.Number(r.Events) + " events are what was sealed"
	if r.Events == 1 {
		text = "1 event is what was sealed"
	}
	if r.Expired > 0 {
		text += ", " + ui.Number(r.Expired) + " more have expired"
	}
	return text + "."
}

// tail says what is not proven yet.
func (r *VerificationRow) tail() string {
	if r.Unsealed == 0 {
		return "none"
	}
	return ui.Number(r.Unsealed) + ", the oldest of " + r.OldestOpen.UTC().Format("2 Jan 2006, 15:04:05") + " UTC"
}

// sealedUntil says how far events had been looked for.
func (r *VerificationRow) sealedUntil() string {
	if r.SealedUntil.IsZero() {
		return "nothing yet"
	}
	return r.SealedUntil.UTC().Format("2 Jan 2006, 15:04:05") + " UTC"
}

// ChangedField is what became of a field. Lists, whose members stand between spaces, tell what came and what went.
func ChangedField(field string, change audit.Change) Changed {
	c := Changed{Field: field, Words: fieldWords(field), Before: change.Before, After: change.After}
	before, after := strings.Fields(change.Before), strings.Fields(change.After)
	if !slices.Contains(listFields, field) || len(before)+len(after) < 2 {
		return c
	}
	for _, member := range before {
		if slices.Contains(after, member) {
			c.Members = append(c.Members, Member{member, "kept"})
		} else {
			c.Members = append(c.Members, Member{member, "gone"})
		}
	}
	for _, member := range after {
		if !slices.Contains(before, member) {
			c.Members = append(c.Members, Member{member, "new"})
		}
	}
	return c
}

// listFields are those whose values are lists.
var listFields = []string{"redirect_uris", "post_logout_redirect_uris", "scopes", "scope", "grant_types", "response_types", "contacts", "default_scopes", "audiences", "clients"}

// fieldWords is a field's name for people.
func fieldWords(field string) string {
	words := strings.ReplaceAll(field, "_", " ")
	for short, long := range map[string]string{"uris": "URIs", "uri": "URI", "id": "ID", "ids": "IDs", "api": "API", "pkce": "PKCE", "ip": "IP", "jwks": "JWKS", "mfa": "MFA", "url": "URL"} {
		all := strings.Fields(words)
		for i, w := range all {
			if w == short {
				all[i] = long
			}
		}
		words = strings.Join(all, " ")
	}
	if words == "" {
		return words
	}
	return strings.ToUpper(words[:1]) + words[1:]
}
