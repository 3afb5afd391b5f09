package store_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/brand"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/internal/policy"
	"gatehouse/internal/secret"
	"gatehouse/store"
	"gatehouse/store/storetest"
)

// A change is a verb of the store that changes something, in the world that furnished makes.
type change struct {
	verb string // the method's name, and what is special about it
	do   func(s *store.Store) error
	// inParts: each statement stands for itself, and what the failing one left the next try does.
	inParts bool
	// world is what there is instead of furnished.
	world func(t testing.TB, s *store.Store)
}

// changes are all of them: TestFaults_everyVerbIsTried finds one that is missing.
var changes = []change{
	{verb: "AddClientSecret", do: func(s *store.Store) error {
		return s.AddClientSecret(ctx, oauth.ClientSecret{ID: "second", ClientID: "app", Hash: "second-hash"}, noon, event(audit.ClientSecretAdded))
	}},
	{verb: "AddImportRows", do: importIn(store.JobStaging, func(s *store.Store, id string) error {
		return s.AddImportRows(ctx, id, []store.ImportRow{{Line: 7, Data: "{}", UsernameKey: "new"}, {Line: 8, Data: "{}", UsernameKey: "newer"}})
	})},
	{verb: "AddSigningKeys", do: func(s *store.Store) error {
		return s.AddSigningKeys(ctx, []keys.SigningKey{{KID: "one", CreatedAt: noon, ActiveFrom: noon}, {KID: "two", CreatedAt: noon, ActiveFrom: noon}}, event(audit.KeyRotated))
	}},
	{verb: "AskVerification", do: func(s *store.Store) error {
		return s.AskVerification(ctx, "new", "ada", noon, event(audit.AuditVerifyAsked))
	}},
	{verb: "AddMember", do: func(s *store.Store) error {
		return s.AddMember(ctx, "staff", "ada", noon, event(audit.GroupMemberAdded))
	}},
	{verb: "ApplyImport", do: importIn(store.JobWaiting, func(s *store.Store, id string) error {
		return s.ApplyImport(ctx, id, noon, event(audit.UsersImported))
	})},
	{verb: "BeginAttempt", do: func(s *store.Store) error {
		_, _, err := s.BeginAttempt(ctx, identity.Counter{Key: "tried"}, noon)
		return err
	}},
	{verb: "BeginEnding", do: func(s *store.Store) error {
		_, _, err := s.BeginEnding(ctx, store.KindEndSessions, store.Ending{UserID: "bob"}, 1, "form", noon, event(audit.EndingBegun))
		return err
	}},
	{verb: "BeginFamily", do: func(s *store.Store) error {
		b := oauth.Beginning{
			Family: family("new", "bob", "bob-session"), First: &oauth.RefreshToken{Hash: "new-0", CreatedAt: noon}, CheckedHash: "hash",
			Consent: &oauth.Consent{UserID: "bob", ClientID: "app", Scopes: oauth.Scopes{"email"}},
		}
		token := opaque("new", "new-family", "bob")
		b.Access = &token
		return s.BeginFamily(ctx, b, event(audit.PasswordTraded), event(audit.ConsentGiven))
	}},
	{verb: "BindInteraction", do: func(s *store.Store) error { return s.BindInteraction(ctx, "unbound", "browser", noon) }},
	{verb: "CancelJob", do: importIn(store.JobWaiting, func(s *store.Store, id string) error {
		return s.CancelJob(ctx, id, noon, event(audit.UsersImportCancelled))
	})},
	{verb: "CancelEnding", do: inEnding(func(s *store.Store, id string) error {
		return s.CancelEnding(ctx, id, noon, event(audit.EndingCancelled))
	})},
	{verb: "ChangePassword", do: func(s *store.Store) error {
		c := store.PasswordChange{UserID: "bob", OldHash: "hash", NewHash: "new", KeepSession: "bob-session", KeepDevice: "bob-session-device"}
		return s.ChangePassword(ctx, c, noon, event(audit.UserPasswordChanged))
	}},
	{verb: "CheckImport", do: importIn(store.JobStaging, func(s *store.Store, id string) error {
		return s.CheckImport(ctx, id, 2, noon, event(audit.UsersImportChecked))
	})},
	{verb: "ChangeSigningKeys", do: func(s *store.Store) error {
		seen := []keys.SigningKey{signingKey("leaked"), signingKey("forgotten")} // as they were once
		lost := seen[0]
		lost.PrivateSealed, lost.CompromisedAt = "", &noon
		return s.ChangeSigningKeys(ctx, seen, keys.Change{Added: []keys.SigningKey{signingKey("new")}, Updated: []keys.SigningKey{lost}, Removed: []string{"forgotten"}}, event(audit.KeyReplaced))
	}},
	{verb: "ClaimMasterKey", do: func(s *store.Store) error { return s.ClaimMasterKey(ctx, "key") }},
	{verb: "CompleteSetup", world: func(t testing.TB, s *store.Store) { must(t, s.SaveSetupLink(ctx, "seed", "link")) }, do: func(s *store.Store) error {
		return s.CompleteSetup(ctx, "link", identity.User{ID: "ada", Username: "ada", Role: identity.RoleAdmin}, noon, event(audit.SetupCompleted))
	}},
	{verb: "CountDaily", do: func(s *store.Store) error {
		_, err := s.CountDaily(ctx, identity.Counter{Key: "tried"}, noon)
		return err
	}},
	{verb: "CountWrongVerifier", do: func(s *store.Store) error { return s.CountWrongVerifier(ctx, "unused", 5, noon) }},
	{verb: "CountWrongVerifier, the last", do: func(s *store.Store) error { return s.CountWrongVerifier(ctx, "unused", 1, noon) }},
	{verb: "CreateAPI", do: func(s *store.Store) error {
		a := orders()
		a.ID, a.Identifier = "mail", "https://mail.example.org"
		return s.CreateAPI(ctx, a, []oauth.Scope{{Name: "send", Description: "Send"}, {Name: "fetch", Description: "Fetch"}}, noon, event(audit.APICreated))
	}},
	{verb: "CreateAttribute", do: func(s *store.Store) error {
		a := identity.Attribute{Key: "level", Label: "Level", Type: identity.TypeNumber, Scope: "profile", Claim: "level"}
		return s.CreateAttribute(ctx, a, noon, event(audit.AttributeCreated))
	}},
	{verb: "CreateClient", do: func(s *store.Store) error {
		c := oauth.Client{ID: "new", Name: "New", Scopes: oauth.Scopes{"openid"}}
		return s.CreateClient(ctx, c, &oauth.ClientSecret{ID: "new-secret", Hash: "h"}, noon, event(audit.ClientCreated))
	}},
	{verb: "CreateGroup", do: func(s *store.Store) error {
		return s.CreateGroup(ctx, identity.Group{ID: "new", Name: "New"}, noon, event(audit.GroupCreated))
	}},
	{verb: "CreateResetLink", do: func(s *store.Store) error {
		return s.CreateResetLink(ctx, identity.ResetLink{Hash: "newer", UserID: "bob", ExpiresAt: noon.Add(time.Hour)}, noon, event(audit.UserResetLinkMade))
	}},
	{verb: "CreateScope", do: func(s *store.Store) error {
		return s.CreateScope(ctx, oauth.Scope{Name: "audit", Description: "Read all"}, noon, event(audit.ScopeCreated))
	}},
	{verb: "CreateScope, for a group", do: func(s *store.Store) error {
		return s.CreateScope(ctx, oauth.Scope{Name: "audit", Description: "Read all", Groups: oauth.Words{"staff"}}, noon, event(audit.ScopeCreated))
	}},
	{verb: "CreateSession", do: func(s *store.Store) error {
		return s.CreateSession(ctx, signIn(identity.Session{ID: "new", TokenHash: "new", UserID: "bob"}, "device"), noon, event(audit.SignInSucceeded))
	}},
	{verb: "CreateUser", do: func(s *store.Store) error {
		return s.CreateUser(ctx, identity.User{ID: "eve", Username: "eve", Role: identity.RoleUser}, noon, event(audit.UserCreated))
	}},
	{verb: "CreateUser, the first", world: func(t testing.TB, s *store.Store) { must(t, s.SaveSetupLink(ctx, "seed", "link")) }, do: func(s *store.Store) error {
		return s.CreateUser(ctx, identity.User{ID: "ada", Username: "ada", Role: identity.RoleAdmin}, noon, event(audit.UserCreated))
	}},
	{verb: "DeleteAPI", do: func(s *store.Store) error { return s.DeleteAPI(ctx, "orders", noon, event(audit.APIDeleted)) }},
	{verb: "DeleteAttribute", do: func(s *store.Store) error {
		return s.DeleteAttribute(ctx, "sites", noon, event(audit.AttributeDeleted))
	}},
	{verb: "DeleteClient", do: func(s *store.Store) error { return s.DeleteClient(ctx, "app", noon, event(audit.ClientDeleted)) }},
	{verb: "DeleteSavedFilter", do: func(s *store.Store) error { return s.DeleteSavedFilter(ctx, "bob", "kept") }},
	{verb: "DeleteGroup", do: func(s *store.Store) error { return s.DeleteGroup(ctx, "staff", noon, event(audit.GroupDeleted)) }},
	{verb: "DeleteScope", do: func(s *store.Store) error {
		return s.DeleteScope(ctx, "spare", noon, event(audit.ScopeDeleted))
	}},
	{verb: "DeleteUser", do: func(s *store.Store) error { return s.DeleteUser(ctx, "bob", noon, event(audit.UserDeleted)) }},
	{verb: "DisableClient", do: func(s *store.Store) error { return s.DisableClient(ctx, "app", noon, event(audit.ClientDisabled)) }},
	{verb: "DisableUser", do: func(s *store.Store) error { return s.DisableUser(ctx, "bob", noon, event(audit.UserDisabled)) }},
	{verb: "DeleteACMEEntry", do: func(s *store.Store) error { return s.DeleteACMEEntry(ctx, "account") }},
	{verb: "DoJobPart", do: importIn(store.JobQueued, func(s *store.Store, id string) error { _, err := s.DoJobPart(ctx, id, noon); return err })},
	{verb: "DoJobPart, of an ending", do: inEnding(func(s *store.Store, id string) error { _, err := s.DoJobPart(ctx, id, noon.Add(time.Hour)); return err })},
	{verb: "DropForm", do: func(s *store.Store) error { return s.DropForm(ctx, "browser") }},
	{verb: "EnableClient", do: func(s *store.Store) error { return s.EnableClient(ctx, "closed", noon, event(audit.ClientEnabled)) }},
	{verb: "EnableUser", do: func(s *store.Store) error { return s.EnableUser(ctx, "dan", noon, event(audit.UserEnabled)) }},
	{verb: "EndClientSessions", do: func(s *store.Store) error {
		_, err := s.EndClientSessions(ctx, "app", "why", noon, event(audit.SessionsEnded))
		return err
	}},
	{verb: "EndFamiliesOfUser", do: func(s *store.Store) error {
		_, err := s.EndFamiliesOfUser(ctx, "bob", "why", noon, event(audit.FamiliesEnded))
		return err
	}},
	{verb: "EndFamily", do: func(s *store.Store) error {
		return s.EndFamily(ctx, "offline-family", oauth.EndedByReplay, noon, event(audit.RefreshReplayed))
	}},
	{verb: "EndSession", do: func(s *store.Store) error {
		return s.EndSession(ctx, "bob-session", "signed_out", noon, event(audit.SessionEnded))
	}},
	{verb: "EndSessions", do: func(s *store.Store) error {
		_, err := s.EndSessions(ctx, "bob", "", "why", noon, event(audit.SessionsEnded))
		return err
	}},
	{verb: "EndUser", do: func(s *store.Store) error {
		_, err := s.EndUser(ctx, "bob", oauth.EndedByOperator, noon, event(audit.UserEnded))
		return err
	}},
	{verb: "EraseEvents", inParts: true, world: deletedAndSealed, do: func(s *store.Store) error { _, err := s.EraseEvents(ctx, ownChain(), nil); return err }},
	{verb: "ExpireSeals", inParts: true, world: sweptAndSealed, do: func(s *store.Store) error {
		return s.ExpireSeals(ctx, ownChain(), noon.Add(40*day), audit.DefaultRetention(), nil)
	}},
	{verb: "FinishVerification", world: verifying, do: func(s *store.Store) error {
		return s.FinishVerification(ctx, "one", audit.Verification{Events: 7}, noon, event(audit.AuditVerified))
	}},
	{verb: "FailJob", do: importIn(store.JobStaging, func(s *store.Store, id string) error { return s.FailJob(ctx, id, "why", noon) })},
	{verb: "FailJob, of an ending", do: inEnding(func(s *store.Store, id string) error { return s.FailJob(ctx, id, "why", noon) })},
	{verb: "ForgiveAttempt", inParts: true, do: func(s *store.Store) error { return s.ForgiveAttempt(ctx, "tried", "tried too") }},
	{verb: "HoldLease", do: func(s *store.Store) error {
		_, err := s.HoldLease(ctx, "free", "node", noon, noon.Add(time.Minute))
		return err
	}},
	{verb: "HoldLease, again", do: func(s *store.Store) error {
		_, err := s.HoldLease(ctx, "sweep", "node", noon, noon.Add(time.Hour))
		return err
	}},
	{verb: "InTx", do: func(s *store.Store) error {
		return s.InTx(ctx, func(tx *store.Store) error {
			if _, err := tx.RevokeClientTokens(ctx, "app", "why", noon, event(audit.ClientRevokedAll)); err != nil {
				return err
			}
			return tx.EndSession(ctx, "bob-session", "why", noon, event(audit.SessionEnded))
		})
	}},
	{verb: "Flush", do: func(s *store.Store) error {
		store.ForgetCounts(s)
		s.Count(event(audit.TokenIssued))
		s.NoteSecretUse("app", "app-secret", noon)
		s.NoteJWKSFetch(noon)
		return s.Flush(ctx)
	}},
	{verb: "IssueCode", do: func(s *store.Store) error {
		consent := &oauth.Consent{UserID: "bob", ClientID: "app", Scopes: oauth.Scopes{"openid", "email"}}
		return s.IssueCode(ctx, code("new", "bob", "bob-session"), consent, event(audit.CodeIssued), event(audit.ConsentGiven))
	}},
	{verb: "KeepForm", do: func(s *store.Store) error {
		return s.KeepForm(ctx, store.KeptForm{BrowserHash: "another browser", UserID: "bob", Sealed: "sealed", ExpiresAt: noon.Add(time.Hour)})
	}},
	{verb: "KeepForm, another", do: func(s *store.Store) error {
		return s.KeepForm(ctx, store.KeptForm{BrowserHash: "browser", UserID: "bob", Sealed: "sealed later", ExpiresAt: noon.Add(time.Hour)})
	}},
	{verb: "MarkRefreshTokenPresented", do: func(s *store.Store) error {
		return s.MarkRefreshTokenPresented(ctx, "offline-family", "offline-0", noon)
	}},
	{verb: "NoteVerification", world: verifying, do: func(s *store.Store) error { return s.NoteVerification(ctx, "one", audit.Verification{Events: 7}, noon) }},
	{verb: "ProveSession", do: func(s *store.Store) error {
		return s.ProveSession(ctx, "bob-session", "bob", "hash", noon.Add(time.Minute), event(audit.SudoGranted))
	}},
	{verb: "RaisePasswordHash", do: func(s *store.Store) error { _, err := s.RaisePasswordHash(ctx, "bob", "hash", "stronger"); return err }},
	{verb: "Record", do: func(s *store.Store) error { return s.Record(ctx, event(audit.TokenRetried)) }},
	{verb: "RedeemCode", do: func(s *store.Store) error { return redeem(s, "unused", "bob", "bob-session") }},
	{verb: "ReleaseLease", do: func(s *store.Store) error { return s.ReleaseLease(ctx, "sweep", "node") }},
	{verb: "RemoveMember", do: func(s *store.Store) error {
		return s.RemoveMember(ctx, "staff", "bob", noon, event(audit.GroupMemberRemoved))
	}},
	{verb: "RenewSession", do: func(s *store.Store) error {
		session := identity.Session{ID: "bob-session", TokenHash: "renewed", UserID: "bob", AuthTime: noon, LastSeenAt: noon, ExpiresAt: noon.Add(time.Hour)}
		return s.RenewSession(ctx, signIn(session, "bob-session-device"), noon.Add(time.Minute), event(audit.SignInSucceeded))
	}},
	{verb: "ReplaceClientSecrets", do: func(s *store.Store) error {
		return s.ReplaceClientSecrets(ctx, "app", oauth.ClientSecret{ID: "second", Hash: "second-hash"}, noon, event(audit.ClientSecretAdded))
	}},
	{verb: "RevokeAccessToken", do: func(s *store.Store) error {
		return s.RevokeAccessToken(ctx, "jti", noon.Add(time.Hour), event(audit.TokenRevoked))
	}},
	{verb: "RevokeClientSecret", do: func(s *store.Store) error {
		return s.RevokeClientSecret(ctx, "app", "app-secret", noon, event(audit.ClientSecretRevoked))
	}},
	{verb: "RevokeClientTokens", do: func(s *store.Store) error {
		_, err := s.RevokeClientTokens(ctx, "app", "why", noon, event(audit.ClientRevokedAll))
		return err
	}},
	{verb: "RedeemCode, for an opaque token", do: func(s *store.Store) error {
		token := opaque("new", "unused-family", "bob")
		return s.RedeemCode(ctx, "unused", oauth.Beginning{Family: family("unused", "bob", "bob-session"), Access: &token}, event(audit.CodeRedeemed))
	}},
	{verb: "RotateRefreshToken", do: func(s *store.Store) error {
		return s.RotateRefreshToken(ctx, rotation("offline", "offline-0", "offline-1", 1), event(audit.TokenRefreshed))
	}},
	{verb: "RotateRefreshToken, for an opaque token", do: func(s *store.Store) error {
		r, token := rotation("offline", "offline-0", "offline-1", 1), opaque("new", "offline-family", "bob")
		r.Access = &token
		return s.RotateRefreshToken(ctx, r, event(audit.TokenRefreshed))
	}},
	{verb: "SaveACMEEntry", do: func(s *store.Store) error { return s.SaveACMEEntry(ctx, "account", "resealed", noon) }},
	{verb: "SaveAccessToken", do: func(s *store.Store) error {
		return s.SaveAccessToken(ctx, opaque("new", "offline-family", "bob"), event(audit.TokenRetried))
	}},
	{verb: "SaveFilter", do: func(s *store.Store) error {
		return s.SaveFilter(ctx, store.SavedFilter{UserID: "bob", List: "audit", Name: "Refused", Query: "outcome=refused"}, noon)
	}},
	{verb: "SaveInteraction", do: func(s *store.Store) error {
		return s.SaveInteraction(ctx, oauth.Interaction{Hash: "new", ClientID: "app", CreatedAt: noon, ExpiresAt: noon.Add(time.Hour)})
	}},
	{verb: "SaveSetupLink", do: func(s *store.Store) error { return s.SaveSetupLink(ctx, "seed", "link") }},
	{verb: "SealEvents", inParts: true, do: func(s *store.Store) error {
		_, err := s.SealEvents(ctx, ownChain(), noon.Add(time.Hour), audit.Late, nil)
		return err
	}},
	{verb: "Sweep", inParts: true, do: func(s *store.Store) error { _, err := s.Sweep(ctx, noon.Add(200*24*time.Hour), nil); return err }},
	{verb: "TouchSession", do: func(s *store.Store) error { return s.TouchSession(ctx, "bob-session", noon.Add(time.Minute)) }},
	{verb: "UpdateAPI", do: func(s *store.Store) error {
		a, err := s.APIByID(ctx, "orders")
		if err != nil {
			return err
		}
		a.Name, a.Version = "Renamed", 1 // as it was read once
		return s.UpdateAPI(ctx, *a, []oauth.Scope{{Name: "void", Description: "Void"}}, noon, event(audit.APIUpdated))
	}},
	{verb: "UpdateAttribute", do: func(s *store.Store) error {
		return s.UpdateAttribute(ctx, identity.Attribute{Key: "sites", Label: "Places", Version: 1}, noon, event(audit.AttributeUpdated))
	}},
	{verb: "UpdateGroup", do: func(s *store.Store) error {
		return s.UpdateGroup(ctx, identity.Group{ID: "staff", Name: "Everybody", Version: 1}, noon, event(audit.GroupUpdated))
	}},
	{verb: "UpdateScope", do: func(s *store.Store) error {
		return s.UpdateScope(ctx, oauth.Scope{Name: "write", Description: "Change orders", Version: 1}, noon, event(audit.ScopeUpdated))
	}},
	{verb: "UpdateClient", do: func(s *store.Store) error {
		return s.UpdateClient(ctx, oauth.Client{ID: "app", Name: "Renamed", Version: 1}, noon, event(audit.ClientUpdated))
	}},
	{verb: "Unblock", do: func(s *store.Store) error {
		return s.Unblock(ctx, store.Unblocking{ID: "one", What: "signin", Who: "192.0.2.1", At: noon}, event(audit.LimitLifted))
	}},
	{verb: "Unlock", do: func(s *store.Store) error {
		_, err := s.Unlock(ctx, "bob", noon, event(audit.SignInUnlocked))
		return err
	}},
	{verb: "SaveImage", do: func(s *store.Store) error {
		return s.SaveImage(ctx, brand.Image{Hash: "another picture", PNG: []byte("png")}, noon)
	}},
	{verb: "SaveSettings, with a logo", do: func(s *store.Store) error {
		return s.SaveSettings(ctx, "first", map[string]string{policy.LogoName: "picture"}, noon.Add(time.Hour), event(audit.SettingsChanged))
	}},
	{verb: "UpdateClient, with a logo", do: func(s *store.Store) error {
		return s.UpdateClient(ctx, oauth.Client{ID: "app", Name: "Renamed", Version: 1, Logo: "picture"}, noon.Add(time.Hour), event(audit.ClientUpdated))
	}},
	{verb: "CreateClient, with a logo", do: func(s *store.Store) error {
		return s.CreateClient(ctx, oauth.Client{ID: "new", Name: "New", Logo: "picture"}, nil, noon.Add(time.Hour), event(audit.ClientCreated))
	}},
	{verb: "SaveSettings", do: func(s *store.Store) error {
		return s.SaveSettings(ctx, "first", map[string]string{"code_ttl": "2m", "id_token_ttl": ""}, noon, event(audit.SettingsChanged))
	}},
	{verb: "SeeNode", do: func(s *store.Store) error {
		return s.SeeNode(ctx, store.Node{ID: "new", StartedAt: noon, SeenAt: noon})
	}},
	{verb: "ForgetNode", do: func(s *store.Store) error { return s.ForgetNode(ctx, "node") }},
	{verb: "UpdateUser", do: func(s *store.Store) error {
		return s.UpdateUser(ctx, identity.User{ID: "bob", Name: "Bobby", Role: identity.RoleUser, Version: 2}, noon, event(audit.UserUpdated))
	}},
	{verb: "UpdateUser, with attributes", do: func(s *store.Store) error {
		u := identity.User{ID: "bob", Name: "Bobby", Role: identity.RoleUser, Version: 2, Attributes: identity.Values{"dept": []byte(`"IT"`)}}
		return s.UpdateUser(ctx, u, noon, event(audit.UserUpdated))
	}, world: func(t testing.TB, s *store.Store) {
		addUser(t, s, "bob", identity.RoleUser)
		attributed(t, s)
	}},
	{verb: "UseResetLink", do: func(s *store.Store) error {
		return s.UseResetLink(ctx, "link", "fresh", noon, event(audit.UserPasswordReset))
	}},
	{verb: "WithdrawConsent", do: func(s *store.Store) error {
		return s.WithdrawConsent(ctx, "bob", "app", noon, event(audit.ConsentWithdrawn))
	}},
}

