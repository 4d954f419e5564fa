"""What is kept of a record whose order ended long ago: its identity, its state, and a digest of what it said.

Called by the state, which reduces snapshots, and by the rules, which compare with them. Read again unchanged, a reduced
record decides nothing; changed, only its state counts, because nobody knows any more what its fields were.
"""

from __future__ import annotations

from dataclasses import replace

from mappings.model import Record

DIGEST = ""
"""The field that holds the digest in place of all others: no profile can name it."""


def is_reduced(record: Record) -> bool:
    return DIGEST in record.fields


def reduced(record: Record, digest: str) -> Record:
    """The record without its body. `digest` is that of its content."""
    return record if is_reduced(record) else replace(record, fields={DIGEST: digest})


def as_far_as_known(before: Record, now: Record) -> Record:
    """A reduced record with the fields that it has now; any other as it is."""
    return replace(before, fields=now.fields) if is_reduced(before) else before
