"""A submission: what is shown of it, and whether a job may be left of one that is stopped."""

from __future__ import annotations

import asyncio

import pytest

from dalston.client.api import Api, Sent
from dalston.client.errors import RefusedError, UnreachableError
from dalston.client.sending import Sending

LEFT = "talk.wav: stopped, but a job of it may run on the server"


class Submission:
    """One whose answer, or refusal, comes when a test wants it.

    Attributes:
        said: What people were told.
    """

    def __init__(self, sent: int) -> None:
        self.said: list[str] = []
        self._sent = sent
        self._answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._begun = asyncio.Event()
        self.sending = Sending("talk.wav", self._send, lambda _done, _total: None)

    async def _send(self, _api: Api, sent: Sent) -> str:
        sent(self._sent, 100)
        self._begun.set()
        return await self._answer

    async def stopped(self, outcome: str | Exception | None) -> None:
        """Stop it when it waits for its answer, and give it one only then."""
        api = Api("http://127.0.0.1:9")
        task = asyncio.create_task(self.sending.answered(self.sending.to(api), self._tell))
        await self._begun.wait()
        self._outcome = outcome
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        await api.close()

    def _tell(self, text: str) -> None:
        self.said.append(text)
        if isinstance(self._outcome, Exception):
            self._answer.set_exception(self._outcome)
        elif self._outcome is not None:
            self._answer.set_result(self._outcome)
        self._outcome = None


async def test_what_is_not_sent_whole_is_stopped_at_once() -> None:
    submission = Submission(sent=99)
    await submission.stopped(None)
    assert (submission.sending.job_id, submission.said) == (None, [])


async def test_of_what_is_sent_whole_the_job_is_known_in_the_end() -> None:
    submission = Submission(sent=100)
    await submission.stopped("job_1")
    assert submission.sending.job_id == "job_1"
    assert LEFT not in submission.said


@pytest.mark.parametrize(
    ("outcome", "left"),
    [
        (RefusedError("empty_file", "Nothing in it.", 400), False),
        (RefusedError("http_502", "Somebody else.", 502), True),
        (UnreachableError("ReadError"), True),
        (None, True),
    ],
)
async def test_a_job_that_may_be_left_is_told_of(
    outcome: Exception | None, left: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if outcome is None:
        monkeypatch.setattr("dalston.client.sending._ANSWER_SECONDS", 0.0)
    submission = Submission(sent=100)
    await submission.stopped(outcome)
    assert submission.sending.job_id is None
    assert (LEFT in submission.said) is left


async def test_what_a_server_refuses_at_once_is_no_progress(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[int] = []
    refused: list[str] = []

    async def send(_api: Api, sent: Sent) -> str:
        sent(len(refused) + 1, 100)
        raise RefusedError("store_unavailable", "The object store is full.", 503, 1.0)

    sending = Sending(
        "talk.wav",
        send,
        lambda done, _: shown.append(done),
        lambda error: refused.append(str(error)),
    )
    api = Api("http://127.0.0.1:9")
    for _ in range(3):
        with pytest.raises(RefusedError):
            await sending.to(api)
    assert (shown, len(refused)) == ([1], 3)

    monkeypatch.setattr("dalston.client.sending._TAKEN_SECONDS", 0.0)
    with pytest.raises(RefusedError):
        await sending.to(api)
    assert shown == [1, 4], "a try that lasts is shown"
    await api.close()