// others are the verbs that are not among the changes.
var others = map[string]string{
	"BeginImport": "TestFaults_aFileIsWholeOrForgotten",
	"StageImport": "TestFaults_aFileIsWholeOrForgotten",
	"Prepare":     "TestFaults_aMigrationThatFailedIsDoneByTheNext",
}

// reads change nothing.
var reads = []string{
	"ACMEEntry", "API", "APIByID", "APIs", "AccessToken", "AnyUser", "AskedVerification", "Attribute", "AttributeUsers", "Attributes", "AuditCheckpoints", "BusiestClients",
	"Catalog", "Client", "ClientBySecret", "ClientImpact", "ClientMilestones", "ClientSecrets", "ClientSummary", "ClientUses", "Clients",
	"LongestClientToken",
	"ClientsOfAPI", "ClientsNamed", "ClientsOfScope", "Close", "Code", "Consent", "ConsentPage", "Consents", "Count", "CountLiveSessions", "DB", "DailyFailures", "DatabaseInfo",
	"Dialect", "EachEvent", "Event", "EventPage", "Events", "EventsSince", "ExpiringEvents", "ExpiringSecrets", "Families", "Family", "FamilyImpact",
	"FamilyPage", "Group", "GroupByName", "GroupNames", "Groups", "GroupsOf", "Image", "ImportOutcomes", "Interaction", "Job", "Jobs", "KeptForm",
	"KnownDevice", "KnownDevices", "LastJWKSFetch", "LiveClientGrant", "LivePerson", "LiveSessions", "Lockouts", "MasterKeyID", "Members",
	"MigrationStatus", "Names", "Nodes", "NoteJWKSFetch", "NoteSecretUse", "Observe", "OnJob", "Offer", "Person", "Ping", "Pool", "QueuedJobs",
	"RefreshToken", "RefreshTokens", "RefusedLines", "Removing", "ResetLink", "RollupSums", "Rollups", "SavedFilters", "SchemaState", "Scope",
	"ScopeClients", "ScopeConsents", "Scopes", "Session", "SessionByToken", "SessionImpact", "SessionPage", "SetSessionIdle", "Settings",
	"SetupSeed", "SigningKeys", "Standing", "Unblockings", "User", "UserBySignIn", "UserByUsername", "UserImpact", "Users", "Verifications",
	"VerifyEvents", "WriteRefused", "WriteUsers",
}

