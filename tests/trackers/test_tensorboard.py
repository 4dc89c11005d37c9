"""TensorBoard's own reader reads the event files that the tracker wrote."""

import asyncio

import pytest

from .searched import resumed, searched

pytest.importorskip("tensorboard", reason="TensorBoard is not installed: pip install 'genius-nas[tensorboard]'")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata, plugin_data_pb2


def read(folder):
    found = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    found.Reload()
    return found


def points(found, tag):
    return [(point.step, pytest.approx(point.value)) for point in found.Scalars(tag)]


async def test_a_search_has_event_files_and_so_has_each_evaluation(tmp_path):
    result = await searched(tmp_path / "run", "tensorboard")
    folder = tmp_path / "run" / "tensorboard"
    assert sorted(path.name for path in folder.iterdir()) == [
        "search",
        *(f"trial-1-iteration-00{n}" for n in range(1, 5)),
    ]
    search, first = read(folder / "search"), read(folder / "trial-1-iteration-001")
    best = [candidate.value for candidate in result.candidates[:2]]
    assert points(search, "best_score") == [(1, best[0]), *((step, max(best)) for step in (2, 3, 4))]
    assert points(first, "loss")[:3] == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    assert points(first, "score") == [(1, 17.0), (2, 18.0), (3, 19.0), (3, 19.0)]
    told = first.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    parameters = plugin_data_pb2.HParamsPluginData.FromString(told).session_start_info.hparams
    assert {name: parameters[name].ListFields()[0][1] for name in parameters} == result.candidates[0].values
    assert {"settings/text_summary", "settings"} & set(search.Tags()["tensors"])
    assert any("result.json" in tag for tag in search.Tags()["tensors"])


async def test_a_search_that_goes_on_repeats_no_point(tmp_path):
    await searched(tmp_path / "run", f"tensorboard:{tmp_path}/all", iterations=2)
    await asyncio.sleep(1.1)  # TensorBoard orders its files by the second in which they began
    await resumed(tmp_path / "run", f"tensorboard:{tmp_path}/all", iterations=3)
    (folder,) = (tmp_path / "all").iterdir()
    assert [step for step, _ in points(read(folder / "search"), "best_score")] == [1, 2, 3]


async def test_the_picture_is_an_image(tmp_path):
    import genius

    async with genius.Tracking("tensorboard") as tracking:
        asked = {"evaluator": lambda config: config["width"], "proposer": "random", "iterations": 2}
        genius.draw(await genius.search({"width": [1, 2, 3]}, run=tmp_path / "run", progress=tracking, **asked))
    search = read(tmp_path / "run" / "tensorboard" / "search")
    assert search.Images("search.png")[0].encoded_image_string == (tmp_path / "run" / "search.png").read_bytes()
