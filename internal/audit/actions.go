package audit

// Action names what happened, as noun.verb.
type Action string

// The vocabulary.
const (
	SetupCompleted Action = "setup.completed"

	SignInSucceeded Action = "signin.succeeded"
	SignInRefused   Action = "signin.refused"
	SudoGranted     Action = "sudo.granted"
	SudoRefused     Action = "sudo.refused"
	SessionEnded    Action = "session.ended"
	SessionsEnded   Action = "sessions.ended"
	SignInUnlocked  Action = "signin.unlocked"
	LimitLifted     Action = "limit.lifted"

	UserCreated         Action = "user.created"
	UserUpdated         Action = "user.updated"
	UserDisabled        Action = "user.disabled"
	UserEnabled         Action = "user.enabled"
	UserDeleted         Action = "user.deleted"
	UserEnded           Action = "user.everything_ended"
	UserPasswordChanged Action = "user.password_changed"
	UserResetLinkMade   Action = "user.reset_link_made"
	UserPasswordReset   Action = "user.password_reset"

	UsersImportChecked   Action = "users.import_checked"
	UsersImported        Action = "users.imported"
	UsersImportCancelled Action = "users.import_cancelled"
	UsersExported        Action = "users.exported"

	GroupCreated       Action = "group.created"
	GroupUpdated       Action = "group.updated"
	GroupDeleted       Action = "group.deleted"
	GroupMemberAdded   Action = "group.member_added"
	GroupMemberRemoved Action = "group.member_removed"

	AttributeCreated Action = "attribute.created"
	AttributeUpdated Action = "attribute.updated"
	AttributeDeleted Action = "attribute.deleted"

	ClientCreated       Action = "client.created"
	ClientUpdated       Action = "client.updated"
	ClientDisabled      Action = "client.disabled"
	ClientEnabled       Action = "client.enabled"
	ClientDeleted       Action = "client.deleted"
	ClientSecretAdded   Action = "client_secret.added"
	ClientSecretRevoked Action = "client_secret.revoked"
	ClientRevokedAll    Action = "client.tokens_revoked"

	APICreated       Action = "api.created"
	APIUpdated       Action = "api.updated"
	APIDeleted       Action = "api.deleted"
	APISecretChanged Action = "api.signing_secret_changed"

	ScopeCreated Action = "scope.created"
	ScopeUpdated Action = "scope.updated"
	ScopeDeleted Action = "scope.deleted"

	KeyRotated    Action = "signing_key.rotated"
	KeyStaged     Action = "signing_key.staged"
	KeyReplaced   Action = "signing_key.replaced" // in an emergency
	KeyRolledBack Action = "signing_key.rolled_back"
	KeyRetired    Action = "signing_key.retired"
	KeyForgotten  Action = "signing_key.forgotten"

	SettingsChanged Action = "settings.changed"

	ConsentGiven     Action = "consent.given"
	ConsentWithdrawn Action = "consent.withdrawn"

	CodeIssued        Action = "code.issued"
	CodeRedeemed      Action = "code.redeemed"
	CodeReplayed      Action = "code.replayed"
	ImplicitIssued    Action = "token.issued_implicitly"
	PasswordTraded    Action = "password.traded"
	TokenIssued       Action = "token.issued" // to a client that acts as itself
	TokenRefreshed    Action = "token.refreshed"
	TokenRetried      Action = "token.refresh_retried"
	RefreshReplayed   Action = "token.refresh_replayed"
	TokenRevoked      Action = "token.revoked"
	FamilyEnded       Action = "family.ended"
	FamiliesEnded     Action = "families.ended"
	EndingBegun       Action = "ending.begun" // of all that fits a filter
	EndingFinished    Action = "ending.finished"
	EndingCancelled   Action = "ending.cancelled"
	EndingFailed      Action = "ending.failed"
	AuthorizeRefused  Action = "authorize.refused"
	TokenRefused      Action = "token.refused"
	RevokeRefused     Action = "revoke.refused"
	IntrospectRefused Action = "introspect.refused"
	UserinfoRefused   Action = "userinfo.refused"
	MeRefused         Action = "me.refused"
	AccessDenied      Action = "access.denied"

	AuditExported    Action = "audit.exported"
	AuditVerifyAsked Action = "audit.verification_begun"
	AuditVerified    Action = "audit.verified"

	// RefusalsSuppressed stands for Event.Count refusals of one network and client that came faster than they are kept.
	RefusalsSuppressed Action = "refusals.suppressed"
)
