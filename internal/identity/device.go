package identity

import "strings"

// A mark is what a product leaves in User-Agent headers. Its order in a list counts: most browsers also claim to be others.
type mark struct{ text, name string }

var browsers = []mark{
	{"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"},
	{"OPR/", "Opera"}, {"OPT/", "Opera"},
	{"Vivaldi/", "Vivaldi"},
	{"SamsungBrowser/", "Samsung Internet"},
	{"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
	{"CriOS/", "Chrome"}, {"Chromium/", "Chromium"}, {"Chrome/", "Chrome"},
	{"Version/", "Safari"}, // Safari/ alone is written by everybody
}

var systems = []mark{
	{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"},
	{"Windows NT", "Windows"}, {"CrOS", "ChromeOS"}, {"Macintosh", "macOS"}, {"Linux", "Linux"},
}

// Device names a browser as well as its User-Agent header lets us, for the person who has to recognise it, and tells whether
// it is carried about. The header is the browser's own claim: it proves nothing and decides nothing.
func Device(userAgent string) (name string, handheld bool) {
	browser, system := find(browsers, userAgent), find(systems, userAgent)
	if browser == "Safari" && (!strings.Contains(userAgent, "Safari/") || system == "Android") {
		browser = "" // Android's own old browser writes Version/ too
	}
	if browser == "" {
		browser = "Unknown browser"
	}
	if system == "" {
		return browser, false
	}
	return browser + " on " + system, system == "iPhone" || system == "iPad" || system == "Android"
}

func find(marks []mark, userAgent string) string {
	for _, m := range marks {
		if strings.Contains(userAgent, m.text) {
			return m.name
		}
	}
	return ""
}
