package secret

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How long a password a person chooses must be, unless a house asks for more, and may be, in characters.
const (
	MinPasswordLength = 12
	MaxPasswordLength = 128
)

// PasswordProblem is why a person may not choose a password, in English words for that person; as a constant
// it is also the key under which a translation is found.
type PasswordProblem string

// What CheckPasswordRule finds.
const (
	ErrPasswordLong     PasswordProblem = "Use at most 128 characters."
	ErrPasswordText     PasswordProblem = "This password contains a character that cannot be stored."
	ErrPasswordCommon   PasswordProblem = "This password is too easy to guess: it is well known or follows a simple pattern."
	ErrPasswordPersonal PasswordProblem = "This password is too easy to guess: it is little more than your own name or e-mail address."
)

// ErrPasswordShort is found where a password has fewer than these characters.
func ErrPasswordShort(least int) PasswordProblem {
	return PasswordProblem("Use at least " + strconv.Itoa(least) + " characters. A few words that do not belong together are easy to remember.")
}

// Error returns the sentence.
func (p PasswordProblem) Error() string { return string(p) }

// CheckPasswordRule says whether a person may choose password: least to 128 characters, valid UTF-8 without NUL
// (security rule 25), and not easy to guess. personal are the person's own names and addresses. There are no
// rules of composition, and the password is never changed. The error is a [PasswordProblem].
//
// Easy to guess is what can be spelled in fewer than four pieces, a piece being a well-known password or
// word (also with 0 for o, @ for a and the like), a run along the keyboard, alphabet or digits, a repeated
// character, a year, something personal, or else one character: "P@ssw0rd2024!" has three. Signs set between
// are one piece for each kind of sign.
func CheckPasswordRule(least int, password string, personal ...string) error {
	if !utf8.ValidString(password) || strings.ContainsRune(password, 0) {
		return ErrPasswordText
	}
	switch n := utf8.RuneCountInString(password); {
	case n < least:
		return ErrPasswordShort(least)
	case n > MaxPasswordLength:
		return ErrPasswordLong
	}
	text := lowerRunes(password)
	if unit := period(text); len(unit) < len(text) {
		if len(unit) <= 6 {
			return ErrPasswordCommon
		}
		text = unit
	}
	if easy(text, commonWords) {
		return ErrPasswordCommon
	}
	if own := personalWords(personal); easy(text, append(own, commonWords...)) {
		return ErrPasswordPersonal
	}
	return nil
}

const enoughPieces = 4

// easy judges text as it stands, and without its punctuation: "let-me-in-please" is no better than "letmeinplease".
func easy(text []rune, words []string) bool {
	var bare []rune
	signs := map[rune]bool{}
	for _, r := range text {
		if unicode.IsPunct(r) || unicode.IsSymbol(r) || unicode.IsSpace(r) {
			signs[r] = true
		} else {
			bare = append(bare, r)
		}
	}
	return min(pieces(text, words), len(signs)+pieces(bare, words)) < enoughPieces
}

// lowerRunes folds case rune by rune, so that positions stay.
func lowerRunes(s string) []rune {
	runes := []rune(s)
	for i, r := range runes {
		runes[i] = unicode.ToLower(r)
	}
	return runes
}

// period returns the shortest unit that text repeats at least twice, the last time perhaps in part, or text itself.
func period(text []rune) []rune {
	for n := 1; n <= len(text)/2; n++ {
		if slices.Equal(text[n:], text[:len(text)-n]) {
			return text[:n]
		}
	}
	return text
}

// pieces returns the least number of pieces that spell text.
func pieces(text []rune, words []string) int {
	least := make([]int, len(text)+1) // least[i] spells text[i:]
	for i := len(text) - 1; i >= 0; i-- {
		least[i] = 1 + least[i+1]
		take := func(n int) {
			if n > 0 {
				least[i] = min(least[i], 1+least[i+n])
			}
		}
		rest := text[i:]
		for _, word := range words {
			take(spells(rest, word))
		}
		for n := range runAlongRow(rest) + 1 { // any part of a run: the rest may begin something better
			if n >= 3 {
				take(n)
			}
		}
		for n := 1; n < len(rest) && rest[n] == rest[0]; n++ {
			take(n + 1)
		}
		take(year(rest))
	}
	return least[0]
}