// ownChain is the chain of a master key of these tests.
func ownChain() *audit.Chain {
	sealer, err := secret.NewSealer(make([]byte, 32))
	if err != nil {
		panic(err)
	}
	return store.NewAuditChain(sealer)
}

func deletedAndSealed(t testing.TB, s *store.Store) {
	t.Helper()
	addUser(t, s, "ada", identity.RoleAdmin)
	addUser(t, s, "bob", identity.RoleUser)
	log(t, s, noon, 3)
	must(t, s.DeleteUser(ctx, "bob", noon, event(audit.UserDeleted)))
	must1(s.SealEvents(ctx, ownChain(), noon.Add(2*time.Hour), audit.Late, nil))(t)
}

func sweptAndSealed(t testing.TB, s *store.Store) {
	t.Helper()
	log(t, s, noon, 6)
	must1(s.SealEvents(ctx, ownChain(), noon.Add(time.Hour), audit.Late, nil))(t)
	must(t, s.ExpireSeals(ctx, ownChain(), noon.Add(39*day), audit.DefaultRetention(), nil))
	must1(s.Sweep(ctx, noon.Add(40*day), nil))(t)
}

func verifying(t testing.TB, s *store.Store) {
	t.Helper()
	must(t, s.AskVerification(ctx, "one", "ada", noon, event(audit.AuditVerifyAsked)))
}

