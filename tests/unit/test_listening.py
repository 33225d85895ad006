"""At which addresses a server is reached that listens everywhere."""

from __future__ import annotations

import ipaddress
import socket

import pytest

from dalston.common.errors import ConfigurationError, UnavailableError
from dalston.listening import bind, url_for_others, url_here

EVERYWHERE = "0.0.0.0"  # noqa: S104 - closed at once


def test_this_machine_reaches_what_listens_everywhere_at_loopback() -> None:
    assert url_here(EVERYWHERE, 8000) == "http://127.0.0.1:8000"
    assert url_here("::", 8000) == "http://127.0.0.1:8000"
    assert url_here("192.168.1.7", 8000) == "http://192.168.1.7:8000"
    assert url_here("::1", 8000) == "http://[::1]:8000"


def test_other_machines_are_told_nothing_that_is_in_the_address_already() -> None:
    with bind("127.0.0.1", 0) as listener:
        assert url_for_others(listener) is None


@pytest.mark.parametrize("host", [EVERYWHERE, "::"])
def test_other_machines_are_told_an_address_of_this_one(host: str) -> None:
    if host == "::" and not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    with bind(host, 0) as listener:
        url, port = url_for_others(listener), listener.getsockname()[1]
    if url is None:
        pytest.skip("this machine is in no network")
    found, _, shown = url.removeprefix("http://").rpartition(":")
    own = ipaddress.ip_address(found.strip("[]"))

    assert int(shown) == port
    assert not own.is_loopback
    assert not own.is_unspecified
    # Only an address of this machine can be bound to.
    socket.create_server((str(own), 0), family=_family(own)).close()


def _family(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> socket.AddressFamily:
    return socket.AF_INET if address.version == 4 else socket.AF_INET6


@pytest.mark.parametrize("route", ["127.0.0.2", "255.255.255.255"], ids=["loopback", "none"])
def test_a_machine_without_a_network_tells_nothing(
    route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dalston.listening._ELSEWHERE", {socket.AF_INET: route})
    with bind(EVERYWHERE, 0) as listener:
        assert url_for_others(listener) is None


def test_an_address_that_is_not_there_may_be_there_later() -> None:
    with pytest.raises(UnavailableError, match="or not yet"):
        bind("203.0.113.1", 0)


def test_a_name_may_be_known_when_dns_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", away)
    with pytest.raises(UnavailableError, match="when this machine's DNS answers"):
        bind("dalston.example.org", 0)


def test_a_port_that_is_taken_is_a_setting() -> None:
    with bind("127.0.0.1", 0) as listener, pytest.raises(ConfigurationError, match="--port"):
        bind("127.0.0.1", listener.getsockname()[1])


@pytest.mark.parametrize("host", ["nobody.invalid", "http://127.0.0.1", "[::1]", " ", "a..b"])
def test_of_what_is_no_address_the_port_is_not_blamed(host: str) -> None:
    with pytest.raises(ConfigurationError, match="DALSTON_HOST") as refused:
        bind(host, 0)
    assert "--port" not in refused.value.message
