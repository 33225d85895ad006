"""What is said of engines and pipelines that can't work, before anything starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from dalston.common.engine_spec import Catalog, read_catalog, read_engine
from dalston.common.errors import ConfigurationError
from dalston.config import read_settings
from dalston.demands import check_all_roles
from dalston.engine_sdk.testing import open_engine
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
    ("chosen", "said"),
    [
        ("lisener", "Did you mean 'listener'?"),
        ("lisener", "Add its folder to DALSTON_ENGINES or correct CHOSEN."),
        ("joiner", "engine joiner does the stage merge, not transcribe"),
    ],
)
def test_a_variable_is_named_that_brings_the_wrong_engine(
    folders: Path, chosen: str, said: str
) -> None:
    pipeline = GOOD.replace("engine: listener", 'engine: "${CHOSEN}"')
    (folders / "pipelines" / "some.yaml").write_text(pipeline)
    with pytest.raises(ConfigurationError) as refusal:
        read_catalog([folders / "engines"], [folders / "pipelines"], {"CHOSEN": chosen})
    assert str(refusal.value).startswith(f"CHOSEN is '{chosen}': ")
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (GOOD.replace("engine: listener", "engine: nobody"), "engine 'nobody', which isn't there"),
        (GOOD.replace("engine: listener", "engine: joiner"), "joiner does the stage merge"),
        (GOOD.replace("[transcribe]", "[align]"), "comes after align"),
        (GOOD.replace(", after: [transcribe]", ""), "exactly one stage must come last"),
        (GOOD.replace("stages:", "steps:"), "steps"),
        (GOOD.replace("stage: transcribe", "stage: fetch"), "put in front of a pipeline by itself"),
        (GOOD.replace("engine: listener", 'engine: "${OTHER}"'), "unknown variable"),
        (GOOD.replace("name: good", "name: Not Good"), "name must be"),
        ("- just\n- a list\n", "expected a mapping"),
        ("name: [", "some.yaml"),
        (
            GOOD.replace("engine: listener", "engine: listener, when: {mood: good}"),
            "can't look at mood, only at channels, diarize",
        ),
        (GOOD.replace("[transcribe]", "[transcribe], when: {diarize: true}"), "has no `when`"),
        (GOOD.replace("[transcribe]", "[transcribe], each: first_chunk"), "works on each chunk"),
    ],
)
def test_a_wrong_pipeline_is_named_with_its_file(folders: Path, wrong: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        read(folders, wrong)
    assert said in error.value.message
    assert "some.yaml" in error.value.message


def test_a_stage_that_makes_audio_for_others_is_not_optional(folders: Path) -> None:
    folder = folders / "engines" / "prepare" / "denoiser"
    folder.mkdir(parents=True)
    engine = ENGINE.format(name="denoiser", stage="prepare") + "produces: [audio]\n"
    (folder / "engine.yaml").write_text(engine)
    first = "stages:\n  - {stage: prepare, engine: denoiser}"
    cleaned = GOOD.replace("stages:", first).replace("listener", "listener, after: [prepare]")
    assert len(read(folders, cleaned).pipelines["good"].stages) == 3

    with pytest.raises(ConfigurationError, match="no `optional` there"):
        read(folders, cleaned.replace("engine: denoiser", "engine: denoiser, optional: true"))


LANGUAGE_FIRST = """
name: good
stages:
  - {stage: language, engine: "${CHOSEN}", optional: true}
  - {stage: transcribe, engine: "${CHOSEN}", after: [language]}
  - {stage: merge, engine: joiner, after: [language, transcribe]}