// furnished is a world in which every change finds something to change.
func furnished(t testing.TB, s *store.Store) {
	t.Helper()
	populated(t, s)
	addUser(t, s, "dan", identity.RoleUser)
	must(t, s.DisableUser(ctx, "dan", noon, event(audit.UserDisabled)))
	addClient(t, s, "closed")
	must(t, s.DisableClient(ctx, "closed", noon, event(audit.ClientDisabled)))
	must(t, s.CreateAPI(ctx, orders(), readAndWrite, noon, event(audit.APICreated)))
	must(t, s.CreateScope(ctx, oauth.Scope{Name: "spare", Description: "Spare"}, noon, event(audit.ScopeCreated)))
	for state, line := range map[string]string{store.JobStaging: "one", store.JobWaiting: "two", store.JobQueued: "three"} {
		job := must1(s.StageImport(ctx, strings.NewReader("username,groups\n"+line+",\n"+line+"s,\n"), store.ImportParams{File: state}, audit.Party{}, noon))(t)
		if state == store.JobStaging {
			continue
		}
		must(t, s.CheckImport(ctx, job.ID, 2, noon, event(audit.UsersImportChecked)))
		for more := true; more; {
			more = must1(s.DoJobPart(ctx, job.ID, noon))(t)
		}
		if state == store.JobQueued {
			must(t, s.ApplyImport(ctx, job.ID, noon, event(audit.UsersImported)))
		}
	}
	begun(t, s, store.KindEndFamilies, store.Ending{UserID: "bob"}, 2)
	must(t, s.CreateGroup(ctx, identity.Group{ID: "staff", Name: "Staff"}, noon, event(audit.GroupCreated)))
	must(t, s.AddMember(ctx, "staff", "bob", noon, event(audit.GroupMemberAdded)))
	attributed(t, s)
	must(t, s.SaveAccessToken(ctx, opaque("given", "bound-family", "bob")))
	must(t, s.SaveACMEEntry(ctx, "account", "sealed", noon))
	must(t, s.SaveImage(ctx, brand.Image{Hash: "picture", PNG: []byte("png")}, noon))
	must(t, s.AddSigningKeys(ctx, []keys.SigningKey{signingKey("leaked"), signingKey("forgotten")}, event(audit.KeyRotated)))
	must(t, s.KeepForm(ctx, store.KeptForm{BrowserHash: "browser", UserID: "bob", Sealed: "sealed", ExpiresAt: noon.Add(time.Hour)}))
	must(t, s.SaveFilter(ctx, store.SavedFilter{ID: "kept", UserID: "bob", List: "audit", Name: "Kept"}, noon))
	if !must1(s.HoldLease(ctx, "sweep", "node", noon, noon.Add(time.Minute)))(t) {
		t.Fatal("a free lease is not given")
	}
	consent := &oauth.Consent{UserID: "bob", ClientID: "app", Scopes: oauth.Scopes{"openid", "spare"}}
	must(t, s.IssueCode(ctx, code("unused", "bob", "bob-session"), consent))
	grant(t, s, "bound", "bob", "bob-session")
	grant(t, s, "offline", "bob", "")
	must(t, s.SaveInteraction(ctx, oauth.Interaction{Hash: "unbound", ClientID: "app", CreatedAt: noon, ExpiresAt: noon.Add(time.Hour)}))
	must(t, s.CreateResetLink(ctx, identity.ResetLink{Hash: "link", UserID: "bob", ExpiresAt: noon.Add(time.Hour)}, noon, event(audit.UserResetLinkMade)))
	must(t, s.RevokeAccessToken(ctx, "old", noon, event(audit.TokenRevoked)))
	must(t, s.SeeNode(ctx, store.Node{ID: "node", StartedAt: noon, SeenAt: noon}))
	for _, key := range []string{"tried", "tried too"} {
		_, _, err := s.BeginAttempt(ctx, identity.Counter{Key: key, Kind: identity.CountsNetwork, UserID: "bob", Network: "192.0.2.0/24"}, noon)
		must(t, err)
	}
}

