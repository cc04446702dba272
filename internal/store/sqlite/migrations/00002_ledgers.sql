-- +goose Up
-- What a look at a disk read in full, for the next look at the same lineage.
CREATE TABLE ledgers (
  ref    TEXT PRIMARY KEY,
  volume TEXT NOT NULL, -- the disk it is a version of, empty when unknown
  at     INTEGER NOT NULL,
  body   BLOB NOT NULL
);
CREATE INDEX ledgers_volume ON ledgers (volume, at);

-- +goose Down
DROP TABLE ledgers;
