"""AssemblyAI's own client against a server: uploads, transcripts, how it reads errors."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import assemblyai
import pytest
from assemblyai import Transcriber, TranscriptError, TranscriptionConfig, TranscriptStatus

from dalston.common.models import Failure, Job, JobStatus, new_job_id
from dalston.db import jobs as transitions
from dalston.db.locking import lock
from dalston.db.session import Database
from tests.support.stack import Stack
from tests.support.vendor_clients import RECORDING, vendor_clients

TEXT = "This is a stub transcript. The system works!"
TRANSCRIPT = "/v2/transcript"

# The vendors' own code uses what its libraries call deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def client(stub_server: Stack) -> Iterator[Transcriber]:
    with vendor_clients(stub_server.url) as clients:
        yield clients.assemblyai


def uploaded(client: Transcriber) -> str:
    return client.upload_file(io.BytesIO(RECORDING))


def test_a_file_becomes_a_transcript(client: Transcriber, stub_server: Stack) -> None:
    found = client.transcribe(io.BytesIO(RECORDING))
    assert (found.status, found.text, found.error) == (TranscriptStatus.completed, TEXT, None)
    # The stub times no words, tells no speakers and is sure of nothing.
    assert found.words == []
    assert found.utterances is None
    assert found.confidence is None
    first, second = found.get_sentences()
    assert (first.start, first.end, second.text) == (0, 2000, "The system works!")
    [paragraph] = found.get_paragraphs()
    assert paragraph.text == TEXT
    assert found.export_subtitles_srt().startswith("1\n00:00:00,000 --> 00:00:02,000\nThis is")
    captions = found.export_subtitles_vtt(chars_per_caption=12)
    assert captions.startswith("WEBVTT\n\n00:00:00.000 --> ")
    assert max(map(len, captions.splitlines()[3::3])) <= 12
    assert stub_server.read(found.id or "")["text"] == TEXT


def test_an_upload_can_be_transcribed_more_than_once(client: Transcriber) -> None:
    url = uploaded(client)
    first, second = client.transcribe(url), client.transcribe(url)
    assert first.id != second.id
    assert first.text == second.text == TEXT
    # A transcript's own address stands for its recording too.
    assert client.transcribe(first.audio_url).text == TEXT


def test_what_is_deleted_with_its_transcript_cannot_be_used_again(
    client: Transcriber, stub_server: Stack
) -> None:
    url = uploaded(client)
    made = client.transcribe(url)
    deleted = stub_server.client.delete(f"{TRANSCRIPT}/{made.id}")
    assert (deleted.status_code, deleted.json()["text"]) == (200, None)
    assert stub_server.client.get(f"{TRANSCRIPT}/{made.id}").status_code == 404
    with pytest.raises(TranscriptError, match="no recording at this address"):
        client.transcribe(url)


def test_transcripts_are_listed_in_pages(client: Transcriber) -> None:
    ids = [client.transcribe(uploaded(client)).id for _ in range(3)]
    asked = assemblyai.ListTranscriptParameters(limit=2, status=TranscriptStatus.completed)
    newest = client.list_transcripts(asked)
    assert [one.id for one in newest.transcripts] == [ids[2], ids[1]]
    asked.before_id = newest.page_details.before_id_of_prev_url
    older = client.list_transcripts(asked)
    assert older.transcripts[0].id == ids[0]
    assert older.transcripts[0].status is TranscriptStatus.completed
    asked.before_id = ids[1]
    assert client.list_transcripts(asked).transcripts[0].id == ids[0]


def test_a_list_goes_on_when_what_its_page_ended_with_is_deleted(
    client: Transcriber, stub_server: Stack
) -> None:
    ids = [client.transcribe(uploaded(client)).id for _ in range(3)]
    asked = assemblyai.ListTranscriptParameters(limit=2)
    newest = client.list_transcripts(asked)
    assert newest.transcripts[1].id == ids[1]
    assert stub_server.client.delete(f"{TRANSCRIPT}/{ids[1]}").status_code == 200
    asked.before_id = newest.page_details.before_id_of_prev_url
    assert client.list_transcripts(asked).transcripts[0].id == ids[0]


async def _end_jobs(stack: Stack, ends: Sequence[JobStatus]) -> list[str]:
    """Write jobs that have ended in some ways, one after the other; return their ids."""
    database = Database(stack.deployment.database_url)
    ids = []
    for end in ends:
        job = Job(
            id=new_job_id(),
            status=JobStatus.PENDING,
            pipeline="stub",
            owner="local",
            parameters={},
            filename=None,
            audio_path="nowhere",
            audio_bytes=1,
            created_at=datetime.now(UTC),
        )
        async with database.write() as connection:
            await transitions.create_jobs(connection, [job])
            locked = await lock(connection, {job.id}, set())
            if end is JobStatus.CANCELLED:
                await transitions.cancel_jobs(connection, locked, [job.id])
            else:
                why = {job.id: Failure("engine_error", "It broke.")}
                await transitions.fail_jobs(connection, locked, why)
        ids.append(job.id)
    await database.close()
    return ids


def test_what_was_cancelled_is_listed_among_errors(client: Transcriber, stub_server: Stack) -> None:
    ends = [JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.FAILED]
    first, second, third = asyncio.run(_end_jobs(stub_server, ends))
    asked = assemblyai.ListTranscriptParameters(limit=2, status=TranscriptStatus.error)
    newest = client.list_transcripts(asked)
    assert [one.id for one in newest.transcripts] == [third, second]
    assert newest.transcripts[1].status is TranscriptStatus.error
    asked.before_id = newest.page_details.before_id_of_prev_url
    assert client.list_transcripts(asked).transcripts[0].id == first


@pytest.mark.parametrize(
    "asked",
    [
        {"auto_chapters": True},
        {"redact_pii": True, "redact_pii_policies": ["person_name"]},
        {"webhook_url": "https://example.org/"},
        {"punctuate": False},
        {"speaker_labels": True},
        {"speakers_expected": 2, "speaker_labels": True},
        {"dual_channel": True},
        {"word_boost": ["Ada", "Bob"]},
        {"language_code": "tlh"},
        {"speech_models": ["nonsense"]},
        {"disfluencies": True},
    ],
)
def test_what_the_engine_cannot_do_is_named(client: Transcriber, asked: dict[str, Any]) -> None:
    name = next(iter(asked))
    with pytest.raises(TranscriptError) as caught:
        client.transcribe(uploaded(client), config=TranscriptionConfig(**asked))
    assert caught.value.status_code == (404 if name == "speech_models" else 400)
    assert name in str(caught.value)


def test_what_asks_for_nothing_is_no_hindrance(client: Transcriber) -> None:
    config = TranscriptionConfig(
        speech_model=assemblyai.SpeechModel.universal,
        language_code="en_us",
        punctuate=True,
        format_text=True,
        speaker_labels=False,
        auto_highlights=False,
    )
    assert client.transcribe(uploaded(client), config=config).text == TEXT


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"audio_url": 1},
        {"audio_url": "http://["},
        {"audio_url": "ftp://example.org/a.mp3"},
        {"audio_url": "http://127.0.0.1/a.mp3"},
        {"audio_url": "%s/v2/upload/upload_000000000000000000000000"},
        {"audio_url": "%s/v2/upload/../v2/upload/job_000000000000"},
        {"audio_url": "%s/v2/upload/job_000000000000", "nonsense": True},
    ],
)
def test_what_is_no_upload_is_refused(stub_server: Stack, body: dict[str, Any]) -> None:
    if isinstance(body.get("audio_url"), str):
        body = body | {"audio_url": body["audio_url"].replace("%s", stub_server.url)}
    answer = stub_server.client.post(TRANSCRIPT, json=body)
    assert answer.status_code == 400
    assert answer.json()["param"] in ("audio_url", "nonsense")
    assert answer.json()["error"]


@pytest.mark.parametrize("value", [True, False, "", {}])
def test_what_nobody_knows_is_refused(
    client: Transcriber, stub_server: Stack, value: object
) -> None:
    body = {"audio_url": uploaded(client), "auto_chapter": value}
    answer = stub_server.client.post(TRANSCRIPT, json=body)
    assert (answer.status_code, answer.json()["param"]) == (400, "auto_chapter")
    assert "auto_chapters" in answer.json()["error"]


def test_an_empty_upload_is_refused(client: Transcriber) -> None:
    with pytest.raises(TranscriptError, match="no bytes"):
        client.upload_file(b"")