// attributed gives bob values of attributes.
func attributed(t testing.TB, s *store.Store) {
	t.Helper()
	for _, key := range []string{"dept", "sites"} {
		must(t, s.CreateAttribute(ctx, identity.Attribute{Key: key, Label: key, Type: identity.TypeString}, noon, event(audit.AttributeCreated)))
	}
	bob := must1(s.User(ctx, "bob"))(t)
	bob.Attributes = identity.Values{"dept": []byte(`"Sales"`), "sites": []byte(`"Oslo"`)}
	must(t, s.UpdateUser(ctx, *bob, noon, event(audit.UserUpdated)))
}

// importIn does something to the furnished import in this state: each was of a file called so.
func importIn(state string, do func(s *store.Store, id string) error) func(*store.Store) error {
	return func(s *store.Store) error {
		jobs, err := s.Jobs(ctx, store.KindUserImport, 10)
		if err != nil {
			return err
		}
		for _, job := range jobs {
			if strings.Contains(job.Params, `"`+state+`"`) {
				return do(s, job.ID)
			}
		}
		return errors.New("no such import is furnished")
	}
}

// inEnding does something to the furnished ending.
func inEnding(do func(s *store.Store, id string) error) func(*store.Store) error {
	return func(s *store.Store) error {
		jobs, err := s.Jobs(ctx, store.KindEndFamilies, 1)
		if err != nil || len(jobs) == 0 {
			return errors.Join(err, errors.New("no ending is furnished"))
		}
		return do(s, jobs[0].ID)
	}
}

