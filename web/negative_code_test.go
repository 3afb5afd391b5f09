package web_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"time"

	"gatehouse/web/webtest"
)

// codeNegatives are about codes and PKCE: cases 23 to 33.
var codeNegatives = []negative{
	{23, "a code's second use", "RFC 6749 §4.1.2", func(x *stage) webtest.Answer {
		code := x.code()
		first := x.h.Redeem(x, x.basic, code)
		again := x.h.Redeem(x, x.basic, code)
		refused(x.T, x.userinfo(first.Str("access_token")), 401, "invalid_token")
		refused(x.T, x.refresh(x.basic, first.Str("refresh_token")), 400, "invalid_grant")
		return again
	}, 400, "invalid_grant", "code_unused", ""},
	{23, "a code's second use, when its tokens were refreshed meanwhile", "RFC 6749 §4.1.2", func(x *stage) webtest.Answer {
		code := x.code()
		later := x.refresh(x.basic, x.h.Redeem(x, x.basic, code).Str("refresh_token"))
		again := x.h.Redeem(x, x.basic, code)
		refused(x.T, x.userinfo(later.Str("access_token")), 401, "invalid_token")
		refused(x.T, x.refresh(x.basic, later.Str("refresh_token")), 400, "invalid_grant")
		return again
	}, 400, "invalid_grant", "code_unused", ""},
	{23, "a code's second use, by another client", "RFC 6749 §4.1.2", func(x *stage) webtest.Answer {
		code := x.code()
		first := x.h.Redeem(x, x.basic, code)
		stolen := x.h.Redeem(x, x.other, code)
		x.works(x.userinfo(first.Str("access_token")), "the owner's token")
		return stolen
	}, 400, "invalid_grant", "code_client", ""},
	{24, "two at once", "RFC 6749 §10.5", func(x *stage) webtest.Answer {
		code := x.code()
		both := parallel(2, func() webtest.Answer { return x.h.Redeem(x, x.basic, code) })
		slices.SortFunc(both, func(a, b webtest.Answer) int { return a.Status - b.Status })
		x.works(both[0], "neither")
		return both[1]
	}, 400, "invalid_grant", "code_unused", ""},
	{25, "another client's code", "RFC 6749 §4.1.3", func(x *stage) webtest.Answer {
		code := x.code()
		a := x.h.Redeem(x, x.other, code)
		x.alike(a, x.h.Redeem(x, x.other, "gh_ac_no-such-code-no-such-code-no-such-code-no"))
		x.works(x.h.Redeem(x, x.basic, code), "the owner's")
		return a
	}, 400, "invalid_grant", "code_client", ""},
	{25, "a confidential client's code, by a public one", "RFC 6749 §4.1.3", func(x *stage) webtest.Answer {
		code := x.code()
		a := x.h.Redeem(x, x.public, code)
		x.alike(a, x.h.Redeem(x, x.public, "gh_ac_no-such-code-no-such-code-no-such-code-no"))
		x.works(x.h.Redeem(x, x.basic, code), "the owner's")
		return a
	}, 400, "invalid_grant", "code_client", ""},
	{26, "redirect_uri left out", "RFC 6749 §4.1.3", func(x *stage) webtest.Answer { return x.redeem(x.basic, x.code(), "redirect_uri", "") }, 400, "invalid_grant", "code_redirect_uri", ""},
	{26, "another redirect_uri", "RFC 6749 §4.1.3", func(x *stage) webtest.Answer {
		return x.redeem(x.basic, x.code(), "redirect_uri", webtest.Callback+"/")
	}, 400, "invalid_grant", "code_redirect_uri", ""},
	{26, "a redirect_uri that was not sent", "RFC 6749 §4.1.3", func(x *stage) webtest.Answer {
		code := x.b.Code(x.basic, x.user, url.Values{"redirect_uri": nil, "scope": {"profile"}})
		return x.redeem(x.basic, code, "redirect_uri", "https://evil.test/")
	}, 400, "invalid_grant", "code_redirect_uri", ""},
	{27, "a code after its time", "RFC 6749 §4.1.2", func(x *stage) webtest.Answer {
		code := x.code()
		x.h.Clock.Advance(x.h.App.Rules().Policy().Lifetimes.Code)
		return x.h.Redeem(x, x.basic, code)
	}, 400, "invalid_grant", "code_fresh", ""},
	{27, "a code a moment before its time is over", "RFC 6749 §4.1.2", func(x *stage) webtest.Answer {
		code := x.code()
		x.h.Clock.Advance(x.h.App.Rules().Policy().Lifetimes.Code - time.Microsecond)
		return x.h.Redeem(x, x.basic, code)
	}, 200, "", "", ""},
	{28, "no verifier", "RFC 7636 §4.6", func(x *stage) webtest.Answer { return x.verifier("") }, 400, "invalid_grant", "code_verifier", ""},
	{28, "a wrong verifier", "RFC 7636 §4.6", func(x *stage) webtest.Answer { return x.verifier(strings.Repeat("a", 43)) }, 400, "invalid_grant", "code_verifier", ""},
	{28, "the challenge for a verifier", "RFC 7636 §4.6", func(x *stage) webtest.Answer { return x.verifier(webtest.Challenge()) }, 400, "invalid_grant", "code_verifier", ""},
	{28, "no verifier, from a public client", "RFC 7636 §4.6", func(x *stage) webtest.Answer {
		return x.redeem(x.public, x.b.Code(x.public, x.user, nil), "code_verifier", "")
	}, 400, "invalid_grant", "code_verifier", ""},
	{28, "the right one after four wrong ones", "security.md rule 2", func(x *stage) webtest.Answer {
		code := x.code()
		x.guess(code, 4)
		return x.h.Redeem(x, x.basic, code)
	}, 200, "", "", ""},
	{28, "the right one after five wrong ones", "security.md rule 2", func(x *stage) webtest.Answer {
		code := x.code()
		x.guess(code, 5)
		return x.h.Redeem(x, x.basic, code)
	}, 400, "invalid_grant", "code_unused", ""},
	{29, "a verifier of 42 characters", "RFC 7636 §4.1", ownVerifier(strings.Repeat("a", 42)), 400, "invalid_grant", "code_verifier", ""},
	{29, "a verifier of 43 characters", "RFC 7636 §4.1", ownVerifier(strings.Repeat("a", 43)), 200, "", "", ""},
	{29, "a verifier of 128 characters", "RFC 7636 §4.1", ownVerifier(strings.Repeat("a", 128)), 200, "", "", ""},
	{29, "a verifier of 129 characters", "RFC 7636 §4.1", ownVerifier(strings.Repeat("a", 129)), 400, "invalid_grant", "code_verifier", ""},
	{29, "a verifier with +", "RFC 7636 §4.1", ownVerifier("+" + strings.Repeat("a", 43)), 400, "invalid_grant", "code_verifier", ""},
	{29, "a verifier with a space", "RFC 7636 §4.1", ownVerifier(strings.Repeat("a", 43) + " "), 400, "invalid_grant", "code_verifier", ""},
	{29, "a verifier with a line break", "RFC 7636 §4.1", ownVerifier(strings.Repeat("a", 43) + "\n"), 400, "invalid_grant", "code_verifier", ""},
	{30, "a verifier nobody asked for", "RFC 9700 §4.8.2", func(x *stage) webtest.Answer {
		return x.h.Redeem(x, x.free, x.b.Code(x.free, x.user, url.Values{"code_challenge": nil, "code_challenge_method": nil}))
	}, 400, "invalid_grant", "code_verifier_expected", ""},
	{31, "plain", "RFC 7636 §4.4.1", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"code_challenge_method": {"plain"}})
	}, 303, "invalid_request", "code_challenge_method_supported", toClient},
	{31, "no method, which means plain", "RFC 7636 §4.3", func(x *stage) webtest.Answer { return x.authorize(x.basic, url.Values{"code_challenge_method": nil}) }, 303, "invalid_request", "code_challenge_method_supported", toClient},
	{31, "s256", "RFC 7636 §4.3", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"code_challenge_method": {"s256"}})
	}, 303, "invalid_request", "code_challenge_method_supported", toClient},
	{31, "plain, by a client that need not", "RFC 7636 §4.4.1", func(x *stage) webtest.Answer {
		return x.authorize(x.free, url.Values{"code_challenge_method": {"plain"}})
	}, 303, "invalid_request", "code_challenge_method_supported", toClient},
	{31, "S512", "RFC 7636 §4.4.1", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"code_challenge_method": {"S512"}})
	}, 303, "invalid_request", "code_challenge_method_supported", toClient},
	{32, "a method without a challenge", "RFC 7636 §4.3", func(x *stage) webtest.Answer { return x.authorize(x.free, url.Values{"code_challenge": nil}) }, 303, "invalid_request", "code_challenge_present", toClient},
	{32, "a challenge of 42 characters", "RFC 7636 §4.2", func(x *stage) webtest.Answer { return x.challenge(webtest.Challenge()[:42]) }, 303, "invalid_request", "code_challenge_syntax", toClient},
	{32, "a challenge with padding", "RFC 7636 §4.2", func(x *stage) webtest.Answer { return x.challenge(webtest.Challenge() + "=") }, 303, "invalid_request", "code_challenge_syntax", toClient},
	{32, "a challenge in base64", "RFC 7636 §4.2", func(x *stage) webtest.Answer { return x.challenge("+" + webtest.Challenge()[1:]) }, 303, "invalid_request", "code_challenge_syntax", toClient},
	{32, "a challenge of 44 characters", "RFC 7636 §4.2", func(x *stage) webtest.Answer { return x.challenge(webtest.Challenge() + "A") }, 303, "invalid_request", "code_challenge_syntax", toClient},
	{32, "a challenge with a line break", "RFC 7636 §4.2", func(x *stage) webtest.Answer { return x.challenge(webtest.Challenge()[:42] + "\n") }, 303, "invalid_request", "code_challenge_syntax", toClient},
	{33, "a public client without PKCE", "RFC 9700 §2.1.1", func(x *stage) webtest.Answer {
		return x.authorize(x.public, url.Values{"code_challenge": nil, "code_challenge_method": nil})
	}, 303, "invalid_request", "pkce_required", toClient},
	{33, "a confidential client without PKCE, which it has to use", "RFC 9700 §2.1.1", func(x *stage) webtest.Answer {
		return x.authorize(x.basic, url.Values{"code_challenge": nil, "code_challenge_method": nil})
	}, 303, "invalid_request", "pkce_required", toClient},
}

// verifier redeems a code with this verifier; after a wrong one the right one still does.
func (x *stage) verifier(value string) webtest.Answer {
	code := x.code()
	a := x.redeem(x.basic, code, "code_verifier", value)
	x.works(x.h.Redeem(x, x.basic, code), "the code was spent")
	return a
}

// ownVerifier redeems a code whose challenge is this verifier's.
func ownVerifier(value string) func(x *stage) webtest.Answer {
	return func(x *stage) webtest.Answer {
		sum := sha256.Sum256([]byte(value))
		code := x.b.Code(x.basic, x.user, url.Values{"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}})
		return x.redeem(x.basic, code, "code_verifier", value)
	}
}

// guess sends wrong verifiers.
func (x *stage) guess(code string, times int) {
	for range times {
		refused(x.T, x.redeem(x.basic, code, "code_verifier", strings.Repeat("a", 43)), 400, "invalid_grant")
	}
}

func (x *stage) challenge(value string) webtest.Answer {
	return x.authorize(x.basic, url.Values{"code_challenge": {value}})
}
