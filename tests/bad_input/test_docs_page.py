"""The documentation page needs nothing from elsewhere: many servers have no way out."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.support.stack import Stack


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_documentation_comes_from_this_server_alone(stub_server: Stack, path: str) -> None:
    page = stub_server.client.get(path)

    assert page.status_code == httpx.codes.OK
    linked = re.findall(r"""(?:src|href)=["']([^"']+)["']""", page.text)
    assert linked
    for address in linked:
        assert address.startswith("/"), f"{address} is elsewhere"
        assert stub_server.client.get(address).status_code == httpx.codes.OK
