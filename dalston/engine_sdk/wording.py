"""How texts are put together, for engines that write more than one sentence.

See `dalston.common.wording`.
"""

from dalston.common.wording import joined

__all__ = ["joined"]
