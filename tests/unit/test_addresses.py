"""Which addresses the server may be asked to call."""

from __future__ import annotations

import asyncio
import ipaddress

import pytest

from dalston.common.addresses import CalledUrl, check_url, is_permitted, resolve
from dalston.common.errors import ForbiddenAddressError, InvalidUrlError, UnresolvedHostError

GLOBAL = ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"]
PRIVATE = [
    "fec0::1",
    "127.0.0.1",
    "127.8.8.8",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "198.18.0.1",
    "::1",
    "fd12:3456::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "192.0.0.8",
    "192.0.0.171",
    "fd00:ec3::1",
]
NEVER = [
    "0.0.0.1",
    "::",
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "::169.254.169.254",
    "fe80::1",
    "168.63.129.16",
    "100.100.100.200",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "192.0.0.192",
    "fd20:ce::254",
    "fd00:c1::a9fe:a9fe",
    "fd00:42::42",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
    "240.0.0.1",
]


@pytest.mark.parametrize("address", GLOBAL)
def test_what_everybody_reaches_is_permitted(address: str) -> None:
    assert is_permitted(ipaddress.ip_address(address), allow_private=False)
    assert is_permitted(ipaddress.ip_address(address), allow_private=True)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_networks_and_the_machine_itself_are_permitted_on_demand(address: str) -> None:
    assert not is_permitted(ipaddress.ip_address(address), allow_private=False)
    assert is_permitted(ipaddress.ip_address(address), allow_private=True)


@pytest.mark.parametrize("address", NEVER)
def test_where_credentials_are_handed_out_is_never_permitted(address: str) -> None:
    assert not is_permitted(ipaddress.ip_address(address), allow_private=False)
    assert not is_permitted(ipaddress.ip_address(address), allow_private=True)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://Example.org", CalledUrl("https", "example.org", 443, "/")),
        ("HTTP://example.org:80/a?b=c#d", CalledUrl("http", "example.org", 80, "/a?b=c")),
        ("https://example.org.:8443/a%20b", CalledUrl("https", "example.org", 8443, "/a%20b")),
        ("https://[2606:2800::1]:8443?x", CalledUrl("https", "2606:2800::1", 8443, "/?x")),
        ("https://example.org//a//b?c=d", CalledUrl("https", "example.org", 443, "//a//b?c=d")),
        ("https://example.org/a?", CalledUrl("https", "example.org", 443, "/a")),
        ("https://xn--bcher-kva.example/", CalledUrl("https", "xn--bcher-kva.example", 443, "/")),
    ],
)
def test_an_address_in_order_is_read(url: str, expected: CalledUrl) -> None:
    assert check_url(url, allow_private=False) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "//example.org/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "https://",
        "https:///path",
        "https://user@example.org/",
        "https://user:password@example.org/",
        "https://example.org:0/",
        "https://example.org:22/",
        "https://example.org:65536/",
        "https://example.org:port/",
        "https://example.org\\@127.0.0.1/",
        "https://example.org/\r\nX-Header: 1",
        "https://exa mple.org/",
        "https://bücher.example/",
        "https://[fe80::1%25eth0]/",
        "https://[::1/",
        "https://%31%32%37.0.0.1/",
        "https://example.org/" + "a" * 2048,
    ],
)
def test_an_address_that_is_not_in_order_is_refused(url: str) -> None:
    with pytest.raises(InvalidUrlError) as refusal:
        check_url(url, allow_private=False, param="callback_url")
    assert refusal.value.param == "callback_url"


def test_schemes_and_ports_are_the_callers_choice() -> None:
    with pytest.raises(InvalidUrlError, match="must begin with https://"):
        check_url("http://example.org/", allow_private=False, schemes=("https",))
    assert check_url("http://example.org:81/", allow_private=True).port == 81


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "10.1.2.3", "169.254.169.254", "224.0.0.1"])
def test_a_forbidden_address_is_refused_by_its_text(host: str) -> None:
    with pytest.raises(ForbiddenAddressError):
        check_url(f"http://{host}/", allow_private=False)


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("https://127.0.0.1:9000/", True),
        ("http://example.org/", True),
        ("https://169.254.169.254/", False),
        ("ftp://example.org/", False),
    ],
)
def test_the_setting_that_permits_more_is_named_where_it_would(url: str, *, named: bool) -> None:
    with pytest.raises((ForbiddenAddressError, InvalidUrlError)) as refusal:
        check_url(url, allow_private=False, schemes=("https",), permitted_by="SETTING=any")
    assert ("permits others with SETTING=any" in str(refusal.value)) is named


def test_a_request_goes_to_an_address_under_its_own_name() -> None:
    called = check_url("https://example.org:8443/a?b", allow_private=False)
    assert called.authority == "example.org:8443"
    assert called.url == "https://example.org:8443/a?b"
    assert called.at("93.184.216.34") == "https://93.184.216.34:8443/a?b"
    assert called.at("2606:2800::1") == "https://[2606:2800::1]:8443/a?b"
    assert check_url("http://example.org/", allow_private=False).authority == "example.org"


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f.1", "017700000001"])
def test_a_name_of_this_machine_is_found_out_by_its_text_and_when_it_is_resolved(host: str) -> None:
    with pytest.raises(ForbiddenAddressError):
        check_url(f"http://{host}/", allow_private=False)
    called = check_url(f"http://{host}/", allow_private=True)
    with pytest.raises(ForbiddenAddressError):
        asyncio.run(resolve(called, allow_private=False))
    assert set(asyncio.run(resolve(called, allow_private=True))) <= {"127.0.0.1", "::1"}


def test_a_host_that_is_not_there_may_be_there_later() -> None:
    called = check_url("http://nobody.invalid/", allow_private=False)
    with pytest.raises(UnresolvedHostError) as refusal:
        asyncio.run(resolve(called, allow_private=False))
    assert refusal.value.retryable
