"""What the simulated instance answers when it says no: one exception, and the wordings of the real one.

Raised by every part of the Table API, turned into a reply by `api`.
"""

from __future__ import annotations


class ApiError(Exception):
    """An error reply: HTTP status, message and detail as the instance words them."""

    def __init__(self, status: int, message: str, detail: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.detail = detail

    def body(self) -> dict[str, object]:
        return {"error": {"message": self.message, "detail": self.detail}, "status": "failure"}


def no_record() -> ApiError:
    """The same words for a record that is absent and for one that access rules hide."""
    return ApiError(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")


def not_authenticated() -> ApiError:
    return ApiError(401, "User Not Authenticated", "Required to provide Auth information")


def invalid_table(name: str) -> ApiError:
    return ApiError(400, f"Invalid table {name}")


def no_resource() -> ApiError:
    return ApiError(400, "Requested URI does not represent any resource")


def not_allowed() -> ApiError:
    return ApiError(405, "Method not Supported")


def acl_refused(operation: str) -> ApiError:
    detail = f"ACL Exception {operation} Failed due to security constraints"
    return ApiError(403, "Operation Failed", detail)


def aborted(table: str, rule: str, rule_id: str) -> ApiError:
    """How a business rule says no."""
    detail = f"Operation against file '{table}' was aborted by Business Rule '{rule}^{rule_id}'. Business Rule Stack:{rule}"
    return ApiError(403, "Operation Failed", detail)


def data_policy(text: str) -> ApiError:
    return ApiError(403, "Operation Failed", f"Data Policy Exception: {text}")


def duplicate_key(table: str, id: str) -> ApiError:
    detail = f"Unique Key violation detected by database (Duplicate entry '{id}' for key '{table}.PRIMARY')"
    return ApiError(500, "Operation Failed", detail)