// A file that does not come to its end leaves a job that never checks or adds anybody.
func TestFaults_aFileIsWholeOrForgotten(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		_, err := s.StageImport(ctx, strings.NewReader("username\nada\n\""+strings.Repeat("x", 200<<10)), store.ImportParams{}, audit.Party{}, noon)
		var wrong fault.Fields
		if !errors.As(err, &wrong) {
			t.Fatal(err)
		}
		jobs := must1(s.Jobs(ctx, store.KindUserImport, 10))(t)
		if len(jobs) != 1 || jobs[0].State != store.JobFailed || len(must1(s.QueuedJobs(ctx))(t)) > 0 {
			t.Errorf("%+v", jobs)
		}
	})
}

// Each statement of each change fails once, in each way: nothing is ever half done, whoever asked is told no less and no more
// than what is known, and the next try does what was asked.
func TestFaults_aChangeHappensWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		o := b.Migrated(t)
		faults, o := storetest.WithFaults(o)
		s, beside := storetest.Open(t, o), storetest.NewBeside(t, o)
		empty := beside.Contents(t)
		furnished(t, s)
		usual := beside.Contents(t)
		for _, c := range changes {
			t.Run(c.verb, func(t *testing.T) {
				before := usual
				if c.world != nil {
					beside.Restore(t, empty)
					c.world(t, s)
					before = beside.Contents(t)
				}
				trial{s, faults, beside, before}.of(t, c)
			})
		}
	})
}

