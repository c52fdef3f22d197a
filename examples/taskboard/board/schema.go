package board

import (
	"context"
	"database/sql"
	"fmt"
)

// migrations bring a database from version i to i+1; SQLite keeps the version in
// user_version. Entries are never edited, only added: databases out there have run them.
var migrations = [...]string{
	// 1: AUTOINCREMENT, so that the id of a deleted task never names another one. Tags
	// are a JSON array in the row: a task is one row, read and written as a whole.
	`CREATE TABLE tasks (
		id      INTEGER PRIMARY KEY AUTOINCREMENT,
		title   TEXT    NOT NULL,
		owner   TEXT    NOT NULL,
		status  TEXT    NOT NULL CHECK (status IN ('todo', 'doing', 'done')),
		tags    TEXT    NOT NULL CHECK (json_valid(tags)),
		due     TEXT,
		created INTEGER NOT NULL, -- unix milliseconds
		updated INTEGER NOT NULL,
		version INTEGER NOT NULL
	) STRICT;
	CREATE INDEX tasks_status ON tasks (status, id);
	CREATE INDEX tasks_owner  ON tasks (owner, id);
	CREATE INDEX tasks_due    ON tasks (due) WHERE due IS NOT NULL;`,
	// 2: the files of tasks. Their contents lie in a directory, each under its blob: a
	// name that is ours, so that no name of a client's is ever a path.
	`CREATE TABLE files (
		id      INTEGER PRIMARY KEY AUTOINCREMENT,
		task    INTEGER NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
		blob    TEXT    NOT NULL UNIQUE,
		name    TEXT    NOT NULL,
		size    INTEGER NOT NULL,
		created INTEGER NOT NULL
	) STRICT;
	CREATE INDEX files_task ON files (task, id);`,
	// 3: what was said in the rooms. A room's name may hold any byte, and a packet has its
	// place in it; number only says which of two came first.
	`CREATE TABLE journal (
		number INTEGER PRIMARY KEY,
		room   BLOB NOT NULL,
		packet BLOB NOT NULL
	) STRICT;
	CREATE INDEX journal_room ON journal (room, number);`,
	// 4: people, with hashes of what they sign in by and of what their programs send.
	`CREATE TABLE people (
		name     TEXT PRIMARY KEY COLLATE NOCASE,
		role     TEXT NOT NULL CHECK (role IN ('viewer', 'member', 'admin')),
		password TEXT,
		key      BLOB UNIQUE
	) STRICT, WITHOUT ROWID;`,
}

// migrate brings the schema to the newest version, in one transaction: a process
// that dies half-way leaves the old version behind.
func migrate(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	var version int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version > len(migrations) {
		return fmt.Errorf("the database has schema %d and this program knows %d: use a newer taskboard", version, len(migrations))
	}
	for _, m := range migrations[version:] {
		if _, err := tx.ExecContext(ctx, m); err != nil {
			return fmt.Errorf("migration from schema %d: %w", version, err)
		}
		version++
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version)); err != nil {
		return err
	}
	return tx.Commit()
}