// disguises are the letters a digit or sign is often written for.
var disguises = map[rune]string{'0': "o", '1': "il", '3': "e", '4': "a", '5': "s", '7': "t", '8': "b", '9': "g", '@': "a", '$': "s", '!': "i", '+': "t"}

// spells returns how many runes of text spell word at its beginning: all of the word's, or 0.
func spells(text []rune, word string) int {
	n := 0
	for _, r := range word {
		if n == len(text) || (text[n] != r && !strings.ContainsRune(disguises[text[n]], r)) {
			return 0
		}
		n++
	}
	return n
}

// rows are what fingers and habits run along, forward or backward. All is ASCII.
var rows = []string{
	"abcdefghijklmnopqrstuvwxyz", "01234567890123456789",
	"qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn",
	"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "qazwsxedcrfvtgbyhnujmikolp", "zaq12wsxcde34rfvbgt56yhnmju7", "1q2w3e4r5t6y7u8i9o0p",
	"q1w2e3r4t5y6u7i8o9p0", "!@#$%^&*()", "a1b2c3d4e5f6g7h8i9",
}

// runAlongRow returns the length of the longest run that text begins with.
func runAlongRow(text []rune) int {
	longest := 0
	for _, row := range rows {
		for at := range row {
			if rune(row[at]) != text[0] {
				continue
			}
			for _, step := range []int{1, -1} {
				n := 0
				for j := at; n < len(text) && j >= 0 && j < len(row) && rune(row[j]) == text[n]; j += step {
					n++
				}
				longest = max(longest, n)
			}
		}
	}
	return longest
}

// year returns 4 if text begins with a year from 1900 to 2099.
func year(text []rune) int {
	if len(text) < 4 || !unicode.IsDigit(text[2]) || !unicode.IsDigit(text[3]) {
		return 0
	}
	if century := string(text[:2]); century != "19" && century != "20" {
		return 0
	}
	return 4
}

// personalWords returns what a person's names and addresses are made of: the whole, and its parts of three
// letters or more.
func personalWords(personal []string) []string {
	var words []string
	for _, p := range personal {
		whole := string(lowerRunes(p))
		parts := strings.FieldsFunc(whole, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		for _, word := range append(parts, whole) {
			if utf8.RuneCountInString(word) >= 3 {
				words = append(words, word)
			}
		}
	}
	return words
}

// commonWords are what the best-known passwords are built of, and the best-known long ones. It is no
// dictionary: a password of four ordinary words passes.
var commonWords = strings.Fields(`
	gatehouse password passwort passwd passw pass passphrase kennwort motdepasse contrasena senha sandi katasandi rahasia
	admin administrator root superuser user guest test testing tester demo example sample default temp temporary change changeme
	changeit letmein welcome login logon signin secret secure security access master system server manager support service
	company office computer internet google facebook microsoft windows apple samsung
	qwerty qwertz azerty asdf zxcv qazwsx iloveyou ilove love you lovely baby angel princess sunshine shadow dragon monkey
	football baseball basketball soccer hockey superman batman spiderman pokemon naruto starwars starwar jordan michael jennifer jessica
	charlie daniel ashley nicole andrew thomas robert william maggie summer winter spring autumn monday friday january october
	flower butterfly rainbow chocolate cheese pepper ginger cookie banana orange purple hunter ranger killer trustno1 trustno
	whatever freedom forever hello bonjour hallo hola please thisis this my your the is nothing unknown blink182 matrix mustang
	corvette ferrari mercedes porsche harley liverpool arsenal chelsea barcelona realmadrid manchester united manutd newyork
	yankees london paris jakarta bangkok indonesia thailand singapore sayang bismillah merdeka garuda
	supercalifragilisticexpialidocious thequickbrownfox quickbrownfox
	tobeornottobe maytheforcebewithyou opensesame abracadabra unbelievable incorrect neveragain
	mypassword yourpassword nopassword oldpassword newpassword thepassword
`)
