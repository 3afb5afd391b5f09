package secret

import (
	"errors"
	"strings"
	"testing"
)

// foreignHashes are of passlib's documentation (password), and of Python's hashlib in the spellings of passlib and Django.
var foreignHashes = []struct{ encoded, password string }{
	{"$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44", "password"},
	{"$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E", "password"},
	{"$pbkdf2-sha256$29000$AAECAwQFBgcICQoLDA0ODw$pem0oBSvwIfRzKFcfEU21.rzDR03T1aYwqstMqEFKI4", "secret"},
	{"$pbkdf2-sha512$25000$AAECAwQFBgcICQoLDA0ODw$vN4l2By4qweS2iyV/o1q5eBscTOgELWypp76dBMhP10Efnb6bNJH5Heo3xXRDIi/S4QpjtLLvlx5P2BJ1J58zQ", "pässwörd ไทย"},
	{"$pbkdf2$131000$AAECAwQFBgcICQoLDA0ODw$tjET8tLnNJa1an3cxFRTZ8GHXtg", "secret"},
	{"pbkdf2_sha256$600000$seasalt2$Jebd2a9pc3PS2ZyPYVjKUAFUmlaLawyvQspSI8v+vt4=", "secret"},
	{"pbkdf2_sha1$60000$seasalt2$fCoOzqdFUDey66dwGs9o3+Np9L0=", "secret"},
	{"$scrypt$ln=14,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$lUTkiXnaPIlt+39/W8AV+zIOgQ+DcviNZtmSHaWiqmU", "secret"},
	{"scrypt$16384$seasalt2$8$1$LkS6nYzac3oHj4MvhseoW+6TAVvTsWA16XDdX1YqvU6FrXx7F4IL/amh1y3pak6RjpT1tCc/B/rEE+HRjSvFPQ==", "secret"},
}

func TestHasher_checksScryptAndPBKDF2(t *testing.T) {
	t.Parallel()
	h := newHasher(t, HasherOptions{})
	for _, m := range foreignHashes {
		if err := ValidateImported(m.encoded); err != nil {
			t.Errorf("%s: not importable: %v", m.encoded, err)
		}
		if ok, rehash, err := h.Check(t.Context(), m.encoded, m.password, false); !ok || !rehash || err != nil {
			t.Errorf("%s: %v, rehash %v, %v", m.encoded, ok, rehash, err)
		}
		if ok, rehash, err := h.Check(t.Context(), m.encoded, "Secret", false); ok || rehash || err != nil {
			t.Errorf("%s with a wrong password: %v, %v, %v", m.encoded, ok, rehash, err)
		}
	}
}

// Security rule 15: hashes that cost too much are refused, on import and where they are checked.
func TestValidateImported_refusesScryptAndPBKDF2ThatCostTooMuch(t *testing.T) {
	t.Parallel()
	h := newHasher(t, HasherOptions{})
	const (
		salt   = "AAECAwQFBgcICQoLDA0ODw"
		key    = "lUTkiXnaPIlt+39/W8AV+zIOgQ+DcviNZtmSHaWiqmU"
		dotted = "lUTkiXnaPIlt.39/W8AV.zIOgQ.DcviNZtmSHaWiqmU"
	)
	for _, c := range []struct{ encoded, says string }{
		{"$pbkdf2-sha256$2000001$" + salt + "$" + dotted, "1 to 2000000"},
		{"$pbkdf2-sha256$0$" + salt + "$" + dotted, "1 to 2000000"},
		{"$pbkdf2-sha256$+5$" + salt + "$" + dotted, "1 to 2000000"},
		{"$pbkdf2-sha256$05$" + salt + "$" + dotted, "1 to 2000000"},
		{"$pbkdf2-sha256$5$" + salt, "expected $pbkdf2"},
		{"$pbkdf2-sha256$5$" + salt + "$" + key, "expected $pbkdf2"}, // passlib writes a dot
		{"$pbkdf2-sha256$5$AAEC$" + dotted, "salt"},
		{"$pbkdf2-sha512$5$" + salt + "$" + dotted, "hash: expected 64"},
		{"$pbkdf2-md5$5$" + salt + "$" + dotted, "expected bcrypt"},
		{"pbkdf2_sha256$2000001$seasalt2$" + key + "=", "1 to 2000000"},
		{"pbkdf2_sha256$5$short$" + key + "=", "salt"},
		{"pbkdf2_sha256$5$seasalt2$" + key, "hash"},
		{"pbkdf2_sha256$5$seasalt2", "expected pbkdf2_"},
		{"$scrypt$ln=18,r=8,p=1$" + salt + "$" + key, "1 to 17"},
		{"$scrypt$ln=14,r=17,p=1$" + salt + "$" + key, "1 to 16"},
		{"$scrypt$ln=14,r=8,p=5$" + salt + "$" + key, "1 to 4"},
		{"$scrypt$r=8,ln=14,p=1$" + salt + "$" + key, "expected ln="},
		{"$scrypt$ln=14,r=8$" + salt + "$" + key, "expected ln="},
		{"$scrypt$ln=14,r=8,p=1$" + salt, "expected $scrypt$"},
		{"$scrypt$ln=14,r=8,p=1$" + salt + "$AAAA", "hash"},
		{"scrypt$262144$seasalt2$8$1$" + key + "=", "2 to 131072"},
		{"scrypt$16383$seasalt2$8$1$" + key + "=", "no power of two"},
		{"scrypt$16384$seasalt2$8$1", "expected scrypt$N"},
	} {
		err := ValidateImported(c.encoded)
		if !errors.Is(err, ErrHash) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, expected it to say %q", c.encoded, err, c.says)
		}
		if ok, _, err := h.Check(t.Context(), c.encoded, "secret", true); ok || !errors.Is(err, ErrHash) {
			t.Errorf("%s checked: %v, %v", c.encoded, ok, err)
		}
	}
}
