package oauth

import "time"

// Login is who sits at the browser, as far as it is known.
type Login struct {
	Subject   string
	SessionID string
	AuthTime  time.Time
	AMR       Words
}

// Step is what an authorization request needs next.
type Step int

// The steps.
const (
	Done Step = iota
	SignIn
	AskConsent
	Refuse
)

// Decision is the next step of an authorization request.
type Decision struct {
	Step    Step
	Refusal *Error // why, if Step is Refuse
}

// Decide says what an authorization request needs next. It alone knows prompt, max_age and id_token_hint (OpenID Connect
// Core §3.1.2.1). consent is nil if the person never let the client do anything. begun is when the request was first put
// aside for its person (nil if never): whoever signed in since then has done what prompt=login and max_age ask for.
func Decide(a *Authorization, login *Login, consent *Consent, begun *time.Time, now time.Time) Decision {
	silent := a.Prompt.has(promptNone)
	signIn := func(rule, expected string) Decision {
		if silent {
			return refusal("login_required", "The person has to sign in, and prompt=none forbids to ask.", rule, expected, askThem)
		}
		return Decision{Step: SignIn}
	}
	if login == nil {
		return signIn("signed_in", "a browser in which somebody is signed in")
	}
	fresh := begun != nil && !login.AuthTime.Before(*begun)
	asked := now // max_age is counted to the request, however long its person then thinks about consent
	if begun != nil {
		asked = *begun
	}
	if !fresh {
		switch {
		case a.Prompt.has(promptLogin), a.Prompt.has(promptSelectAccount):
			return signIn("prompt_login", "a sign-in after the request began")
		case a.MaxAge != nil && asked.Sub(login.AuthTime) > *a.MaxAge:
			return signIn("max_age", "a sign-in within max_age")
		}
	}
	agreed := a.Target.Client.FirstParty || consent != nil && consent.Scopes.Covers(a.Scopes)
	unasked := a.Prompt.has(promptConsent) || !agreed || !a.rememberable() // security.md rule 19: not skipped where it is not remembered
	if silent && unasked {                                                 // before who is signed in is compared: a client nobody agreed to learns nothing of them
		return refusal("consent_required", "The person has to consent, and prompt=none forbids to ask.", "consent_given", "remembered consent to every scope", askThem)
	}
	if a.hintSubject != "" && a.hintSubject != login.Subject {
		if fresh { // they were asked, and somebody else came
			return refusal("login_required", "Somebody else signed in than the person whom id_token_hint or claims names.", "id_token_hint_subject", "the person of id_token_hint or claims",
				"Leave both out where anybody may sign in.")
		}
		return signIn("id_token_hint_subject", "the person of id_token_hint or claims signed in")
	}
	if unasked {
		return Decision{Step: AskConsent}
	}
	return Decision{Step: Done}
}

const askThem = "Send the request without prompt=none."

func refusal(code, description, rule, expected, remedy string) Decision {
	return Decision{Step: Refuse, Refusal: (&Error{Code: code, Description: description}).
		Because(cause(rule, expected, "", remedy))}
}
