"""Keeps pages of web sites from using a server that asks for no key.

A browser sends what a page wants sent to any address, also to one of this machine: that the page
may not read the answer comes too late for an upload. And a site may give its own name this
machine's address (DNS rebinding); then its pages may read the answers as well.
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address

from starlette.datastructures import Headers

from dalston.common.errors import InvalidKeyError

_NOBODYS = (".localhost", ".local", ".internal", ".home.arpa", ".test")
"""Ends of names that nobody can register (RFC 6761, RFC 6762, RFC 8375, ICANN 2024)."""


def refuse_foreign_pages(headers: Headers, origins: Collection[str]) -> None:
    """Let a request without a key through only if no web site can have caused it.

    Programs send no `Origin`, and call the server by an address or a name of their own network.

    Args:
        headers: The request's.
        origins: Web sites whose pages may call the server.

    Raises:
        InvalidKeyError: A page of another site sent it, or it came by a name that a site may have.
    """
    host = headers.get("host", "").lower()
    origin = headers.get("origin")
    by_own_page = origin is None or origin in origins or origin.lower().partition("://")[2] == host
    if not by_own_page or not _is_nobodys(host):
        raise InvalidKeyError(
            "Without API keys this server answers no page of another web site, and only who calls "
            "it by an address or a name of its own network. Make a key with `dalston keys create` "
            "and send it, or name the page's site in DALSTON_CORS_ORIGINS."
        )


def _is_nobodys(host: str) -> bool:
    """Tell whether no web site can have a `Host` as its own name."""
    name = host.partition("]")[0].removeprefix("[") if host[:1] == "[" else host.partition(":")[0]
    name = name.removesuffix(".")
    try:
        ip_address(name)
    except ValueError:
        return "." not in name or name.endswith(_NOBODYS)
    return True
