package audit

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Late is how long after its time an event may come to be sealed: its transaction took a while, a command waited for somebody's
// input, a node's clock is behind. An hour is always in time, whenever it is looked for; what comes later than this was put there:
// it is never sealed, and verifying finds it.
const Late = 75 * time.Minute

// A Chain proves that the audit log is whole (security.md rule 26). Each event is sealed once, in an order of sealing of its own:
// its seal holds a commitment to all that the event says, under a random key beside it, and a MAC over that and the MAC before.
// So an event can lose what tells of a person, and the oldest can go, without the others becoming unprovable. It is safe for
// concurrent use.
type Chain struct {
	mac    func(parts ...string) string
	commit func(key []byte, parts ...string) string
}

// NewChain makes a chain of what makes a MAC under the house's key, and one under a key that is given.
func NewChain(mac func(parts ...string) string, commit func(key []byte, parts ...string) string) *Chain {
	return &Chain{mac, commit}
}

// ErrChainBroken says that a chain cannot be continued, because its own record is not what we have written.
var ErrChainBroken = errors.New("the record of the audit chain was changed by somebody else: `gatehouse audit verify` tells more")

// Evidence is an event as its seal knows it: all its fields as text, in the order of their columns, the id first. It is text so
// that what later versions add to events changes nothing of what was sealed.
type Evidence []string

// Seal is the place of an event in the chain of its class.
type Seal struct {
	Class      string `db:"class"`
	Seq        int64  `db:"seq"` // from 1 on, without a gap
	EventID    string `db:"event_id"`
	Salt       string `db:"salt"`       // key of the commitment; empty once something was erased
	Commitment string `db:"commitment"` // to the event as it was
	MAC        string `db:"mac"`
	Erased     string `db:"erased"` // proves what an erasure left; empty before
}

// ChainState is where the chain of a class begins and ends.
type ChainState struct {
	Class         string    `db:"class"`
	StartSeq      int64     `db:"start_seq"` // of the last seal that has expired, 0 for none
	StartMAC      string    `db:"start_mac"` // its MAC; of a whole chain a random value, which makes it another than any other
	ExpiredBefore time.Time `db:"expired_before"`
	Seq           int64     `db:"seq"` // of the newest seal
	MAC           string    `db:"mac"` // of the newest seal
	SealedUntil   time.Time `db:"sealed_until"`
	Proof         string    `db:"proof"`
}

// Begin is the chain of a class before its first seal.
func (c *Chain) Begin(class string) ChainState {
	nonce := newSalt()
	return c.Sign(ChainState{Class: class, StartMAC: nonce, MAC: nonce, ExpiredBefore: time.Unix(0, 0).UTC(), SealedUntil: time.Unix(0, 0).UTC()})
}

// Sign proves that a state is ours.
func (c *Chain) Sign(s ChainState) ChainState {
	s.Proof = c.proof(s)
	return s
}

// Ours reports whether we have written the state.
func (c *Chain) Ours(s ChainState) bool { return s.Proof == c.proof(s) }

func (c *Chain) proof(s ChainState) string {
	return c.mac("state", s.Class, number(s.StartSeq), s.StartMAC, instant(s.ExpiredBefore), number(s.Seq), s.MAC, instant(s.SealedUntil))
}

// Seal is the event's seal, and the state of the chain with it.
func (c *Chain) Seal(s ChainState, e Evidence) (Seal, ChainState) {
	seal := Seal{Class: s.Class, Seq: s.Seq + 1, EventID: e[0], Salt: newSalt()}
	seal.Commitment = c.commitment(seal.Salt, e)
	seal.MAC = c.link(seal, s.MAC)
	s.Seq, s.MAC = seal.Seq, seal.MAC
	return seal, s
}

// Follows reports whether the seal is the one after the MAC.
func (c *Chain) Follows(seal Seal, mac string) bool { return seal.MAC == c.link(seal, mac) }

// Covers reports whether the event is what was sealed or, where something of it was erased, what that left.
func (c *Chain) Covers(seal Seal, e Evidence) bool {
	if seal.Erased != "" {
		return seal.Erased == c.erased(seal, e)
	}
	return seal.Commitment == c.commitment(seal.Salt, e)
}

// Erase is the seal of an event that something was taken from, which left e. Nobody can find out by trying what it was.
func (c *Chain) Erase(seal Seal, e Evidence) Seal {
	seal.Salt, seal.Erased = "", c.erased(seal, e)
	return seal
}

