"""A new engine's folder, how an engine is loaded, and how its author tries it on a file."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from dalston.cli import cli
from dalston.common.engine_spec import read_engine
from dalston.common.errors import ConfigurationError
from dalston.engine_sdk import Engine, TaskFailed
from dalston.engine_sdk.loading import load_engine_class
from dalston.engine_sdk.scaffold import create_engine
from dalston.engine_sdk.testing import open_engine, run_engine
from dalston.engine_tool import try_engine
from tests.compose.project import WITHOUT_IMAGE
from tests.engines.sounds import ENGINES, tone, write_wav
from tests.support.deployment import REPOSITORY

ALL_ENGINES = sorted(path.parent for path in ENGINES.glob("*/*/engine.yaml"))


@pytest.mark.parametrize("stage", ["prepare", "transcribe", "merge", "align_words"])
def test_a_new_engine_passes_its_own_test(tmp_path: Path, stage: str) -> None:
    folder = create_engine(stage, "my-first-engine", tmp_path / "engines")
    assert folder == tmp_path / "engines" / stage / "my-first-engine"
    assert sorted(path.name for path in folder.iterdir()) == [
        "Dockerfile",
        "engine.py",
        "engine.yaml",
        "requirements.txt",
        "test_engine.py",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    spec = read_engine(folder)
    assert (spec.id, spec.stage) == ("my-first-engine", stage)
    assert load_engine_class(folder).__name__ == "MyFirstEngine"
    assert "ENGINE_ID=my-first-engine" in (folder / "Dockerfile").read_text()


def test_the_commands_that_are_shown_can_be_pasted(tmp_path: Path) -> None:
    parent = tmp_path / "my engines"
    made = CliRunner().invoke(cli, ["engine", "new", "transcribe", "mine", "--in", str(parent)])
    assert made.exit_code == 0
    words = shlex.split(made.stdout)
    assert words[words.index("test") + 1] == str(parent / "transcribe" / "mine")
    assert f"DALSTON_ENGINES={parent}" in words


@pytest.mark.parametrize(("engine_id", "ships"), [("faster-whisper", True), ("mine", False)])
def test_the_id_of_an_engine_that_ships_is_told_to_be_one(
    tmp_path: Path, engine_id: str, *, ships: bool
) -> None:
    made = CliRunner().invoke(
        cli, ["engine", "new", "transcribe", engine_id, "--in", str(tmp_path)]
    )
    assert made.exit_code == 0
    assert (f"an engine {engine_id} ships with Dalston" in made.stderr) is ships


@pytest.mark.parametrize(
    ("stage", "engine_id"),
    [
        ("transcribe", "My-Engine"),
        ("transcribe", "../escape"),
        ("transcribe", "1st"),
        ("transcribe", "engine-"),
        ("transcribe", ""),
        ("Trans/cribe", "engine"),
        ("", "engine"),
    ],
)
def test_bad_names_are_refused(tmp_path: Path, stage: str, engine_id: str) -> None:
    with pytest.raises(ConfigurationError):
        create_engine(stage, engine_id, tmp_path / "engines")
    assert not (tmp_path / "engines").exists()


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    folder = create_engine("merge", "mine", tmp_path)
    (folder / "engine.py").write_text("precious")
    with pytest.raises(ConfigurationError):
        create_engine("merge", "mine", tmp_path)
    assert (folder / "engine.py").read_text() == "precious"


@pytest.mark.parametrize("folder", ALL_ENGINES, ids=lambda folder: folder.name)
def test_the_engines_that_ship_are_complete(folder: Path) -> None:
    spec = read_engine(folder)
    assert (spec.id, spec.stage) == (folder.name, folder.parent.name)
    assert spec.description.endswith(".")
    described = yaml.safe_load((folder / "engine.yaml").read_text(encoding="utf-8"))
    assert {"license", "languages", "weights", "needs"} <= described.keys()
    assert described["needs"]["memory_mb"] > 0
    assert spec.configure() == spec.defaults()
    assert issubclass(load_engine_class(folder), Engine)
    for line in (folder / "requirements.txt").read_text().splitlines():
        assert line.startswith("#") or "==" in line
    if folder.name in WITHOUT_IMAGE:
        assert not (folder / "Dockerfile").exists()
        return
    image = (folder / "Dockerfile").read_text()
    assert f"ENV ENGINE_ID={spec.id}" in image
    assert "\nUSER " in image


EMPTY = "from dalston.engine_sdk import Engine, TaskInput, TaskOutput\n"
ONE = """
class {name}(Engine):
    def process(self, input: TaskInput) -> TaskOutput:
        return TaskOutput({body})
