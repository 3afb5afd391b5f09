package audit

// Meaning is an action in words for people.
type Meaning struct {
	Action Action
	Words  string
	Group  string // a Group constant
}

// Groups that people look for events in.
const (
	GroupSignIn  = "Sign-in"
	GroupTokens  = "Tokens"
	GroupConsent = "Consent"
	GroupPeople  = "People"
	GroupClients = "Clients and APIs"
	GroupHouse   = "The server"
)

// Meanings are all actions in words, by group: the one table that lists, filters and exports read.
var Meanings = []Meaning{
	{SignInSucceeded, "Signed in", GroupSignIn},
	{SignInRefused, "Sign-in refused", GroupSignIn},
	{SudoGranted, "Password confirmed", GroupSignIn},
	{SudoRefused, "Password not confirmed", GroupSignIn},
	{SessionEnded, "Session ended", GroupSignIn},
	{SessionsEnded, "Sessions ended", GroupSignIn},
	{SignInUnlocked, "Sign-in unlocked", GroupSignIn},
	{LimitLifted, "Traffic limit lifted", GroupSignIn},

	{CodeIssued, "Code issued", GroupTokens},
	{CodeRedeemed, "Code redeemed", GroupTokens},
	{CodeReplayed, "Code used twice", GroupTokens},
	{TokenIssued, "Token issued to the client itself", GroupTokens},
	{ImplicitIssued, "Token issued implicitly", GroupTokens},
	{PasswordTraded, "Password traded for tokens", GroupTokens},
	{TokenRefreshed, "Token refreshed", GroupTokens},
	{TokenRetried, "Refresh retried", GroupTokens},
	{RefreshReplayed, "Refresh token used twice", GroupTokens},
	{TokenRevoked, "Access token revoked", GroupTokens},
	{FamilyEnded, "Token family ended", GroupTokens},
	{FamiliesEnded, "Token families ended", GroupTokens},
	{EndingBegun, "Ending of many begun", GroupTokens},
	{EndingFinished, "Ending of many finished", GroupTokens},
	{EndingCancelled, "Ending of many cancelled", GroupTokens},
	{EndingFailed, "Ending of many failed", GroupTokens},
	{ClientRevokedAll, "All tokens of a client revoked", GroupTokens},
	{AuthorizeRefused, "Authorization refused", GroupTokens},
	{TokenRefused, "Token request refused", GroupTokens},
	{RevokeRefused, "Revocation refused", GroupTokens},
	{IntrospectRefused, "Introspection refused", GroupTokens},
	{UserinfoRefused, "Userinfo refused", GroupTokens},
	{MeRefused, "Own profile refused", GroupTokens},

	{ConsentGiven, "Consent given", GroupConsent},
	{ConsentWithdrawn, "Consent withdrawn", GroupConsent},

	{UserCreated, "User created", GroupPeople},
	{UserUpdated, "User changed", GroupPeople},
	{UserDisabled, "User disabled", GroupPeople},
	{UserEnabled, "User enabled", GroupPeople},
	{UserPasswordChanged, "Password changed", GroupPeople},
	{UserResetLinkMade, "Password link made", GroupPeople},
	{UserPasswordReset, "Password reset", GroupPeople},
	{UserEnded, "Everything of a user ended", GroupPeople},
	{UserDeleted, "User deleted", GroupPeople},

	{UsersImportChecked, "Import of users checked", GroupPeople},
	{UsersImported, "Users imported", GroupPeople},
	{UsersImportCancelled, "Import of users cancelled", GroupPeople},
	{UsersExported, "Users exported", GroupPeople},

	{GroupCreated, "Group created", GroupPeople},
	{GroupUpdated, "Group changed", GroupPeople},
	{GroupDeleted, "Group deleted", GroupPeople},
	{GroupMemberAdded, "Added to a group", GroupPeople},
	{GroupMemberRemoved, "Taken out of a group", GroupPeople},

	{AttributeCreated, "Attribute created", GroupPeople},
	{AttributeUpdated, "Attribute changed", GroupPeople},
	{AttributeDeleted, "Attribute deleted", GroupPeople},

	{ClientCreated, "Client registered", GroupClients},
	{ClientUpdated, "Client changed", GroupClients},
	{ClientDisabled, "Client disabled", GroupClients},
	{ClientEnabled, "Client enabled", GroupClients},
	{ClientDeleted, "Client deleted", GroupClients},
	{ClientSecretAdded, "Client secret added", GroupClients},
	{ClientSecretRevoked, "Client secret revoked", GroupClients},
	{APICreated, "API registered", GroupClients},
	{APIUpdated, "API changed", GroupClients},
	{APIDeleted, "API deleted", GroupClients},
	{APISecretChanged, "API secret changed", GroupClients},
	{ScopeCreated, "Scope created", GroupClients},
	{ScopeUpdated, "Scope changed", GroupClients},
	{ScopeDeleted, "Scope deleted", GroupClients},

	{SetupCompleted, "Set-up completed", GroupHouse},
	{KeyRotated, "Signing keys rotated", GroupHouse},
	{KeyStaged, "Signing keys published ahead", GroupHouse},
	{KeyReplaced, "Signing keys replaced in an emergency", GroupHouse},
	{KeyRolledBack, "Signing key rolled back", GroupHouse},
	{KeyRetired, "Signing key taken out of use", GroupHouse},
	{KeyForgotten, "Signing key forgotten", GroupHouse},
	{AuditExported, "Audit log exported", GroupHouse},
	{AuditVerifyAsked, "Verifying the audit log begun", GroupHouse},
	{AuditVerified, "Audit log verified", GroupHouse},
	{SettingsChanged, "Settings changed", GroupHouse},
	{AccessDenied, "Access denied", GroupHouse},
	{RefusalsSuppressed, "Refusals only counted", GroupHouse},
}

var words = func() map[Action]string {
	all := make(map[Action]string, len(Meanings))
	for _, m := range Meanings {
		all[m.Action] = m.Words
	}
	return all
}()

// Words is the action in words; one that this version does not know stands for itself.
func (a Action) Words() string {
	if w := words[a]; w != "" {
		return w
	}
	return string(a)
}

// Known reports whether the vocabulary has the action.
func (a Action) Known() bool { return words[a] != "" }
