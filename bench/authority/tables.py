"""The file of a laboratory: everything that it remembers besides private keys of authorities."""

from __future__ import annotations

from ..database import Form

DATABASE = "laboratory.sqlite"

_TABLES = """
CREATE TABLE fact (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE authority (
    id INTEGER PRIMARY KEY,
    hierarchy TEXT NOT NULL,
    level TEXT NOT NULL,
    key_identifier BLOB NOT NULL UNIQUE,
    state TEXT NOT NULL,
    begun INTEGER NOT NULL,
    ended INTEGER,
    issued INTEGER NOT NULL DEFAULT 0,
    certificate INTEGER NOT NULL REFERENCES certificate
);

CREATE TABLE batch (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    source TEXT NOT NULL,
    applicant TEXT NOT NULL,
    received INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    total INTEGER NOT NULL,
    lodge INTEGER NOT NULL,
    finished INTEGER
);

CREATE TABLE request (
    id INTEGER PRIMARY KEY,
    batch INTEGER REFERENCES batch,
    origin TEXT NOT NULL,
    applicant TEXT NOT NULL,
    received INTEGER NOT NULL,
    answered INTEGER,
    state TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    device_type TEXT,
    entity BLOB,
    role INTEGER,
    use TEXT,
    der BLOB,
    certificate INTEGER REFERENCES certificate
);
CREATE INDEX request_waiting ON request (batch, state, id);
CREATE INDEX request_state ON request (state);

CREATE TABLE certificate (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    origin TEXT NOT NULL,
    entity BLOB,
    role INTEGER,
    use TEXT NOT NULL,
    serial TEXT NOT NULL,
    key_identifier BLOB NOT NULL,
    issuer_key BLOB NOT NULL,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    status TEXT NOT NULL,
    changed INTEGER NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    der BLOB NOT NULL,
    UNIQUE (issuer_key, serial)
);
CREATE INDEX certificate_entity ON certificate (entity);
CREATE INDEX certificate_key ON certificate (key_identifier);
CREATE INDEX certificate_status ON certificate (kind, status);

CREATE TABLE pair (key_identifier BLOB PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE list (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    issuer_key BLOB NOT NULL,
    number INTEGER NOT NULL,
    this_update INTEGER NOT NULL,
    next_update INTEGER NOT NULL,
    der BLOB NOT NULL,
    UNIQUE (issuer_key, kind, number)
);

CREATE TABLE event (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, what TEXT NOT NULL)
"""
"""States are kept as words, numbers of octets as BLOBs, serial numbers as hexadecimal digits, times as Instants."""

FORM = Form("a laboratory for test keys", b"MBka", 2, tuple(one.strip() for one in _TABLES.split(";")))