"""


def engine(folder: Path, code: str, spec: str = "stage: notes") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "engine.py").write_text(EMPTY + code)
    (folder / "engine.yaml").write_text(f"id: mine\nversion: 0.1.0\n{spec}\n")
    return folder


@pytest.mark.parametrize(
    ("code", "expected", "word"),
    [
        ("", "engine_invalid", "no engine"),
        (
            ONE.format(name="A", body="{}") + ONE.format(name="B", body="{}"),
            "engine_invalid",
            "A, B",
        ),
        ("import a_library_that_nobody_has", "engine_not_installed", "a_library_that_nobody_has"),
        ("this is no Python", "engine_invalid", "SyntaxError"),
    ],
)
def test_what_is_wrong_with_an_engine_is_said(
    tmp_path: Path, code: str, expected: str, word: str
) -> None:
    with pytest.raises(TaskFailed) as failed:
        load_engine_class(engine(tmp_path / "mine", code))
    assert failed.value.code == expected
    assert word in failed.value.message


def test_a_package_beside_an_engine_may_be_called_as_its_file_is(tmp_path: Path) -> None:
    code = "from engine.words import WORD\n" + ONE.format(name="Mine", body="{'said': WORD}")
    folder = engine(tmp_path / "mine", code)
    (folder / "engine").mkdir()
    (folder / "engine" / "__init__.py").touch()
    (folder / "engine" / "words.py").write_text("WORD = 'yes'")
    assert run_engine(folder, folder / "engine.yaml").data == {"said": "yes"}


def test_a_folder_without_an_engine_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaskFailed) as failed:
        load_engine_class(tmp_path)
    assert failed.value.code == "engine_invalid"
    assert str(tmp_path) in failed.value.message


def test_engines_do_not_get_each_others_modules(tmp_path: Path) -> None:
    code = "from words import WORD\n" + ONE.format(name="Mine", body="{'word': WORD}")
    found = []
    for word in ("one", "two"):
        folder = engine(tmp_path / word, code)
        (folder / "words.py").write_text(f"WORD = {word!r}\n")
        found.append(run_engine(folder, tmp_path).data)
    assert found == [{"word": "one"}, {"word": "two"}]


@pytest.mark.parametrize(
    ("body", "spec", "word"),
    [
        ("{'number': [1, float('nan')]}", "stage: notes", "data.number[1] is nan"),
        ("{'path': __import__('pathlib').Path()}", "stage: notes", "data.path is a pathlib.Po"),
        ("(lambda x: x.append(x) or {'x': x})([])", "stage: notes", "too many levels"),
        ("{}, [input.audio_path]", "stage: notes", "files is a list"),
        ("{'text': 'a', 'segments': [], 'warnings': ['b']}", "stage: transcribe", "warnings[0]"),
        ("{'segments': []}", "stage: transcribe", "text"),
        (
            "{'text': 'a', 'segments': [{'start': 2.0, 'end': 1.0, 'text': 'a'}]}",
            "stage: transcribe",
            "ends before it starts",
        ),
        ("{}", "stage: notes\nproduces: [audio]", "audio.wav"),
        ("{}, {'a/b': input.audio_path}", "stage: notes", "no name"),
        ("{}, {'a.wav': input.audio_path}", "stage: notes", "not in the work folder"),
        ("{}, {'output.json': input.work_folder}", "stage: notes", "no name"),
        ("{'told': input.progress(float('nan'), 1)}", "stage: notes", "finite"),
        ("{'kept': input.keep('failure.json', b'')}", "stage: notes", "no name"),
        ("{'kept': [input.keep('same', b'') for _ in range(2)]}", "stage: notes", "already"),
    ],
)
def test_an_output_that_a_server_would_refuse_is_refused(
    tmp_path: Path, body: str, spec: str, word: str
) -> None:
    folder = engine(tmp_path / "mine", ONE.format(name="Mine", body=body), spec)
    with pytest.raises(TaskFailed) as failed:
        run_engine(folder, write_wav(tmp_path / "audio.wav", tone(0.1)))
    assert failed.value.code == "invalid_engine_output"
    assert word in failed.value.message


LEFT = """
class Mine(Engine):
    def process(self, input: TaskInput) -> TaskOutput:
        for content in (b"first", b"second"):
            try:
                with input.create("note.txt") as file:
                    file.write(content)
                    if content == b"first":
                        raise ValueError
            except ValueError:
                pass
        return TaskOutput({})
"""


def test_a_file_that_an_error_left_may_be_written_again(tmp_path: Path) -> None:
    folder = engine(tmp_path / "mine", LEFT)
    output = run_engine(folder, tmp_path, keep_files_in=tmp_path / "kept")
    assert output.files["note.txt"].read_bytes() == b"second"


LIFE = """
class Mine(Engine):
    def setup(self):
        self.setup_progress("warming up", 1, 2)
        self.said = [self.id, self.version, self.config["greeting"]]

    def process(self, input: TaskInput) -> TaskOutput:
        input.progress(1, 4)
        kept = input.work_folder / "note.txt"
        kept.write_text("kept")
        said = [*self.said, input.config["greeting"], input.previous_outputs, str(kept)]
        return TaskOutput({"said": said}, {"note.txt": kept})

    def close(self):
        (self.folder / "closed").touch()
"""
CONFIG = """stage: notes
config:
  additionalProperties: false
  properties:
    greeting: {type: string, default: hello}
