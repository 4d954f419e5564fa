"""`python -m syncd.sandbox`: the simulated systems from the command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import orjson

from syncd.sandbox.dialect import Names
from syncd.sandbox.server import SandboxOptions, main
from syncd.sandbox.world import PASSWORD


def parse(arguments: Sequence[str] | None = None) -> SandboxOptions:
    """The options of a command line."""
    parser = argparse.ArgumentParser(
        prog="python -m syncd.sandbox", description="Simulated order management and field service"
    )
    for name, default, text in (
        ("--om-port", 0, "port of order management (0: a free one)"),
        ("--fsm-port", 0, "port of field service (0: a free one)"),
        ("--seed", 1, "seed of ids and demo data"),
        ("--history", 0, "old domain orders to begin with"),
        ("--latency-ms", 0, "delay of every answer"),
        ("--decomposition-delay-ms", 300, "time between approval and domain orders"),
    ):
        parser.add_argument(name, type=int, default=default, metavar="N", help=text)
    parser.add_argument("--shared", action="store_true", help="one instance behind both ports")
    parser.add_argument("--qualification", action="store_true", help="work orders wait for qualification")
    parser.add_argument("--naive", action="store_true", help="order management refuses nothing by itself")
    parser.add_argument("--password", default=PASSWORD, help="of every simulated user")
    parser.add_argument("--ready-file", type=Path, help="also write the announced line to this file")
    parser.add_argument(
        "--dialect", type=Path, metavar="FILE", help="JSON: other names of tables, columns, states and labels"
    )
    parser.add_argument("--states-file", type=Path, help="JSON: table -> canonical state -> stored value")
    parser.add_argument("--tls-cert", type=Path, help="certificate file: speak TLS")
    parser.add_argument("--tls-key", type=Path, help="key file of the certificate")
    given = parser.parse_args(arguments)
    return SandboxOptions(
        om_port=given.om_port,
        fsm_port=given.fsm_port,
        shared=given.shared,
        seed=given.seed,
        history=given.history,
        latency_ms=given.latency_ms,
        decomposition_delay_ms=given.decomposition_delay_ms,
        qualification=given.qualification,
        enforcing=not given.naive,
        password=given.password,
        ready_file=given.ready_file,
        states=orjson.loads(given.states_file.read_bytes()) if given.states_file else {},
        names=Names(**orjson.loads(given.dialect.read_bytes())) if given.dialect else Names(),
        tls_cert=given.tls_cert,
        tls_key=given.tls_key,
    )


if __name__ == "__main__":
    main(parse())
