package keys

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"sync"
)

// proven remembers tokens whose signature held: checking one again costs more than everything else about a request. What a
// signature proves never changes; whether its key may still prove anything is asked each time.
type proven struct {
	mu sync.RWMutex
	// newer takes what is new; when it is full it becomes older, and what older held and nobody asked for is forgotten.
	newer, older map[tokenName]provenToken
}

// tokenName names a token by its SHA-256.
type tokenName [sha256.Size]byte

func nameOf(token string) tokenName { return sha256.Sum256([]byte(token)) }

type provenToken struct {
	typ, alg, kid string
	payload       []byte // the claims, JSON
}

// maxProven and maxPayload bound what is remembered: at most 2 × 4096 tokens of 2 KiB.
const (
	maxProven  = 4096
	maxPayload = 2 << 10 // bytes
)

func (m *proven) get(name tokenName) (provenToken, bool) {
	m.mu.RLock()
	t, ok := m.newer[name]
	if ok {
		m.mu.RUnlock()
		return t, true
	}
	t, ok = m.older[name]
	m.mu.RUnlock()
	if ok {
		m.keep(name, t)
	}
	return t, ok
}

// put remembers a token whose signature has just been checked.
func (m *proven) put(name tokenName, token string, t provenToken) {
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	if len(payload) > maxPayload {
		return
	}
	var err error
	if t.payload, err = base64.RawURLEncoding.DecodeString(payload); err == nil {
		m.keep(name, t)
	}
}

func (m *proven) keep(name tokenName, t provenToken) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.newer) >= maxProven {
		m.older, m.newer = m.newer, nil
	}
	if m.newer == nil {
		m.newer = make(map[tokenName]provenToken)
	}
	m.newer[name] = t
}
