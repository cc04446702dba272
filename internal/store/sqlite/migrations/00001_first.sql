-- +goose Up
CREATE TABLE runs (
  id      TEXT PRIMARY KEY,
  started INTEGER NOT NULL, -- nanoseconds since 1970, UTC, as every time here
  body    BLOB NOT NULL
);
CREATE INDEX runs_started ON runs (started);

CREATE TABLE contexts (
  run   TEXT NOT NULL,
  scope TEXT NOT NULL,
  body  BLOB NOT NULL,
  PRIMARY KEY (run, scope)
);

CREATE TABLE assets (
  ref        TEXT PRIMARY KEY,
  run        TEXT NOT NULL, -- the newest run that saw it
  first_seen INTEGER NOT NULL,
  body       BLOB NOT NULL
);
CREATE INDEX assets_run ON assets (run, ref);

-- One row for each stretch of time in which somebody else could, or might soon,
-- reach an asset. Private is what no row says: most assets have none.
CREATE TABLE intervals (
  id        INTEGER PRIMARY KEY,
  ref       TEXT NOT NULL,
  verdict   TEXT NOT NULL,
  since     INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  until     INTEGER, -- NULL while it stands
  run       TEXT NOT NULL,
  body      BLOB NOT NULL
);
CREATE INDEX intervals_ref ON intervals (ref, since);
CREATE UNIQUE INDEX intervals_standing ON intervals (ref) WHERE until IS NULL;

CREATE TABLE evidence (
  ref  TEXT PRIMARY KEY,
  body BLOB NOT NULL
);

CREATE TABLE findings (
  id       TEXT PRIMARY KEY,
  rule     TEXT NOT NULL,
  status   TEXT NOT NULL,
  severity INTEGER NOT NULL,
  provider TEXT NOT NULL,
  account  TEXT NOT NULL,
  region   TEXT NOT NULL,
  kind     TEXT NOT NULL,
  body     BLOB NOT NULL
);
CREATE INDEX findings_order ON findings (severity DESC, id);

-- +goose Down
DROP TABLE findings;
DROP TABLE evidence;
DROP TABLE intervals;
DROP TABLE assets;
DROP TABLE contexts;
DROP TABLE runs;