// A trial lets a change fail, again and again in the same world.
type trial struct {
	s      *store.Store
	faults *storetest.Faults
	beside *storetest.Beside
	before storetest.Contents
}

func (w trial) of(t *testing.T, c change) {
	attempt := func(n int, how storetest.Fault) (changes []string, struck string, err error) {
		w.beside.Restore(t, w.before)
		w.faults.Strike(n, how)
		err = c.do(w.s)
		struck = w.faults.Rest()
		return w.before.Changes(w.beside.Contents(t)), struck, err
	}
	whole, _, err := attempt(0, "")
	if err != nil || len(whole) == 0 {
		t.Fatalf("without a fault: %v, changed %q", err, whole)
	}
	for _, how := range storetest.EachFault {
		for n := 1; ; n++ {
			changed, struck, err := attempt(n, how)
			if struck == "" {
				if n == 1 || err != nil || !slices.Equal(changed, whole) {
					t.Errorf("after the last statement: %v, changed %q", err, changed)
				}
				break
			}
			done := slices.Equal(changed, whole)
			what := func() string { return string(how) + " at statement " + struck }
			unavailable := fault.AsUnavailable(err)
			switch {
			case !done && len(changed) > 0 && !c.inParts:
				t.Errorf("%s: half done:\n%q\nof\n%q", what(), changed, whole)
			case err == nil && !done:
				t.Errorf("%s: said to be done", what())
			case err == nil && (how == storetest.Refused || how == storetest.Failed):
				t.Errorf("%s: nobody noticed", what())
			case err != nil && done && how != storetest.Lost:
				t.Errorf("%s: done, but answered %v", what(), err)
			case err != nil && how != storetest.Failed && unavailable == nil:
				t.Errorf("%s: answered %v", what(), err)
			case done && unavailable != nil && !unavailable.Unknown:
				t.Errorf("%s: done, and said not to be: %v", what(), err)
			case how == storetest.Refused && struck != "COMMIT" && unavailable.Unknown:
				t.Errorf("%s: the database said no, and is said not to have answered: %v", what(), err)
			case fault.IsNotFound(err), fault.AsConflict(err) != nil, errors.Is(err, oauth.ErrSpent):
				t.Errorf("%s: taken for an answer: %v", what(), err)
			}
			if t.Failed() {
				return
			}
			if again := c.do(w.s); done && err != nil {
				// It was done and nobody knew: it is found done, or done once more, but never half.
				var fields fault.Fields
				if again != nil && !fault.IsNotFound(again) && fault.AsConflict(again) == nil && !errors.Is(again, oauth.ErrSpent) && !errors.As(again, &fields) {
					t.Errorf("%s: the next try is answered %v", what(), again)
				}
			} else if changed := w.before.Changes(w.beside.Contents(t)); !done && (again != nil || !slices.Equal(changed, whole)) {
				t.Errorf("%s: the next try is answered %v and changed\n%q\nnot\n%q", what(), again, changed, whole)
			}
		}
	}
}

