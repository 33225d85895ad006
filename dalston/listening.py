"""Where a server listens: its socket, the addresses at which it is reached, and who runs where."""

from __future__ import annotations

import errno
import ipaddress
import json
import os
import socket
from pathlib import Path

from dalston.common.errors import ConfigurationError, UnavailableError

_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound
_ELSEWHERE = {socket.AF_INET: "203.0.113.1", socket.AF_INET6: "2001:db8::1"}
"""Addresses of nobody, for documents (RFC 5737, RFC 3849)."""


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes a free one.

    Raises:
        ConfigurationError: The address is taken, or can't be one.
        UnavailableError: It isn't one of this machine, whose network may not be there yet, or DNS
            doesn't answer.
    """
    listener = None
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except (socket.gaierror, UnicodeError) as error:
        if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
            raise UnavailableError(
                f"Can't listen at '{host}': the name could not be looked up now. Try again when "
                f"this machine's DNS answers, or name an address with --host or DALSTON_HOST."
            ) from None
        # A name with an empty or a too long part doesn't get as far as being looked up.
        raise ConfigurationError(
            f"Can't listen at '{host}': that is neither an address nor a known name. Name an "
            f"address of this machine, such as 127.0.0.1, with --host or DALSTON_HOST."
        ) from None
    except OSError as error:
        if listener is not None:
            listener.close()
        if error.errno == errno.EADDRNOTAVAIL:
            raise UnavailableError(
                f"Can't listen at {host}:{port}: this machine has no such address, or not yet."
            ) from None
        raise ConfigurationError(
            f"Can't listen at {host}:{port} ({error.strerror}). Name another port with --port "
            f'(make serve ARGS="--port 9000").'
        ) from None
    return listener


def server_on(data_dir: Path) -> tuple[str, int] | None:
    """Return URL and process id of the server that says it runs on a data folder, if it does."""
    try:
        written = json.loads((data_dir / "server.json").read_text(encoding="utf-8"))
        url, process_id = str(written["url"]), int(written["pid"])
        os.kill(process_id, 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return url, process_id


def url_here(host: str, port: int) -> str:
    """Return the address at which this machine reaches what listens at a host."""
    return _url("127.0.0.1" if host in _EVERYWHERE else host, port)


def url_for_others(listener: socket.socket) -> str | None:
    """Return the address at which other machines reach one that listens everywhere.

    None if it listens at one address alone, or this machine seems to be in no network. Nothing is
    sent for that.
    """
    host, port = listener.getsockname()[:2]
    if host not in _EVERYWHERE:
        return None
    for family in _families(listener):
        own = _own_address(family)
        if own is not None:
            return _url(own, port)
    return None


def _families(listener: socket.socket) -> tuple[socket.AddressFamily, ...]:
    if listener.family == socket.AF_INET:
        return (socket.AF_INET,)
    if listener.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
        return (socket.AF_INET6,)
    return (socket.AF_INET, socket.AF_INET6)


def _own_address(family: socket.AddressFamily) -> str | None:
    """Return this machine's address in the network that its default route leads to."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            # For UDP this only chooses the route.
            probe.connect((_ELSEWHERE[family], 9))
            own = str(probe.getsockname()[0])
    except OSError:
        return None
    return None if ipaddress.ip_address(own).is_loopback else own


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
