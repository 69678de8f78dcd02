"""The tables of the journal, and what brings those of earlier versions to this one."""

SCHEMA = 3
RETRIED = """
CREATE TABLE retried (
    kind TEXT NOT NULL, id TEXT NOT NULL, attempt INTEGER NOT NULL, PRIMARY KEY (kind, id)
) WITHOUT ROWID
"""
LEASES = """
CREATE TABLE leases (
    id BLOB PRIMARY KEY, model TEXT NOT NULL, role TEXT NOT NULL,
    input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL
)
"""
TABLES = f"""
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE effects (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL, value BLOB NOT NULL,
    packed INTEGER NOT NULL DEFAULT 0, source TEXT
);
CREATE UNIQUE INDEX effect_keys ON effects (key);
CREATE TABLE marks (
    id TEXT PRIMARY KEY, ending TEXT NOT NULL, kinds TEXT NOT NULL DEFAULT '{{}}'
) WITHOUT ROWID;
CREATE TABLE files (name TEXT PRIMARY KEY, rows INTEGER NOT NULL, bytes INTEGER NOT NULL);
CREATE TABLE emitted (
    file TEXT NOT NULL, id TEXT NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (file, id)
) WITHOUT ROWID;
CREATE TABLE outbox (file TEXT NOT NULL, offset INTEGER NOT NULL, line BLOB NOT NULL);
CREATE TABLE counts (name TEXT PRIMARY KEY, count INTEGER NOT NULL);
{RETRIED};
{LEASES}
"""
# The key of effects has an index of its own, apart from the long rows. Rows in a WITHOUT ROWID tree
# are written at less than half the speed.
MIGRATIONS = {
    1: f"ALTER TABLE effects ADD COLUMN packed INTEGER NOT NULL DEFAULT 0; {RETRIED}",
    2: f"""ALTER TABLE effects ADD COLUMN source TEXT;
ALTER TABLE marks ADD COLUMN kinds TEXT NOT NULL DEFAULT '{{}}';
{LEASES}""",
}
"""What brings a journal of that schema to the next."""
SMALL = ("meta", "marks", "files", "emitted", "outbox", "counts", "retried", "leases")
"""All tables but the effects: without one of them, rows could be written twice."""
