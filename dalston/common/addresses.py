"""Addresses that a server may be asked to call: which are permitted, and how to keep to them.

Whoever names an address for the server to call can otherwise make it call what only the server can
reach: itself, its neighbours, the service that hands out its credentials (server-side request
forgery). Three steps, for each address and for each redirection to another one:

1. `check_url` reads the text alone;
2. `resolve` asks for the host's addresses once, and all of them must be permitted;
3. the connection goes to one of those (`CalledUrl.at`), so that a name which answers differently
   the second time changes nothing.

What is global is said by IANA's registries of special-purpose addresses, as `ipaddress` knows them.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import zip_longest
from urllib.parse import SplitResult, urlsplit

import msgspec

from dalston.common.errors import ForbiddenAddressError, InvalidUrlError, UnresolvedHostError

MAX_URL_CHARACTERS = 2048
RESOLUTION_SECONDS = 10.0
"""Beyond this a host counts as not found for now."""
_DEFAULT_PORTS = {"http": 80, "https": 443}
_FIRST_FREE_PORT = 1024
"""Below stand the services of a machine (mail, remote shells), which a request may confuse."""
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,252})|[0-9A-Fa-f:.]+")
_UNFIT = re.compile(r"[^\x21-\x7e]|[\\\"<>^`{|}]")

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_METADATA = tuple(
    map(
        ipaddress.ip_network,
        (
            "168.63.129.16",  # Azure
            "100.100.100.200",  # Alibaba Cloud
            "192.0.0.192",  # Oracle Cloud
            "fd00:ec2::/32",  # AWS
            "fd20:ce::254",  # Google Cloud
            "fd00:c1::a9fe:a9fe",  # Oracle Cloud
            "fd00:42::42",  # Scaleway
        ),
    )
)
"""Where clouds answer questions of their own machines, outside of the link-local networks."""
_PROTOCOLS = ipaddress.ip_network("192.0.0.0/24")
"""For protocols (RFC 6890). Some versions of Python take most of it for global."""
_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")
_SITE_LOCAL = ipaddress.ip_network("fec0::/10")
"""Private once (RFC 3879), and taken for global by Python."""
_LOOKUPS = ThreadPoolExecutor(32, "host-lookup")
"""Of their own: a name server that doesn't answer holds a thread for as long as it likes."""
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 addresses inside of IPv6 ones, by NAT64 (RFC 6052)."""
_COMPATIBLE = ipaddress.ip_network("::/96")
"""The same in the old, abandoned notation (RFC 4291, 2.5.5.1)."""


class CalledUrl(msgspec.Struct, frozen=True):
    """An address whose text is in order.

    Attributes:
        scheme: `http` or `https`.
        host: Name or address, in small letters, without brackets.
        port: Its port, also where the text leaves it out.
        path: Path and query, as given; at least `/`.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Return what the request's `Host` header says."""
        return self._with_port(self.host)

    @property
    def url(self) -> str:
        """Return the whole, without what a server never sees (`#…`)."""
        return f"{self.scheme}://{self.authority}{self.path}"

    def at(self, address: str) -> str:
        """Return the same with an address for its host, to connect to that and to no other.

        The request needs `Host: {authority}`, and TLS the name `host`, for SNI and certificate.
        """
        return f"{self.scheme}://{self._with_port(address)}{self.path}"

    def _with_port(self, host: str) -> str:
        shown = f"[{host}]" if ":" in host else host
        return shown if self.port == _DEFAULT_PORTS[self.scheme] else f"{shown}:{self.port}"


def check_url(
    url: str,
    *,
    allow_private: bool,
    schemes: Collection[str] = ("https", "http"),
    most_characters: int = MAX_URL_CHARACTERS,
    param: str | None = None,
    permitted_by: str | None = None,
) -> CalledUrl:
    """Read an address that somebody gave.

    Args:
        url: What they gave, in the notation of RFC 3986. Other letters must be encoded.
        allow_private: Whether it may be in a private network or on this machine.
        schemes: Those that are permitted.
        most_characters: How long it may be.
        param: The request's field that it came in, for the error.
        permitted_by: The setting that permits more, for the error: `NAME=value`.

    Raises:
        InvalidUrlError: It can't be read, or has what it may not have.
        ForbiddenAddressError: Its host is written as an address that may not be called.
    """
    parts = _split(url, most_characters, param)
    if parts.scheme not in schemes:
        able = permitted_by if parts.scheme in _DEFAULT_PORTS else None
        raise InvalidUrlError(
            f"The address must begin with {_any_of(schemes)}.{_hint(able)}", param=param
        )
    if "@" in parts.netloc:
        raise InvalidUrlError(
            "The address may not hold a user name or a password: it would be stored and shown.",
            param=param,
        )
    host = (parts.hostname or "").removesuffix(".")
    if not _HOST.fullmatch(host):
        raise InvalidUrlError(
            "The address needs the name of a host, in ASCII (xn--… for other letters).", param=param
        )
    port = _port(parts, allow_private=allow_private, param=param)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    called = CalledUrl(parts.scheme, host, port, path)
    literal = _literal(host)
    if literal is not None and not is_permitted(literal, allow_private=allow_private):
        # Some addresses are refused whatever is set.
        able = permitted_by if is_permitted(literal, allow_private=True) else None
        raise _forbidden(host, param, able)
    return called


