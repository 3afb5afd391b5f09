package main

import (
	"testing"
)

// Pages as servers have them: the form to fill in is found, and says yes.
func TestForms_leadOn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, page, action, method, sends string }{
		{
			"a sign-in, beside another form", `<form action=/theme method=post><button name=theme value=dark>Dark</button></form>
			<form id=f method="POST" action="/login"><input type=hidden name=csrf value="a&amp;b"><input name=username><input type=password name=password>
			<button>Sign in</button></form>`,
			"/login", "POST", "csrf=a%26b&password=secret&username=sofia",
		},
		{
			"an e-mail address instead", `<form method=post><input type=email name=email value=old><input type=password name=pw>
			<input type=checkbox name=remember><input type=submit name=act value="Log in"><input type=submit name=act value=Cancel></form>`,
			"", "POST", "act=Log+in&email=sofia&pw=secret&remember=on",
		},
		{
			"a consent, where no stands first", `<form method=post action=/consent><input type=checkbox name=scope value=email checked><input type=checkbox name=scope value=profile>
			<button name=decision value=deny>Deny</button><button name=decision value=allow><b>Allow</b></button></form>`,
			"/consent", "POST", "decision=allow&scope=email&scope=profile",
		},
		{
			"a form for yes and one for no", `<form action=/no method=post><input type=hidden name=approval value=rejected><button>Cancel</button></form>
			<form action=/yes method=post><input type=hidden name=approval value=approve><button type=submit>Grant Access</button></form>`,
			"/yes", "POST", "approval=approve",
		},
		{
			"all there is, by GET", `<form action="/go?x=1"><input type=radio name=r value=1><input type=radio name=r value=2 checked><textarea name=t>a  b</textarea>
			<select name=s><option>one<option selected value=2>two</select><select name=u><option value=first><option value=second></select>
			<input name=off disabled value=x><input type=button name=b value=b><button type=button name=js>Yes</button><input type=reset name=r2></form>`,
			"/go?x=1", "", "r=2&s=2&t=a++b&u=first",
		},
		{"neither yes nor no", `<form method=post><button name=reject value=reject>Reject</button><button name=b value=ok>OK</button></form>`, "", "POST", "b=ok"},
	} {
		forms, err := formsOf([]byte(c.page))
		if err != nil {
			t.Fatal(err)
		}
		f := choose(forms)
		if f == nil || f.action != c.action || f.method != c.method {
			t.Errorf("%s: chose %+v", c.name, f)
			continue
		}
		if got := f.filled("sofia", "secret").Encode(); got != c.sends {
			t.Errorf("%s: sends %q, expected %q", c.name, got, c.sends)
		}
	}
	if forms, err := formsOf([]byte("<p>none")); err != nil || choose(forms) != nil {
		t.Errorf("found %v, %v", forms, err)
	}
	if got := readable([]byte("<title>x</title><body><h1>Not\n found</h1><p>at  all")); got != "Not found at all" {
		t.Errorf("a page reads %q", got)
	}
}

func TestJSONString(t *testing.T) {
	t.Parallel()
	for object, want := range map[string]string{
		`{"token_type":"refresh_token","refresh_token":"abc"}`: "abc",
		`{"refresh_token" : "a\/b","x":1}`:                     "a/b",
		`{"refresh_token":null}`:                               "",
		`{"access_token":"x"}`:                                 "",
		`{"refresh_token":"cut`:                                "",
		`{"refresh_token"`:                                     "",
	} {
		if got := jsonString([]byte(object), "refresh_token"); got != want {
			t.Errorf("%s has %q, expected %q", object, got, want)
		}
	}
}
