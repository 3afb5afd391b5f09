package store

import (
	"context"
)

// ClientMilestones are what an application has done, as far as what is kept tells.
type ClientMilestones struct {
	Asked     bool `db:"asked"`     // a browser came with its authorization request, and waits for its person
	Code      bool `db:"code"`      // was issued
	Redeemed  bool `db:"redeemed"`  // a code was
	Password  bool `db:"password"`  // was traded for a token
	Refreshed bool `db:"refreshed"` // one of its newest families
}

// milestonesWithin is how many of a client's newest families are looked at for one of a kind.
const milestonesWithin = "1000"

// newestFamily is the condition that one of the newest families of the client $1 fits another.
func newestFamily(condition string) string {
	return "EXISTS (SELECT 1 FROM (SELECT grant_type, generation FROM families WHERE client_id = $1 ORDER BY id DESC LIMIT " + milestonesWithin + ") AS newest WHERE " + condition + ")"
}

var clientMilestones = "SELECT EXISTS (SELECT 1 FROM interactions WHERE client_id = $1) AS asked, EXISTS (SELECT 1 FROM codes WHERE client_id = $1) AS code, " +
	newestFamily("grant_type = 'authorization_code'") + " AS redeemed, " + newestFamily("grant_type = 'password'") + " AS password, " +
	newestFamily("generation > 0") + " AS refreshed"

// ClientMilestones tells how far an application has come.
func (s *Store) ClientMilestones(ctx context.Context, clientID string) (m ClientMilestones, err error) {
	err = s.get(ctx, "client", &m, clientMilestones, clientID)
	return m, err
}