"""


def test_an_optional_stage_is_left_out_if_the_chosen_engine_does_not_do_it(folders: Path) -> None:
    first, last = read(folders, LANGUAGE_FIRST).pipelines["good"].stages
    assert (first.stage, first.after) == ("transcribe", [])
    assert (last.stage, last.after) == ("merge", ["transcribe"])
    with pytest.raises(ConfigurationError, match="listener does the stage transcribe"):
        read(folders, LANGUAGE_FIRST.replace(", optional: true", ""))

    path = folders / "engines" / "transcribe" / "listener" / "engine.yaml"
    path.write_text(path.read_text() + "further_stages: [language]\n")
    stages = read(folders, LANGUAGE_FIRST).pipelines["good"].stages
    assert [stage.stage for stage in stages] == ["language", "transcribe", "merge"]


def test_languages_may_depend_on_the_model(folders: Path) -> None:
    path = folders / "engines" / "transcribe" / "listener" / "engine.yaml"
    path.write_text(path.read_text() + 'languages_of_models: {"*.en": [en]}\n')
    listener = read(folders).engines["listener"]
    assert listener.known_languages("tiny.en") == ["en"]
    assert "de" in listener.known_languages("tiny")
    assert listener.known_languages() == listener.known_languages("tiny")


JOINER = "id: joiner\nversion: '1'\nstage: merge\n"
JOINER_A = f"{JOINER}config: {{{{properties: {{{{b: {{{{type: string}}}}, a: {{}}}}}}}}}}\n"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("id: UPPER\nversion: '1'\nstage: merge\n", "id must be"),
        ("id: joiner\nversion: '1'\nstage: merge\nlanguages: [klingon]\n", "klingon"),
        ("id: joiner\nversion: '1'\n", "stage"),
        ("id: joiner\nversion: '1'\nstage: merge\nspeed: 9\n", "speed"),
        ("id: joiner\nversion: 1.0\nstage: merge\n", "$.version`. Put it into quotes"),
        (f"{JOINER}needs: {{gpu: cuda}}\n", "$.needs.gpu`. docs/engines.md"),
        (f"{JOINER}limits: {{base_seconds: -1}}\n", "$.limits.base_seconds"),
        (f"{JOINER}limits: {{seconds_per_audio_second: .nan}}\n", "seconds_per_audio_second"),
        (f"{JOINER}config: {{type: objekt}}\n", "config: this is no JSON schema (Unknown type)"),
        (f"{JOINER}config: {{properties: [a]}}\n", "config.properties must map"),
        (f"{JOINER}config: {{properties: {{a: 5}}}}\n", "config.properties.a must be a mapping"),
        (JOINER_A.format("{type: string, pattern: (}"), "config.properties.a: this is no JSON"),
        (JOINER_A.format("{type: integr}"), "config.properties.a: this is no JSON schema"),
        (JOINER_A.format("{type: integer, default: x}"), "properties.a: its default is not"),
    ],
)
def test_a_wrong_engine_is_named_with_its_file(folders: Path, wrong: str, said: str) -> None:
    (folders / "engines" / "merge" / "joiner" / "engine.yaml").write_text(wrong)
    with pytest.raises(ConfigurationError) as error:
        read(folders)
    assert said in error.value.message
    assert "engine.yaml" in error.value.message


def test_an_engine_is_not_tried_with_a_configuration_that_no_server_would_take(
    tmp_path: Path,
) -> None:
    (tmp_path / "engine.yaml").write_text(JOINER + "config: {properties: {a: {type: integr}}}\n")
    with pytest.raises(ConfigurationError, match=r"config\.properties\.a"), open_engine(tmp_path):
        pass


def test_a_supervisor_does_not_carry_what_checks_configurations() -> None:
    code = (
        "import sys; from dalston.config import read_settings; from dalston import runtime\n"
        "assert runtime.choose_engines(read_settings(), ['faster-whisper'])\n"
        "print('fastjsonschema' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"


def test_what_has_no_default_may_be_set_by_a_pipeline(folders: Path) -> None:
    schema = "config: {required: [beam], properties: {beam: {type: integer}}}\n"
    path = folders / "engines" / "transcribe" / "listener" / "engine.yaml"
    path.write_text(path.read_text() + schema)
    read(folders, GOOD.replace("engine: listener", "engine: listener, config: {beam: 2}"))


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
    default = catalog.pipelines["default"].stages
    assert [stage.engine for stage in default if not stage.when] == [
        "audio-prepare",
        "faster-whisper",
        "transcript-merger",
    ]
    assert [stage.stage for stage in default if stage.when] == ["language", "diarize"]
    assert not catalog.pipelines["default"].fake_text
    assert catalog.pipelines["stub"].fake_text


def test_an_engine_that_takes_the_place_of_one_that_ships_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("faster-whisper", "beep-finder"):
        folder = tmp_path / "transcribe" / name
        folder.mkdir(parents=True)
        (folder / "engine.yaml").write_text(ENGINE.format(name=name, stage="transcribe"))
    monkeypatch.setenv("DALSTON_ENGINES", str(tmp_path))
    settings = read_settings({"data_dir": tmp_path / "data"})
    with structlog.testing.capture_logs() as logged:
        check_all_roles(settings, open_catalog(settings))
    [said] = [line for line in logged if line["event"] == "engine_replaced"]
    assert (said["engine_id"], said["log_level"]) == ("faster-whisper", "warning")
    assert said["by"] == str(tmp_path / "transcribe" / "faster-whisper")


def test_an_unknown_default_pipeline_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DALSTON_PIPELINE", "nothing")
    with pytest.raises(ConfigurationError, match="default, speakers, stub"):
        open_catalog(read_settings())


ORIGIN = """
id: listener
version: '1'
stage: transcribe
license: Apache-2.0 AND (MIT OR BSD-3-Clause)
languages: [en]
weights:
  - {name: Ears, source: "Somebody, in the package ears", license: CC-BY-4.0}
needs: {memory_mb: 400, model_memory_mb: {large: 900}}
config: {properties: {model: {type: string, default: small}}}
"""


def test_an_engine_says_whose_it_and_its_weights_are_and_what_it_takes(tmp_path: Path) -> None:
    (tmp_path / "engine.yaml").write_text(ORIGIN)
    spec = read_engine(tmp_path)
    assert spec.weights[0].license == "CC-BY-4.0"
    assert spec.memory_mb(spec.configure()) == 400
    assert spec.memory_mb(spec.configure({"model": "large"})) == 900


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("CC-BY-4.0", "free for all", "is no SPDX expression"),
        ("Apache-2.0 AND (MIT OR BSD-3-Clause)", "my own", "is no SPDX expression"),
        ('"Somebody, in the package ears"', "''", "needs a name and a source"),
        (", license: CC-BY-4.0", "", "missing required field `license`"),
        ("license: CC-BY-4.0", "license: ''", "NOASSERTION"),
        ("memory_mb: 400", "memory_mb: 0", "memory_mb"),
        ("large: 900", "large: -1", "model_memory_mb"),
        ("memory_mb: 400", "memory_mb: 400, gpu: maybe", "gpu"),
        ("languages: [en]", "languages: [xx]", "unknown languages: xx"),
        ("languages: [en]", "languages: []", "languages is empty"),
        ("model: {type", "other: {type", "a property `model`"),
    ],
)
def test_what_is_wrong_with_them_is_said(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    assert before in ORIGIN
    (tmp_path / "engine.yaml").write_text(ORIGIN.replace(before, after))
    with pytest.raises(ConfigurationError) as failed:
        read_engine(tmp_path)
    assert said in failed.value.message
