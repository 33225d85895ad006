"""How texts are put together, for engines that write more than one sentence.

See `dalston.common.wording`.
"""

from dalston.common.wording import belongs_to_word, joined, words_in

__all__ = ["belongs_to_word", "joined", "words_in"]