"""


def test_a_whole_life_of_an_engine(tmp_path: Path) -> None:
    folder = engine(tmp_path / "mine", LIFE, CONFIG)
    audio = write_wav(tmp_path / "audio.wav", tone(0.1))
    told: list[Any] = []
    with open_engine(
        folder, config={"greeting": "moin"}, on_setup=lambda *step: told.append(step)
    ) as opened:
        vars(opened.engine)["folder"] = folder
        output = opened.process(
            audio,
            previous={"prepare": {"duration": 1}},
            config={"greeting": "servus"},
            on_progress=lambda *step: told.append(step),
            keep_files_in=tmp_path / "kept",
        )
        with pytest.raises(ConfigurationError):
            opened.process(audio, config={"greeting": 5})
    *said, work_file = output.data["said"]
    assert said == ["mine", "0.1.0", "moin", "servus", {"prepare": {"duration": 1}}]
    assert told == [("warming up", 1, 2), (1, 4)]
    assert output.files == {"note.txt": tmp_path / "kept" / "note.txt"}
    assert output.files["note.txt"].read_text() == "kept"
    assert not Path(work_file).exists()
    assert (folder / "closed").exists()


def test_an_error_in_an_engine_is_shown_from_its_authors_first_line_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "class Mine(Engine):\n    def process(self, input):\n        return {}['missing']\n"
    folder = engine(tmp_path / "mine", code)
    audio = write_wav(tmp_path / "a.wav", tone(1.0))
    assert try_engine(folder, audio, [], [], None) == 1
    first, second, *_, last = capsys.readouterr().err.splitlines()
    assert first == "Traceback (most recent call last):"
    assert second.startswith(f'  File "{folder / "engine.py"}", line')
    assert last == "KeyError: 'missing'"


@pytest.mark.parametrize("value", ["[1", "2026-13-45"])
def test_a_configuration_that_is_no_yaml_is_said_so(tmp_path: Path, value: str) -> None:
    folder = engine(tmp_path / "mine", ONE.format(name="A", body="{}"))
    with pytest.raises(click.UsageError, match="--config greeting: "):
        try_engine(folder, folder / "engine.py", (), [f"greeting={value}"], None)


PRINTS = """
import os
class Mine(Engine):
    def process(self, input: TaskInput) -> TaskOutput:
        print("printed")
        os.write(1, b"written")
        {body}
        return TaskOutput({{"text": "\\ud83d\\ude00"}})
"""


def tried(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dalston", "engine", "test", str(folder), __file__, *options]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_what_an_engine_prints_is_no_part_of_its_output(tmp_path: Path) -> None:
    done = tried(engine(tmp_path / "mine", PRINTS.format(body="pass")))
    assert json.loads(done.stdout) == {"text": "\N{GRINNING FACE}"}
    assert "printed" in done.stderr
    assert "written" in done.stderr


def test_an_engine_that_leaves_with_success_has_failed(tmp_path: Path) -> None:
    done = tried(engine(tmp_path / "mine", PRINTS.format(body="raise SystemExit(0)")))
    assert (done.returncode, done.stdout) == (1, "")
    assert "SystemExit: 0" in done.stderr


def test_an_engine_that_ends_its_process_has_failed(tmp_path: Path) -> None:
    fork = "os.fork() or os._exit(0)\n        os.wait()\n        os._exit(0)"
    done = tried(engine(tmp_path / "mine", PRINTS.format(body=fork)))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("os._exit(0)") == 1


def test_earlier_results_of_chunks_are_a_list(tmp_path: Path) -> None:
    (tmp_path / "heard.json").write_text('[{"text": "a"}, {"text": "b"}]')
    code = ONE.format(name="Mine", body="{'got': len(input.previous_outputs['transcribe'])}")
    done = tried(engine(tmp_path / "mine", code), "--previous", f"transcribe={tmp_path}/heard.json")
    assert json.loads(done.stdout) == {"got": 2}


@pytest.mark.parametrize("audio", ["false", "on_demand"])
def test_audio_that_no_server_brings_is_not_there(tmp_path: Path, audio: str) -> None:
    code = ONE.format(name="Mine", body="{'size': input.audio_path.stat().st_size}")
    folder = engine(tmp_path / "mine", code, f"stage: notes\nneeds: {{audio: {audio}}}")
    with pytest.raises(FileNotFoundError, match=f"needs.audio {audio}"):
        run_engine(folder, write_wav(tmp_path / "audio.wav", tone(0.1)))
    opening = "with input.open_audio() as audio:\n            return"
    code = ONE.format(name="Mine", body="{'size': audio.seek(0, 2)}")
    (folder / "engine.py").write_text(EMPTY + code.replace("return", opening))
    assert run_engine(folder, tmp_path / "audio.wav").data["size"] > 0


def test_why_an_engine_could_not_be_set_up_is_said_whatever_its_end_needs(tmp_path: Path) -> None:
    code = """
class Mine(Engine):
    def setup(self):
        raise TaskFailed("model_missing", "Bring the model.")
    def process(self, input): ...
    def close(self):
        self.model.close()
"""
    code = f"from dalston.engine_sdk import TaskFailed\n{code}"
    with pytest.raises(TaskFailed, match="Bring the model"):
        run_engine(engine(tmp_path / "mine", code), tmp_path)
