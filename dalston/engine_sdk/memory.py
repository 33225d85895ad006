"""Keeps the engines of one machine within the memory that they are given.

Each child of an engine holds its model in memory as long as it lives, so ending it frees all of it.
A child starts only when its memory is free. If it isn't, children that have nothing to do are ended
for it, the one first that has been idle the longest. If that isn't enough, children that have had
their turn are asked to end after their current task.

Nobody waits for memory while holding some, and who waits first is admitted first: so there is no
deadlock, and everybody gets a turn.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

TURN_SECONDS = 30.0
"""A child that always has something to do keeps its memory this long while another waits for it."""


class Tenant:
    """One child's place in the memory, over all the processes that fill it one after the other.

    Args:
        keeper: Of the memory.
        name: Of the engine.
        megabytes: That the child usually takes.
        idle_seconds: How long it may have nothing to do before it is ended.
    """

    def __init__(
        self, keeper: MemoryKeeper, name: str, megabytes: int, idle_seconds: float
    ) -> None:
        self.name = name
        self.megabytes = self.asked_for = self._usual = megabytes
        self.settled_at = 0.0
        self.idle_since: float | None = None
        self.is_leaving = False
        self._keeper = keeper
        self._idle_seconds = idle_seconds
        self._end: Callable[[], Awaitable[None]] | None = None
        self._stay = 0

    async def admitted(self) -> None:
        """Wait until there is memory for the child."""
        await self._keeper.admit(self)

    def admitted_at_once(self) -> bool:
        """Take the memory if it is free and nobody waits for it."""
        return self._keeper.admit_at_once(self)

    def let_in(self) -> None:
        """Begin a stay: the memory has been taken."""
        self._stay += 1
        self.megabytes, self.asked_for = self.asked_for, self._usual
        self.idle_since, self.is_leaving = None, False

    @property
    def is_settled(self) -> bool:
        """Whether the child has loaded what it needs."""
        return self._end is not None

    def settle(self, end: Callable[[], Awaitable[None]]) -> None:
        """Begin a turn: the child is loaded.

        Args:
            end: Ends the child while it has nothing to do.
        """
        self._end = end
        self.settled_at = asyncio.get_running_loop().time()
        self._keeper.look()

    def idle(self) -> None:
        """Note that the child has nothing to do; from now on it may be ended at any moment."""
        if self.idle_since is None:
            self.idle_since = asyncio.get_running_loop().time()
            self._keeper.look()

    def busy(self) -> None:
        """Note that the child is about to get a task."""
        self.idle_since = None

    def must_leave(self) -> bool:
        """Tell whether the child should be ended instead of given another task."""
        if self.is_leaving or self.idle_since is None:
            return self.is_leaving
        return asyncio.get_running_loop().time() - self.idle_since >= self._idle_seconds

    def must_leave_for(self, megabytes: int) -> bool:
        """Tell whether a task needs more than the child was let in with.

        If so, the child must be ended, and the next one is let in with that much: nobody waits for
        memory while holding some.
        """
        if megabytes <= self.megabytes:
            return False
        self.asked_for, self.is_leaving = megabytes, True
        return True

    @property
    def limit(self) -> int:
        """The megabytes that all children together may take."""
        return self._keeper.megabytes

    def leave(self) -> None:
        """Give the memory back; the child has ended."""
        self._end, self.idle_since = None, None
        self._keeper.release(self)

    async def make_leave(self) -> None:
        """End the child, which has nothing to do, and give its memory back."""
        stay = self._stay
        if self._end is not None:
            await self._end()
        # It may have been let in again meanwhile.
        if stay == self._stay:
            self._keeper.release(self)


class MemoryKeeper:
    """The memory that the engines of this process may take, all of them together.

    Args:
        megabytes: All that there is.
    """

    def __init__(self, megabytes: int) -> None:
        self.megabytes = megabytes
        self._tenants: list[Tenant] = []
        self._waiting: deque[tuple[Tenant, asyncio.Future[None]]] = deque()
        self._ending: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def free(self) -> int:
        """Megabytes that nobody has taken."""
        return self.megabytes - sum(tenant.megabytes for tenant in self._tenants)

    def admit_at_once(self, tenant: Tenant) -> bool:
        """Let a child in if there is room and nobody waits; tell whether."""
        if self._waiting or tenant.asked_for > self.free:
            return False
        self._let_in(tenant)
        return True

    async def admit(self, tenant: Tenant) -> None:
        """Wait until a child may take its memory.

        Raises:
            ValueError: It could never be enough.
        """
        if tenant.asked_for > self.megabytes:
            raise ValueError(f"{tenant.name} wants more than the whole memory")
        if self.admit_at_once(tenant):
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((tenant, turn))
        self.look()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(tenant)
            raise
        finally:
            self._waiting = deque(pair for pair in self._waiting if pair[1] is not turn)
            self.look()

    def release(self, tenant: Tenant) -> None:
        """Take back what a child had, if it has it still."""
        if tenant in self._tenants:
            self._tenants.remove(tenant)
            self.look()

    def look(self) -> None:
        """Let in whoever is next and fits; make room for whoever doesn't."""
        while self._waiting and self._waiting[0][0].asked_for <= self.free:
            tenant, turn = self._waiting.popleft()
            self._let_in(tenant)
            turn.set_result(None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            self._make_room(self._waiting[0][0].asked_for)

    def _let_in(self, tenant: Tenant) -> None:
        tenant.let_in()
        self._tenants.append(tenant)

    def _make_room(self, megabytes: int) -> None:
        loop = asyncio.get_running_loop()
        leaving = sum(tenant.megabytes for tenant in self._tenants if tenant.is_leaving)
        missing = megabytes - self.free - leaving
        idle = [t for t in self._tenants if t.idle_since is not None and not t.is_leaving]
        for tenant in sorted(idle, key=lambda tenant: tenant.idle_since or 0.0):
            if missing <= 0:
                return
            tenant.is_leaving = True
            missing -= tenant.megabytes
            ending = asyncio.create_task(tenant.make_leave())
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
        # One that still loads has not had its turn.
        busy = [t for t in self._tenants if t.is_settled and not t.is_leaving]
        for tenant in sorted(busy, key=lambda tenant: tenant.settled_at):
            if missing <= 0:
                return
            rest = tenant.settled_at + TURN_SECONDS - loop.time()
            if rest > 0:
                self._timer = loop.call_later(rest, self.look)
                return
            tenant.is_leaving = True
            missing -= tenant.megabytes
