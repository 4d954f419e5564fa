"""The durable memory: watermarks, snapshots, links, plans, outbox, quarantine, ledger. The only home of SQLAlchemy."""