func (c *Chain) link(seal Seal, before string) string {
	return c.mac("seal", seal.Class, number(seal.Seq), before, seal.EventID, seal.Commitment)
}

func (c *Chain) commitment(salt string, e Evidence) string { return c.commit([]byte(salt), e...) }

func (c *Chain) erased(seal Seal, e Evidence) string {
	return c.mac(append([]string{"erased", seal.Class, number(seal.Seq), seal.EventID, seal.Commitment}, e...)...)
}

// Checkpoint says, signed, where the chain of a class was at a time. Kept elsewhere it proves that nothing before was cut off, not
// even by somebody who has put a whole older database in the place of this one.
type Checkpoint struct {
	Class string
	Seq   int64
	At    time.Time // of which events had been looked for
	MAC   string
	proof string
}

// Checkpoint is that of a state.
func (c *Chain) Checkpoint(s ChainState) Checkpoint {
	p := Checkpoint{Class: s.Class, Seq: s.Seq, At: s.SealedUntil.UTC(), MAC: s.MAC}
	p.proof = c.vouch(p)
	return p
}

// Vouches reports whether we have signed the checkpoint.
func (c *Chain) Vouches(p Checkpoint) bool { return p.proof == c.vouch(p) }

func (c *Chain) vouch(p Checkpoint) string {
	return c.mac("checkpoint", p.Class, number(p.Seq), instant(p.At), p.MAC)
}

// String is the checkpoint in one word, which is found again in any log.
func (p Checkpoint) String() string {
	return strings.Join([]string{"ghcp1", p.Class, number(p.Seq), instant(p.At), p.MAC, p.proof}, ".")
}

// MarshalText makes JSON say the same.
func (p Checkpoint) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

var checkpointWord = regexp.MustCompile(`\bghcp1\.([a-z]+)\.(\d{1,18})\.(\d{1,18})\.([\w-]{22,43})\.([\w-]{43})`)

// ReadCheckpoints finds the checkpoints in a text, whatever else it says.
func ReadCheckpoints(text string) (found []Checkpoint) {
	for _, m := range checkpointWord.FindAllStringSubmatch(text, -1) {
		seq, _ := strconv.ParseInt(m[2], 10, 64) // digits that fit
		at, _ := strconv.ParseInt(m[3], 10, 64)
		found = append(found, Checkpoint{Class: m[1], Seq: seq, At: time.UnixMicro(at).UTC(), MAC: m[4], proof: m[5]})
	}
	return found
}

// Verification is what came of looking at the whole log.
type Verification struct {
	Events      int64     `json:"events"`                      // proven to be what was sealed
	Expired     int64     `json:"expired,omitempty"`           // whose seals are left, but whose time was over
	Of          int64     `json:"of,omitempty"`                // seals there were when it began: for progress
	SealedUntil time.Time `json:"sealed_until,omitzero"`       // how far events had been looked for; zero for never
	Unsealed    int64     `json:"unsealed"`                    // events that are not sealed yet
	OldestOpen  time.Time `json:"oldest_unsealed,omitzero"`    // the oldest of them
	Checkpoints int       `json:"checkpoints,omitempty"`       // that the chain was compared with
	Older       int       `json:"older_checkpoints,omitempty"` // of events that have all expired: nothing to compare with
	Breaks      []Break   `json:"breaks,omitempty"`            // at most one of each class and kind, the first
}

// Whole reports whether nothing was found.
func (v Verification) Whole() bool { return len(v.Breaks) == 0 }

// Break is a place at which the log is not what was sealed.
type Break struct {
	Class   string `json:"class,omitempty"`
	Seq     int64  `json:"seq,omitempty"`
	EventID string `json:"event_id,omitempty"`
	What    string `json:"what"`
}

func (b Break) String() string {
	var where []string
	if b.Class != "" {
		where = append(where, "chain "+b.Class)
	}
	if b.Seq > 0 {
		where = append(where, "seal "+number(b.Seq))
	}
	if b.EventID != "" {
		where = append(where, "event "+b.EventID)
	}
	if len(where) == 0 {
		return b.What
	}
	return fmt.Sprintf("%s: %s", strings.Join(where, ", "), b.What)
}

// newSalt is a key of 128 random bits.
func newSalt() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // it never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func instant(t time.Time) string { return number(t.UnixMicro()) }
