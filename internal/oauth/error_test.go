package oauth

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gatehouse/internal/audit"
)

// describable reports whether s may be an error_description: %x20-21 %x23-5B %x5D-7E (RFC 6749 §4.1.2.1, §5.2).
func describable(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7e || r == '"' || r == '\\' })
}

// source parses the rulebook's own files, tests left out.
func source(t *testing.T) (files []*ast.File) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// RFC 6749 §5.2, RFC 6750 §3.1: the status follows from the code.
func TestError_Status(t *testing.T) {
	t.Parallel()
	for status, all := range map[int][]*Error{
		400: {InvalidRequest("x"), InvalidGrant("x"), UnauthorizedClient("x"), InvalidScope("x"), InvalidTarget("x"), InvalidClientMetadata("x"), {Code: "unsupported_grant_type"}, {Code: "invalid_redirect_uri"}, {Code: "access_denied"}},
		401: {InvalidClient(), InvalidToken("x"), {Bearer: true}},
		403: {{Code: "insufficient_scope"}},
		500: {{Code: "server_error"}},
		503: {{Code: "temporarily_unavailable"}},
	} {
		for _, e := range all {
			if got := e.Status(); got != status {
				t.Errorf("%s is %d", e.Code, got)
			}
		}
	}
	if !InvalidClient().AuthenticateBasic || !InvalidToken("x").Bearer || InvalidGrant("x").Bearer || InvalidGrant("x").AuthenticateBasic {
		t.Error("WWW-Authenticate goes with the wrong ones")
	}
}

// A constant refusal is shared by many requests: what one of them adds stays its own.
func TestError_becauseAndForCopy(t *testing.T) {
	t.Parallel()
	base := InvalidGrant("x")
	one := base.Because(cause("code_unused", "an unused code", audit.Shape("abc"), "")).For("cl_a", "alice")
	two := one.Because(cause("code_fresh", "", "", ""))
	if base.Cause() != nil || base.ClientID != "" || base.UserID != "" {
		t.Errorf("%+v", base)
	}
	if one.Cause().Rule != "code_unused" || one.ClientID != "cl_a" || one.UserID != "alice" || two.Cause().Rule != "code_fresh" || two.ClientID != "cl_a" {
		t.Errorf("%+v, %+v", one, two)
	}
	if got := one.Error(); got != "invalid_grant: x (code_unused)" {
		t.Error(got)
	}
	if got := concerning(one, "cl_b", ""); got.(*Error).ClientID != "cl_b" || one.ClientID != "cl_a" { //nolint:errorlint // it returns what it was given
		t.Errorf("%+v", got)
	}
	if concerning(nil, "cl_b", "") != nil || userOf(nil) != "" || userOf(one) != "alice" {
		t.Error("nothing concerns somebody")
	}
}

// Every refusal written in the rulebook: its description is legal on the wire, and its code is explained at error_uri.
func TestErrors_areDescribableAndExplained(t *testing.T) {
	t.Parallel()
	constructors := map[string]string{
		"InvalidRequest": "invalid_request", "InvalidGrant": "invalid_grant", "UnauthorizedClient": "unauthorized_client", "InvalidScope": "invalid_scope",
		"InvalidTarget": "invalid_target", "InvalidToken": "invalid_token", "InvalidClientMetadata": "invalid_client_metadata",
	}
	codes := map[string]bool{InvalidClient().Code: true}
	descriptions := 0
	describe := func(n ast.Node) {
		ast.Inspect(n, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				text, err := strconv.Unquote(literal.Value)
				if err != nil || text != "" && !describable(text) {
					t.Errorf("description %s", literal.Value)
				}
				descriptions++
			}
			return true
		})
	}
	for _, file := range source(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				name, ok := n.Fun.(*ast.Ident)
				if !ok {
					break
				}
				if code, makes := constructors[name.Name]; makes {
					codes[code] = true
					describe(n.Args[0])
				}
				if name.Name == "refusal" {
					code, err := strconv.Unquote(n.Args[0].(*ast.BasicLit).Value)
					if err != nil {
						t.Fatal(err)
					}
					codes[code] = true
					describe(n.Args[1])
				}
			case *ast.KeyValueExpr:
				key, ok := n.Key.(*ast.Ident)
				if !ok {
					break
				}
				if literal, isText := n.Value.(*ast.BasicLit); isText && key.Name == "Code" {
					code, err := strconv.Unquote(literal.Value)
					if err != nil {
						t.Fatal(err)
					}
					codes[code] = true
				}
				if key.Name == "Description" {
					describe(n.Value)
				}
			}
			return true
		})
	}
	if len(codes) < 15 || descriptions < 30 {
		t.Fatalf("found only %d codes and %d descriptions", len(codes), descriptions)
	}
	for _, code := range []string{"request_not_supported", "request_uri_not_supported", "server_error", "temporarily_unavailable"} {
		codes[code] = true
	}
	for code := range codes {
		m, ok := ErrorMeanings[code]
		if !ok || m.Title == "" || m.Meaning == "" || len(m.Causes) == 0 || m.Section == "" {
			t.Errorf("%s is not explained", code)
		}
	}
	for code := range ErrorMeanings {
		if !codes[code] {
			t.Errorf("%s is explained, but never said", code)
		}
	}
	for code, want := range map[string]string{"invalid_grant": issuer + "/errors/invalid_grant?request=a%26b", "x/../y": issuer + "/errors/x%2F..%2Fy?request=a%26b"} {
		if got := keyed().ErrorURI(code, "a&b"); got != want {
			t.Errorf("%s", got)
		}
	}
}
