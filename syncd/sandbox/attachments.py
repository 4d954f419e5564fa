"""The Attachment API: files that hang on records.

Called by `api`. The bytes live in `Instance.blobs`, what is known about them in `sys_attachment`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from syncd.sandbox.access import check_write
from syncd.sandbox.errors import ApiError, no_record, no_resource, not_allowed
from syncd.sandbox.messages import Reply, Request
from syncd.sandbox.paging import Window
from syncd.sandbox.search import Search

if TYPE_CHECKING:
    from syncd.sandbox.instance import Instance, Session
    from syncd.sandbox.records import Row

TABLE = "sys_attachment"


def serve_attachments(
    instance: Instance, request: Request, session: Session, rest: list[str], prefix: str
) -> Reply:
    """`/attachment`, `/attachment/file`, `/attachment/{sys_id}`, `/attachment/{sys_id}/file`."""
    if rest == ["file"]:
        if request.method != "POST":
            raise not_allowed()
        check_write(session, "POST")
        return _upload(instance, request, session, prefix)
    if not rest:
        return _list(instance, request, session, prefix)
    row = instance.store.get(TABLE, rest[0])
    if row is None:
        raise no_record()
    if rest[1:] == ["file"] and request.method in {"GET", "HEAD"}:
        headers = {"Content-Disposition": f'attachment;filename="{row["file_name"]}"'}
        return Reply(200, None, headers, instance.blobs[row.id], row["content_type"])
    if rest[1:]:
        raise no_resource()
    if request.method == "DELETE":
        check_write(session, "DELETE")
        instance.delete(row, session.user)
        return Reply(204)
    return Reply(200, {"result": _describe(instance, request, row, prefix)})


def _list(instance: Instance, request: Request, session: Session, prefix: str) -> Reply:
    window = Window.of(request)
    rows = Search(instance, session, TABLE, request.params.get("sysparm_query", "")).rows()
    result = [_describe(instance, request, row, prefix) for row in window.cut(rows)]
    return Reply(200, {"result": result}, window.headers(request, len(rows)))


def _upload(instance: Instance, request: Request, session: Session, prefix: str) -> Reply:
    table, id = request.params.get("table_name", ""), request.params.get("table_sys_id", "")
    name = request.params.get("file_name", "")
    if not name or table not in instance.dictionary:
        raise ApiError(
            400, "Missing or invalid parameter", "file_name, table_name and table_sys_id are mandatory"
        )
    if instance.store.get(table, id) is None:
        raise no_record()
    given = {
        "file_name": name,
        "table_name": table,
        "table_sys_id": id,
        "content_type": request.headers.get("content-type", "application/octet-stream"),
        "size_bytes": str(len(request.body)),
        "size_compressed": str(len(request.body)),
        "hash": hashlib.sha256(request.body).hexdigest(),
    }
    row = instance.insert(TABLE, given, session.user)
    instance.blobs[row.id] = request.body
    location = f"{request.base}{prefix}/attachment/{row.id}/file"
    return Reply(201, {"result": _describe(instance, request, row, prefix)}, {"Location": location})


def _describe(instance: Instance, request: Request, row: Row, prefix: str) -> dict[str, str]:
    described = {name: row[name] for name in instance.dictionary.fields(TABLE)}
    described["download_link"] = f"{request.base}{prefix}/attachment/{row.id}/file"
    return described