func TestFaults_everyVerbIsTried(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, c := range changes {
		verb, _, _ := strings.Cut(c.verb, ",")
		known[verb] = true
	}
	for verb := range others {
		known[verb] = true
	}
	for _, verb := range reads {
		if known[verb] {
			t.Errorf("%s reads and changes", verb)
		}
		known[verb] = true
	}
	verbs := reflect.TypeFor[*store.Store]()
	for i := range verbs.NumMethod() {
		name := verbs.Method(i).Name
		if !known[name] {
			t.Errorf("%s is not tried: add it to changes, or to reads if it changes nothing", name)
		}
		delete(known, name)
	}
	for verb := range known {
		t.Errorf("there is no %s any more", verb)
	}
}

// A start that fails at its nth statement leaves whole steps of the schema behind it, and the next start goes on from there.
func TestFaults_aMigrationThatFailedIsDoneByTheNext(t *testing.T) {
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		const mine = 10 // what comes before is the table of goose, which tries that anew by itself and takes its time
		prepare := func(s *store.Store) error {
			return s.Prepare(ctx, func(ctx context.Context, tx *store.Store) error { return tx.SaveSetupLink(ctx, "seed", "link") })
		}
		o := b.Empty(t)
		must(t, prepare(storetest.Open(t, o)))
		want := storetest.NewBeside(t, o).Contents(t)
		for _, how := range storetest.EachFault {
			t.Run(string(how), func(t *testing.T) {
				faults, o := storetest.WithFaults(b.Empty(t))
				s := storetest.Open(t, o)
				starts, struck := 0, "once at least"
				for n := mine; struck != ""; n++ {
					faults.Strike(n, how)
					err := prepare(s)
					struck = faults.Rest()
					// The lock goes with its connection, whatever becomes of giving it back.
					unharmed := struck == "" || strings.Contains(struck, "pg_advisory_unlock")
					// Where a connection breaks before anything was done on it, the pool takes another.
					if (err == nil) != unharmed && (err != nil || struck != "BEGIN") {
						t.Fatalf("start %d: %q failed, and the start is answered %v", n, struck, err)
					}
					starts++
				}
				if starts < 10 {
					t.Errorf("it took %d starts", starts)
				}
				if state := must1(s.SchemaState(ctx))(t); state != store.SchemaCurrent {
					t.Errorf("the schema is %s", state)
				}
				if changes := want.Changes(storetest.NewBeside(t, o).Contents(t)); len(changes) > 0 {
					t.Errorf("it differs: %q", changes)
				}
			})
		}
	})
}
