package store

// SweepStatement is one of the statements that sweeping runs, with its first arguments: a time, a number, an action.
type SweepStatement struct {
	SQL  string
	Args int
}

// SweepStatements are all of those that look for rows.
func SweepStatements() []SweepStatement {
	var out []SweepStatement
	for _, one := range sweeps {
		out = append(out, SweepStatement{one.query(), 2})
	}
	out = append(out, SweepStatement{sweepEvents, 3}, SweepStatement{sweepImages, 2})
	for _, over := range overFamilies {
		out = append(out, SweepStatement{sweepOf("refresh_tokens", over), 2}, SweepStatement{sweepOf("codes", over), 2}, SweepStatement{sweepFamilies(over), 1})
	}
	return out
}
