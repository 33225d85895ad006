"""Many jobs through many processes that are killed, frozen and cut off at random."""
