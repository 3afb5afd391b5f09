package oauth

// ErrorMeaning explains an error code to whoever follows error_uri; it depends on the code alone (security.md rule 14).
type ErrorMeaning struct {
	Title   string
	Meaning string
	Causes  []string
	Section string // where the code is defined
}

// ErrorMeanings are the codes this server answers with.
var ErrorMeanings = map[string]ErrorMeaning{
	"invalid_request": {"The request is malformed", "A parameter is missing, has a value it may not have, or came more than once.",
		[]string{"A required parameter such as response_type, grant_type or code is missing", "PKCE is required and code_challenge was not sent, or not with S256", "The body is not application/x-www-form-urlencoded"}, "RFC 6749 §4.1.2.1 and §5.2"},
	"invalid_client": {"The client could not be authenticated", "The server does not recognise the application, or its credentials do not hold.",
		[]string{"The request names no client, and none is set for such requests", "The client_id or the secret is wrong, expired or revoked", "The client uses another authentication method than it registered", "The client has been disabled"}, "RFC 6749 §5.2"},
	"invalid_grant": {"The code, refresh token or password does not hold", "What the application presented is invalid, expired, already used, or belongs to another client.",
		[]string{"The code was redeemed before, or more than a minute after it was issued", "redirect_uri is not the one of the authorization request", "code_verifier does not fit the code_challenge", "The refresh token was rotated and an old one was used", "The person signed out, withdrew consent or was disabled", "The username or the password is wrong, or the person may not use the password grant"}, "RFC 6749 §5.2"},
	"unauthorized_client": {"The client may not do this", "The application is known, but has not registered this grant or response type, or is disabled.",
		[]string{"The grant type is not among those of the client", "A public client asked for client_credentials"}, "RFC 6749 §4.1.2.1 and §5.2"},
	"unsupported_grant_type": {"The grant type is not supported", "The server does not know the grant_type, or has it switched off.",
		[]string{"grant_type is misspelt; it is case-sensitive", "password and implicit have to be switched on by the operator"}, "RFC 6749 §5.2"},
	"unsupported_response_type": {"The response type is not supported", "The server does not know the response_type, or has it switched off.",
		[]string{"response_type is not code", "response_type is token, and the operator has not switched implicit on"}, "RFC 6749 §4.1.2.1"},
	"invalid_scope": {"A scope is not available", "A scope is unknown, malformed, or the application may not ask for it.",
		[]string{"The scope does not exist on this server", "The scope is not among those of the client", "The API that the token is for does not take the scope", "A refresh asked for more than was granted"}, "RFC 6749 §4.1.2.1 and §5.2"},
	"invalid_target": {"The resource is unknown", "The server does not issue tokens for the resource that was named.",
		[]string{"resource names an API that is not registered", "The authorization request did not name the resource", "Several resources were named for one token"}, "RFC 8707 §2"},
	"access_denied": {"Access was denied", "The person said no, or the sign-in ended before the answer came.",
		[]string{"The person chose Deny on the consent page"}, "RFC 6749 §4.1.2.1"},
	"login_required": {"The person has to sign in", "The application asked not to show anything, and nobody suitable is signed in.",
		[]string{"prompt=none without a session, or with one that is too old for max_age", "Somebody else is signed in than id_token_hint or claims names"}, "OpenID Connect Core §3.1.2.6"},
	"consent_required": {"The person has to consent", "The application asked not to show anything, and the person has not agreed to every scope.",
		[]string{"prompt=none before the first consent, or with a new scope", "A native application's consent is never remembered"}, "OpenID Connect Core §3.1.2.6"},
	"request_not_supported": {"Request objects are not supported", "The server does not read the parameter request.",
		[]string{"The parameters were put into a signed object"}, "OpenID Connect Core §3.1.2.6"},
	"request_uri_not_supported": {"request_uri is not supported", "The server does not fetch request objects.",
		[]string{"The parameters were put behind a URL"}, "OpenID Connect Core §3.1.2.6"},
	"invalid_token": {"The access token does not hold", "The access token is malformed, expired or revoked.",
		[]string{"The token has expired", "Its session, grant, person or client has ended", "It was issued by another server"}, "RFC 6750 §3.1"},
	"insufficient_scope": {"The access token may not do this", "The access token lacks a scope that is needed here.",
		[]string{"The scope openid was not asked for", "A person's token is needed, and this is an application's own"}, "RFC 6750 §3.1"},
	"invalid_client_metadata": {"The client's metadata is not valid", "A field of the registration has a value it may not have.",
		[]string{"Grant types and response types do not fit each other", "A grant type is switched off", "A scope or an API does not exist"}, "RFC 7591 §3.2.2"},
	"invalid_redirect_uri": {"A redirect URI is not valid", "One of the redirect URIs may not be registered.",
		[]string{"It is not https, and not on this machine", "It has a fragment"}, "RFC 7591 §3.2.2"},
	"server_error": {"The server failed", "Something went wrong on the server's side.",
		[]string{"The operators find the cause under the request id"}, "RFC 6749 §4.1.2.1"},
	"temporarily_unavailable": {"The server cannot answer just now", "The server is overloaded or its database is away. Try again shortly.",
		[]string{"The database is not reachable"}, "RFC 6749 §4.1.2.1"},
}