def is_permitted(address: _Address, *, allow_private: bool) -> bool:
    """Tell whether the server may call an address.

    Never: link-local ones and those where a cloud answers its machines, multicast, unspecified and
    reserved ones. With `allow_private`: all others. Without it: those alone that are global.
    """
    inner = _inner(address)
    if inner is not None:
        return is_permitted(inner, allow_private=allow_private)
    if address.is_link_local or any(address in network for network in _METADATA):
        return False
    if address.is_multicast or address.is_unspecified or address in _THIS_NETWORK:
        return False
    if address.is_loopback:
        return allow_private
    is_global = address.is_global and address not in _SITE_LOCAL and address not in _PROTOCOLS
    return not address.is_reserved and (allow_private or is_global)


async def resolve(
    called: CalledUrl, *, allow_private: bool, seconds: float = RESOLUTION_SECONDS
) -> list[str]:
    """Ask once for a host's addresses.

    Args:
        called: What is about to be called.
        allow_private: As of `check_url`.
        seconds: How long it may take.

    Returns:
        All of them, at least one, in the order in which they should be tried: as the system has
        them, IPv6 and IPv4 by turns (RFC 8305, 4), for one of the two may lead nowhere.

    Raises:
        UnresolvedHostError: There is none, or none was found in time; a later try may find one.
        ForbiddenAddressError: One of them may not be called: a name that leads to a permitted
            address and to another one is not called at all.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            look_up = partial(socket.getaddrinfo, called.host, called.port, type=socket.SOCK_STREAM)
            found = await loop.run_in_executor(_LOOKUPS, look_up)
    except (OSError, TimeoutError, UnicodeError) as error:
        raise UnresolvedHostError(
            f"The host {called.host} wasn't found: check its name and try again."
        ) from error
    addresses = _by_turns(list(dict.fromkeys(str(entry[4][0]) for entry in found)))
    if not all(
        is_permitted(ipaddress.ip_address(address), allow_private=allow_private)
        for address in addresses
    ):
        raise _forbidden(called.host)
    return addresses


def _by_turns(addresses: list[str]) -> list[str]:
    of_first = [one for one in addresses if (":" in one) == (":" in addresses[0])]
    others = [one for one in addresses if one not in of_first]
    pairs = zip_longest(of_first, others)
    return [one for pair in pairs for one in pair if one is not None]


def _split(url: str, most_characters: int, param: str | None) -> SplitResult:
    if len(url) > most_characters or _UNFIT.search(url):
        raise InvalidUrlError(
            f"An address has up to {most_characters} visible ASCII characters; encode others.",
            param=param,
        )
    try:
        return urlsplit(url)
    except ValueError as error:
        raise InvalidUrlError("The address can't be read as a URL.", param=param) from error


def _port(parts: SplitResult, *, allow_private: bool, param: str | None) -> int:
    default = _DEFAULT_PORTS[parts.scheme]
    try:
        port = parts.port if parts.port is not None else default
    except ValueError:
        port = 0
    is_free = allow_private or port >= _FIRST_FREE_PORT or port in _DEFAULT_PORTS.values()
    if not port or not is_free:
        raise InvalidUrlError(
            f"The address's port must be 80, 443 or one from {_FIRST_FREE_PORT} to 65535.",
            param=param,
        )
    return port


def _literal(host: str) -> _Address | None:
    """Return the address that a host can't but mean, however it is written: `127.1`, `0x7f000001`.

    Any other name is looked up by who calls it, at the time when it is called.
    """
    if host == "localhost" or host.endswith(".localhost"):
        return ipaddress.ip_address("127.0.0.1")
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.ip_address(socket.inet_aton(host))
    except OSError:
        return None


def _inner(address: _Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 one leads to, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.teredo is not None:
        return address.teredo[1]
    old = address in _COMPATIBLE and not address.is_loopback and not address.is_unspecified
    if address in _TRANSLATED or old:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _any_of(schemes: Collection[str]) -> str:
    return " or ".join(f"{scheme}://" for scheme in schemes)


def _hint(permitted_by: str | None) -> str:
    return f" Whoever runs the server permits others with {permitted_by}." if permitted_by else ""


def _forbidden(
    host: str, param: str | None = None, permitted_by: str | None = None
) -> ForbiddenAddressError:
    others = ", or have whoever runs the server permit others." if permitted_by is None else "."
    return ForbiddenAddressError(
        f"{host} leads into a private network or to the server's own machine. Use an address that"
        f" is reachable from everywhere{others}{_hint(permitted_by)}",
        param=param,
    )
