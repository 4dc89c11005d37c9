"""The contract of a measure: a number of a network, or of the folder of a training, with the objective that it is."""

from pathlib import Path

import genius
import pytest
from genius.errors import GeniusError
from genius.evaluators.measures import MEASURES, FinishedJob, NetworkJob, find_measures

OF_NETWORKS = (*MEASURES, "mine:layers", "mine:energy", "tiny-measure")


@pytest.mark.parametrize("name", OF_NETWORKS)
def test_it_measures_a_network(name):
    from genius.evaluators.on_network import measure_network

    job = NetworkJob(folder=Path(), space="mine:BARE", architecture=(1, 0), measures=(name,), seconds=0.2)
    found = measure_network(genius.get_space("mine:BARE"), job)
    objective = MEASURES.find(name).objective
    assert found.error is None
    assert found.value == found.metrics[objective.name]
    assert objective.outside(found.value) is None


def test_it_measures_a_finished_training(tmp_path):
    from genius.evaluators.on_network import measure_finished

    (tmp_path / "weights.safetensors").write_bytes(b"")
    found = measure_finished(FinishedJob(folder=tmp_path, measures=("mine:kept",), trained=tmp_path))
    assert (found.value, found.metrics, found.sd) == (1.0, {"kept": 1.0}, None)


def test_its_objective_is_its_own_or_its_name_and_lower_is_better():
    assert MEASURES.find("mine:energy").objective == genius.Objective("energy", "mJ", "lower", 0)
    assert MEASURES.find("mine:layers").objective == genius.Objective("layers", better="lower")
    assert [MEASURES[name].objective.unit for name in MEASURES] == ["ms", "MB"]


def test_a_function_of_a_folder_is_marked_and_any_other_is_of_a_network():
    assert MEASURES.find("mine:kept").after_training
    assert not MEASURES.find("mine:energy").after_training


@pytest.mark.parametrize("name", ["scores:evaluate", "mine:takes_three", "mine:Photos", "mine:SPACE"])
def test_what_takes_other_arguments_is_none(name):
    with pytest.raises(GeniusError, match=r"is not a function of a network and a batch of images, or one of a folder"):
        MEASURES.find(name)


def test_an_objective_of_another_type_is_refused():
    def measure(network, images):
        return 1.0

    measure.objective = "latency"
    with pytest.raises(GeniusError, match=r"a measure's objective is a genius\.Objective, got the str 'latency'"):
        MEASURES.take(measure)


def test_no_two_measures_share_a_quantity():
    with pytest.raises(GeniusError, match="mine:layers and tiny-measure both measure a quantity named layers"):
        find_measures(["mine:layers", "tiny-measure"])
