package demo

import (
	"time"

	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
)

const day = 24 * time.Hour

// The APIs, by what tokens name them.
const (
	ordersAPI = "https://orders.acme.example"
	notesAPI  = "https://notes.acme.example"
)

// apis are what tokens are for, besides Gatehouse itself.
var apis = []struct {
	api    oauth.API
	scopes []oauth.Scope
}{
	{
		oauth.API{Identifier: ordersAPI, Name: "Orders", TokenFormat: oauth.FormatOpaque, Scopes: oauth.Scopes{"orders:read", "orders:write"}},
		[]oauth.Scope{{Name: "orders:read", Description: "See your orders"}, {Name: "orders:write", Description: "Order, change and cancel for you"}},
	},
	{
		oauth.API{Identifier: notesAPI, Name: "Notes (FastAPI)", SigningAlg: keys.HS256, Claims: oauth.ClaimsTutorial, Scopes: oauth.Scopes{"me", "items"}, AccessTokenTTL: 1800},
		[]oauth.Scope{{Name: "me", Description: "Read who you are"}, {Name: "items", Description: "Read your items"}},
	},
}

// A client of the house.
type client struct {
	oauth.Client
	about
	secret   string // empty for a public one
	secretID string
}

// about is what a client is like.
type about struct {
	born    time.Duration // how long ago it was registered
	expires time.Duration // how long ago its secret ended; negative: that it will; zero: never
	visits  int           // how often people come, beside the others
	asks    string        // for which scopes
	hourly  int           // tokens of its own in a busy hour
	logo    []layer       // nil for none
}

const (
	codeAndRefresh = oauth.GrantAuthorizationCode + " " + oauth.GrantRefreshToken
	openID         = "openid profile email"
)

// clients are the applications. Their ids are the same at every start, so that an application can be set up for them.
var clients = []struct {
	id, name, method, grants, scopes, redirect string
	about
	with func(*oauth.Client)
}{
	{"cl_storefront", "Acme Storefront", oauth.AuthBasic, codeAndRefresh, openID + " offline_access orders:read orders:write", "https://shop.acme.example/callback",
		about{born: 30 * day, visits: 40, asks: openID + " offline_access orders:read", logo: bag}, func(c *oauth.Client) {
			c.Accent, c.ClientURI = "0f766e", "https://shop.acme.example"
			c.PolicyURI, c.TosURI = "https://www.acme.example/privacy", "https://www.acme.example/terms"
		}},
	{"cl_wallet", "Acme Wallet", oauth.AuthNone, codeAndRefresh, openID + " phone offline_access", "com.acme.wallet:/callback",
		about{born: 30 * day, visits: 30, asks: openID + " offline_access"}, native},
	{"cl_tickets", "Tiket Kereta", oauth.AuthBasic, codeAndRefresh, openID + " phone", "https://tiket.example.co.id/auth/callback",
		about{born: 29 * day, visits: 16, asks: openID, logo: train}, func(c *oauth.Client) { c.Accent, c.ClientURI = "ea580c", "https://tiket.example.co.id" }},
	{"cl_partner", "พอร์ทัลคู่ค้า", oauth.AuthBasic, codeAndRefresh, openID + " offline_access orders:read", "https://partner.example.co.th/oidc",
		about{born: 28 * day, expires: -12*day - time.Hour, visits: 8, asks: openID + " orders:read"}, nil},
	{"cl_reports", "Legacy Reports", oauth.AuthPost, codeAndRefresh, openID + " offline_access", "https://reports.acme.example/login/return",
		about{born: 30 * day, visits: 6, asks: openID + " offline_access"}, func(c *oauth.Client) { c.RequirePKCE = false }},
	{"cl_notes", "Notes", oauth.AuthNone, oauth.GrantPassword + " " + oauth.GrantRefreshToken, "me items", "",
		about{born: 26 * day, visits: 6, asks: "me items"}, func(c *oauth.Client) { c.DefaultResource = notesAPI }},
	{"cl_scanner", "Warehouse scanner", oauth.AuthPost, oauth.GrantPassword + " " + oauth.GrantRefreshToken, openID + " offline_access", "",
		about{born: 27 * day, visits: 5, asks: openID + " offline_access"}, nil},
	{"cl_billing", "Billing worker", oauth.AuthBasic, oauth.GrantClientCredentials, "orders:read orders:write", "",
		about{born: 30 * day, hourly: 22}, func(c *oauth.Client) { c.DefaultResource = ordersAPI }},
	{"cl_inventory", "Inventory sync", oauth.AuthBasic, oauth.GrantClientCredentials, "orders:read", "",
		about{born: 22 * day, expires: -25 * day, hourly: 12}, func(c *oauth.Client) { c.DefaultResource = ordersAPI }},
	{"cl_orders", "Orders API", oauth.AuthBasic, "", "", "",
		about{born: 30 * day}, func(c *oauth.Client) { c.ResourceServer = ordersAPI }},
	{"cl_metrics", "Metrics exporter", oauth.AuthBasic, oauth.GrantClientCredentials, "orders:read", "",
		about{born: 29 * day, expires: 30 * time.Hour, hourly: 4}, func(c *oauth.Client) { c.DefaultResource = ordersAPI }},
	{"cl_inspector", "MCP inspector", oauth.AuthNone, codeAndRefresh, openID, "http://127.0.0.1/callback",
		about{born: 20 * day}, native},
	{"cl_raffle", "Christmas raffle", oauth.AuthBasic, oauth.GrantAuthorizationCode, openID, "https://raffle.acme.example/callback",
		about{born: 30 * day, visits: 4, asks: openID}, nil},
	{"cl_supplier", "Supplier onboarding, certification and quarterly self-assessment portal for Southeast Asia (pilot)", oauth.AuthBasic, codeAndRefresh, openID,
		"https://suppliers.southeast-asia.procurement.acme.example/onboarding/certification/oidc/callback", about{born: 3 * day}, nil},
}

func native(c *oauth.Client) { c.ApplicationType = oauth.ApplicationNative }
