package oauth

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var (
	confidential = &Client{ID: "cl_web", TokenEndpointAuthMethod: AuthBasic}
	public       = &Client{ID: "cl_spa", TokenEndpointAuthMethod: AuthNone}
	ours         = &Client{ID: "cl_ours", TokenEndpointAuthMethod: AuthBasic, FirstParty: true}
	ourApp       = &Client{ID: "cl_our_app", TokenEndpointAuthMethod: AuthNone, FirstParty: true}
)

func asked(c *Client, redirectURI string, change func(*Authorization)) *Authorization {
	a := &Authorization{Target: &Target{Client: c, RedirectURI: redirectURI}, Scopes: Scopes{"openid", "email"}}
	if change != nil {
		change(a)
	}
	return a
}

// said writes a decision as one word.
func said(d Decision) string {
	if d.Step == Refuse {
		return refused(d.Refusal)
	}
	return []string{Done: "done", SignIn: "sign in", AskConsent: "consent"}[d.Step]
}

// OpenID Connect Core §3.1.2.1, §3.1.2.3, §3.1.2.4, §3.1.2.6. The clock is at noon; the request was put aside, where it was,
// five minutes before.
func TestDecide(t *testing.T) {
	t.Parallel()
	const https = "https://app.example/cb"
	begun := new(noon.Add(-5 * time.Minute))
	hourOld := &Login{Subject: "alice", AuthTime: noon.Add(-time.Hour)}
	fresh := &Login{Subject: "alice", AuthTime: noon.Add(-time.Minute)}
	atOnce := &Login{Subject: "alice", AuthTime: *begun}
	all, some, nothing := &Consent{Scopes: Scopes{"email", "openid", "profile"}}, &Consent{Scopes: Scopes{"openid"}}, &Consent{}
	prompt := func(values ...string) func(*Authorization) { return func(a *Authorization) { a.Prompt = values } }
	age := func(d time.Duration, values ...string) func(*Authorization) {
		return func(a *Authorization) { a.MaxAge, a.Prompt = &d, values }
	}
	hint := func(subject string, values ...string) func(*Authorization) {
		return func(a *Authorization) { a.hintSubject, a.Prompt = subject, values }
	}
	loginRequired, consentRequired := "login_required ", "consent_required consent_given"
	for _, c := range []struct {
		name    string
		client  *Client
		uri     string
		change  func(*Authorization)
		login   *Login
		consent *Consent
		begun   *time.Time
		want    string
	}{
		{"nobody is signed in", confidential, https, nil, nil, nil, nil, "sign in"},
		{"our own, without consent", ours, https, nil, hourOld, nil, nil, "done"},
		{"our own app on a claimed address, without consent", ourApp, https, nil, hourOld, nil, nil, "done"},
		{"our own app on a scheme of its own", ourApp, "com.example.app:/cb", nil, hourOld, all, nil, "consent"}, // RFC 8252 §8.6
		{"our own app on a loopback address", ourApp, "http://127.0.0.1/cb", nil, hourOld, all, nil, "consent"},
		{"our own, silently", ours, https, prompt("none"), hourOld, nil, nil, "done"},
		{"our own app on a loopback address, silently", ourApp, "http://127.0.0.1/cb", prompt("none"), hourOld, nil, nil, consentRequired},
		{"our own, that asks for consent", ours, https, prompt("consent"), hourOld, all, nil, "consent"},
		{"nobody, though consent was given", confidential, https, nil, nil, all, begun, "sign in"},
		{"nobody, prompt=none", confidential, https, prompt("none"), nil, all, nil, loginRequired + "signed_in"},
		{"nobody, prompt=consent", confidential, https, prompt("consent"), nil, nil, nil, "sign in"},

		{"signed in, never consented", confidential, https, nil, hourOld, nil, nil, "consent"},
		{"signed in, consented", confidential, https, nil, hourOld, all, nil, "done"},
		{"consented to less", confidential, https, nil, hourOld, some, nil, "consent"},
		{"consented to nothing", confidential, https, nil, hourOld, nothing, nil, "consent"},
		{"no scopes are asked, never consented", confidential, https, func(a *Authorization) { a.Scopes = nil }, hourOld, nil, nil, "consent"},
		{"no scopes are asked, consented to nothing", confidential, https, func(a *Authorization) { a.Scopes = nil }, hourOld, nothing, nil, "done"},

		{"prompt=none, all is well", confidential, https, prompt("none"), hourOld, all, nil, "done"},
		{"prompt=none, never consented", confidential, https, prompt("none"), hourOld, nil, nil, consentRequired},
		{"prompt=none, consented to less", confidential, https, prompt("none"), hourOld, some, nil, consentRequired},

		{"prompt=login", confidential, https, prompt("login"), hourOld, all, nil, "sign in"},
		{"prompt=login, put aside, not signed in since", confidential, https, prompt("login"), hourOld, all, begun, "sign in"},
		{"prompt=login, signed in since", confidential, https, prompt("login"), fresh, all, begun, "done"},
		{"prompt=login, signed in at that very moment", confidential, https, prompt("login"), atOnce, all, begun, "done"},
		{"prompt=login, signed in a microsecond before", confidential, https, prompt("login"), &Login{AuthTime: begun.Add(-time.Microsecond)}, all, begun, "sign in"},
		{"prompt=login, just signed in, but not for this request", confidential, https, prompt("login"), fresh, all, nil, "sign in"},
		{"prompt=login, signed in since, never consented", confidential, https, prompt("login"), fresh, nil, begun, "consent"},
		{"prompt=select_account", confidential, https, prompt("select_account"), hourOld, all, nil, "sign in"},
		{"prompt=select_account, signed in since", confidential, https, prompt("select_account"), fresh, all, begun, "done"},
		{"prompt=consent", confidential, https, prompt("consent"), hourOld, all, nil, "consent"},
		{"prompt=consent, signed in since", confidential, https, prompt("consent"), fresh, all, begun, "consent"},
		{"prompt=login consent", confidential, https, prompt("login", "consent"), hourOld, all, nil, "sign in"},
		{"prompt=login consent, signed in since", confidential, https, prompt("login", "consent"), fresh, all, begun, "consent"},

		{"within max_age", confidential, https, age(time.Hour), hourOld, all, nil, "done"}, // the very second
		{"a microsecond beyond max_age", confidential, https, age(time.Hour - time.Microsecond), hourOld, all, nil, "sign in"},
		{"max_age=0", confidential, https, age(0), hourOld, all, nil, "sign in"},
		{"beyond max_age, signed in since it began", confidential, https, age(time.Second), fresh, all, begun, "done"},
		{"beyond max_age, signed in shortly before it began", confidential, https, age(time.Second), fresh, all, nil, "sign in"},
		{"beyond max_age, prompt=none", confidential, https, age(time.Minute, "none"), hourOld, all, nil, loginRequired + "max_age"},
		{"within max_age, prompt=none", confidential, https, age(2*time.Hour, "none"), hourOld, all, nil, "done"},
		{"within max_age, prompt=login", confidential, https, age(2*time.Hour, "login"), hourOld, all, nil, "sign in"},

		{"id_token_hint of the same person", confidential, https, hint("alice"), hourOld, all, nil, "done"},
		{"id_token_hint of the same person, prompt=none", confidential, https, hint("alice", "none"), hourOld, all, nil, "done"},
		{"id_token_hint of another", confidential, https, hint("bob"), hourOld, all, nil, "sign in"},
		{"id_token_hint of another, prompt=none", confidential, https, hint("bob", "none"), hourOld, all, nil, loginRequired + "id_token_hint_subject"},
		{"id_token_hint of another, put aside, not signed in since", confidential, https, hint("bob"), hourOld, all, begun, "sign in"},
		{"id_token_hint of another, who did not come when asked", confidential, https, hint("bob"), fresh, all, begun, loginRequired + "id_token_hint_subject"},
		{"id_token_hint, nobody signed in", confidential, https, hint("bob"), nil, nil, nil, "sign in"},
		{"id_token_hint, nobody signed in, prompt=none", confidential, https, hint("bob", "none"), nil, nil, nil, loginRequired + "signed_in"},

		{"public at https: consent is remembered", public, https, nil, hourOld, all, nil, "done"},
		{"public at https, prompt=none", public, https, prompt("none"), hourOld, all, nil, "done"},
		{"public on a loopback IP", public, "http://127.0.0.1:51004/cb", nil, hourOld, all, nil, "consent"}, // RFC 8252 §8.6
		{"public on a loopback IP, signed in since", public, "http://[::1]:51004/cb", nil, fresh, all, begun, "consent"},
		{"public on localhost", public, "http://localhost/cb", nil, hourOld, all, nil, "consent"},
		{"public on localhost by https", public, "https://localhost/cb", nil, hourOld, all, nil, "consent"},
		{"public with a custom scheme", public, "com.example.app:/cb", nil, hourOld, all, nil, "consent"},
		{"public on a loopback IP, prompt=none", public, "http://127.0.0.1:51004/cb", prompt("none"), hourOld, all, nil, consentRequired},
		{"confidential on a loopback IP", confidential, "http://127.0.0.1:51004/cb", nil, hourOld, all, nil, "done"},
	} {
		if got := said(Decide(asked(c.client, c.uri, c.change), c.login, c.consent, c.begun, noon)); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

// everyDecision calls f with every combination of what Decide looks at.
func everyDecision(f func(name string, a *Authorization, login *Login, consent *Consent, begun *time.Time, d Decision)) {
	minute := time.Minute
	begun := noon.Add(-10 * time.Minute)
	for _, prompt := range []string{"", "none", "login", "consent", "select_account", "login consent", "login select_account", "login consent select_account"} {
		for _, age := range []*time.Duration{nil, new(time.Duration(0)), &minute, new(24 * time.Hour)} {
			for _, hint := range []string{"", "alice", "bob"} {
				for _, login := range []*Login{nil, {Subject: "alice", AuthTime: noon.Add(-time.Hour)}, {Subject: "alice", AuthTime: begun}, {Subject: "alice", AuthTime: noon}} {
					for _, consent := range []*Consent{nil, {}, {Scopes: Scopes{"openid"}}, {Scopes: Scopes{"openid", "email"}}} {
						for _, at := range []*time.Time{nil, &begun} {
							for _, c := range []*Client{confidential, public, ours, ourApp} {
								for _, uri := range []string{"https://app.example/cb", "http://127.0.0.1:1/cb", "com.example.app:/cb"} {
									a := asked(c, uri, func(a *Authorization) { a.Prompt, a.MaxAge, a.hintSubject = strings.Fields(prompt), age, hint })
									name := fmt.Sprintf("prompt=%q max_age=%v hint=%q login=%+v consent=%+v begun=%v %s %s", prompt, age, hint, login, consent, at, c.ID, uri)
									f(name, a, login, consent, at, Decide(a, login, consent, at, noon))
								}
							}
						}
					}
				}
			}
		}
	}
}

// OpenID Connect Core §3.1.2.1: with prompt=none no page is ever shown, and without it nobody is sent away for want of one.
func TestDecide_promptNoneNeverAsks(t *testing.T) {
	t.Parallel()
	everyDecision(func(name string, a *Authorization, login *Login, _ *Consent, begun *time.Time, d Decision) {
		silent := a.Prompt.has(promptNone)
		if silent && (d.Step == SignIn || d.Step == AskConsent) {
			t.Errorf("%s: %s", name, said(d))
		}
		if (d.Step == Refuse) != (d.Refusal != nil) || d.Refusal != nil && d.Refusal.Code != "login_required" && d.Refusal.Code != "consent_required" {
			t.Errorf("%s: %+v", name, d)
		}
		cameForThis := login != nil && begun != nil && !login.AuthTime.Before(*begun)
		if !silent && d.Step == Refuse && (!cameForThis || a.hintSubject != "bob") {
			t.Errorf("%s: %s", name, said(d))
		}
	})
}

// A person who has just signed in for this request is never sent to sign in again: no loop.
func TestDecide_asksToSignInOnce(t *testing.T) {
	t.Parallel()
	everyDecision(func(name string, _ *Authorization, login *Login, _ *Consent, begun *time.Time, d Decision) {
		if login != nil && begun != nil && !login.AuthTime.Before(*begun) && d.Step == SignIn {
			t.Errorf("%s: %s", name, said(d))
		}
	})
}

// Done means that a code goes out: somebody is signed in, recently enough, is who was meant, and agreed to every scope.
func TestDecide_doneMeansThatEverythingHolds(t *testing.T) {
	t.Parallel()
	done := 0
	everyDecision(func(name string, a *Authorization, login *Login, consent *Consent, begun *time.Time, d Decision) {
		if d.Step != Done {
			return
		}
		done++
		switch {
		case login == nil:
			t.Errorf("nobody is signed in: %s", name)
			return
		case a.hintSubject != "" && a.hintSubject != login.Subject:
			t.Errorf("somebody else: %s", name)
		case !a.Target.Client.FirstParty && (consent == nil || !consent.Scopes.Covers(a.Scopes)) || a.Prompt.has(promptConsent):
			t.Errorf("without consent: %s", name)
		case a.Target.Client.Public() && !strings.HasPrefix(a.Target.RedirectURI, "https:"):
			t.Errorf("a native client on remembered consent: %s", name)
		}
		if forThis := begun != nil && !login.AuthTime.Before(*begun); !forThis {
			if a.Prompt.has(promptLogin) || a.Prompt.has(promptSelectAccount) || a.MaxAge != nil && noon.Sub(login.AuthTime) > *a.MaxAge {
				t.Errorf("too old a sign-in: %s", name)
			}
		}
	})
	if done < 50 {
		t.Errorf("only %d combinations are done", done)
	}
}

func TestBegunAt(t *testing.T) {
	t.Parallel()
	if begunAt(nil) != nil {
		t.Error("nothing was put aside, yet it began")
	}
	if at := begunAt(&Interaction{CreatedAt: noon}); at == nil || !at.Equal(noon) {
		t.Errorf("%v", at)
	}
}
