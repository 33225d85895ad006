"""The checks of an address that somebody asks the server to call, for the engine that calls it.

See `dalston.common.addresses` for what they are good for and in which order they are made.
"""

from dalston.common.addresses import CalledUrl, check_url, resolve
from dalston.common.errors import ForbiddenAddressError, InvalidUrlError, UnresolvedHostError

__all__ = [
    "CalledUrl",
    "ForbiddenAddressError",
    "InvalidUrlError",
    "UnresolvedHostError",
    "check_url",
    "resolve",
]
