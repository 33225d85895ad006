"""What is said of engines and pipelines that can't work, before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from dalston.common.engine_spec import Catalog, read_catalog
from dalston.common.errors import ConfigurationError
from dalston.config import read_settings
from dalston.runtime import open_catalog

ENGINE = "id: {name}\nversion: '1'\nstage: {stage}\n"
GOOD = """
name: good
stages:
  - {stage: transcribe, engine: listener}
  - {stage: merge, engine: joiner, after: [transcribe]}
"""


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name, stage in (("listener", "transcribe"), ("joiner", "merge")):
        folder = tmp_path / "engines" / stage / name
        folder.mkdir(parents=True)
        (folder / "engine.yaml").write_text(ENGINE.format(name=name, stage=stage))
    (tmp_path / "pipelines").mkdir()
    return tmp_path


def read(folders: Path, pipeline: str = GOOD) -> Catalog:
    (folders / "pipelines" / "some.yaml").write_text(pipeline)
    return read_catalog([folders / "engines"], [folders / "pipelines"], {"CHOSEN": "listener"})


def test_engines_and_pipelines_are_found(folders: Path) -> None:
    catalog = read(folders)

    assert sorted(catalog.engines) == ["joiner", "listener"]
    assert catalog.pipelines["good"].final.stage == "merge"


def test_a_folder_that_is_one_engine_is_found_too(folders: Path) -> None:
    lone = folders / "engines" / "merge" / "joiner"
    assert list(read_catalog([lone], [], {}).engines) == ["joiner"]


def test_variables_stand_for_engines(folders: Path) -> None:
    catalog = read(folders, GOOD.replace("engine: listener", 'engine: "${CHOSEN}"'))
    assert catalog.pipelines["good"].stages[0].engine == "listener"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (GOOD.replace("engine: listener", "engine: nobody"), "engine 'nobody', which isn't there"),
        (GOOD.replace("engine: listener", "engine: joiner"), "joiner does the stage merge"),
        (GOOD.replace("[transcribe]", "[align]"), "comes after align"),
        (GOOD.replace(", after: [transcribe]", ""), "exactly one stage must come last"),
        (GOOD.replace("stages:", "steps:"), "steps"),
        (GOOD.replace("engine: listener", 'engine: "${OTHER}"'), "unknown variable"),
        (GOOD.replace("name: good", "name: Not Good"), "name must be"),
        ("- just\n- a list\n", "expected a mapping"),
        ("name: [", "some.yaml"),
    ],
)
def test_a_wrong_pipeline_is_named_with_its_file(folders: Path, wrong: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        read(folders, wrong)
    assert said in error.value.message
    assert "some.yaml" in error.value.message


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("id: UPPER\nversion: '1'\nstage: merge\n", "id must be"),
        ("id: joiner\nversion: '1'\nstage: merge\nlanguages: [klingon]\n", "klingon"),
        ("id: joiner\nversion: '1'\n", "stage"),
        ("id: joiner\nversion: '1'\nstage: merge\nspeed: 9\n", "speed"),
    ],
)
def test_a_wrong_engine_is_named_with_its_file(folders: Path, wrong: str, said: str) -> None:
    (folders / "engines" / "merge" / "joiner" / "engine.yaml").write_text(wrong)
    with pytest.raises(ConfigurationError) as error:
        read(folders)
    assert said in error.value.message
    assert "engine.yaml" in error.value.message


def test_a_configuration_outside_of_the_schema_is_refused(folders: Path) -> None:
    schema = "config:\n  type: object\n  properties:\n    beam: {type: integer, default: 1}\n"
    path = folders / "engines" / "transcribe" / "listener" / "engine.yaml"
    path.write_text(path.read_text() + schema)

    assert read(folders).engines["listener"].configure({"beam": 2}) == {"beam": 2}
    with pytest.raises(ConfigurationError, match="beam"):
        read(folders, GOOD.replace("engine: listener", "engine: listener, config: {beam: wide}"))


def test_what_ships_is_valid_and_the_default_is_real(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DALSTON_PIPELINE", "DALSTON_ENGINES", "DALSTON_TRANSCRIBE_ENGINE"):
        monkeypatch.delenv(name, raising=False)
    settings = read_settings()
    catalog = open_catalog(settings)

    assert settings.pipeline == "default"
    assert [stage.engine for stage in catalog.pipelines["default"].stages] == [
        "audio-prepare",
        "faster-whisper",
        "transcript-merger",
    ]
    assert not catalog.pipelines["default"].fake_text
    assert catalog.pipelines["stub"].fake_text


def test_an_unknown_default_pipeline_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DALSTON_PIPELINE", "nothing")
    with pytest.raises(ConfigurationError, match="default, stub"):
        open_catalog(read_settings())
