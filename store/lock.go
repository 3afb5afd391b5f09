package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// advisoryLock is the key of the lock that starting nodes take on PostgreSQL: "gatehous" in ASCII.
const advisoryLock = 0x67617465686f7573

// lock keeps every other process that starts on the same database waiting until unlock is called, or this one dies.
func (s *Store) lock(ctx context.Context) (unlock func(), err error) {
	if s.dialect == SQLite {
		return lockFile(ctx, s.path+".lock")
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, failure("database lock", err)
	}
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", int64(advisoryLock)); err != nil {
		return nil, errors.Join(failure("database lock", err), conn.Close())
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_unlock($1)", int64(advisoryLock)); err != nil {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // the lock goes with the connection
		}
		_ = conn.Close()
	}, nil
}

func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("database lock: %w", err)
	}
	retry := time.NewTicker(2 * time.Millisecond) // a blocking flock would not end with the context
	defer retry.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("database lock: %w", err), file.Close())
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return nil, errors.Join(failure("database lock", ctx.Err()), file.Close())
		}
	}
}
