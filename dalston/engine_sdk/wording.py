"""How texts are put together, for engines that write more than one sentence.

See `dalston.common.wording`.
"""

from dalston.common.wording import joined, words_in

__all__ = ["joined", "words_in"]
