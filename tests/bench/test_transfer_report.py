"""The paper's Tables 5 and 6 with a line of ours."""

from dataclasses import replace

import pytest
from genius.bench.transfer_report import write_detection, write_transfer
from genius.bench.transfer_tables import PAPERS_DETECTORS, PAPERS_TRANSFERS
from genius.record.measurement import Measurement
from genius.training.job import Origin

from ..jobs import digits_job

FOUND = Measurement(91.26, 90.04, seconds=1234.5, device="a GPU")


@pytest.fixture
def job(tmp_path):
    return replace(digits_job(tmp_path), space="mobile-imagenet", architecture=(0,) * 30, data="cifar100")


def cells(path):
    """Return the cells of the lines of a report's table, without its head."""
    lines = [line for line in path.read_text().splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_a_transfer_to_cifar_stands_below_the_papers(job, tmp_path):
    path = write_transfer(replace(job, origin=Origin(tmp_path / "w.safetensors", "f" * 64)), FOUND)
    *theirs, ours = cells(path)
    assert len(theirs) == len(PAPERS_TRANSFERS) == 7
    assert theirs[-1] == ["GENIUS-401", "224", "401", "7.5", "98.3", "87.4"]
    assert (ours[0], ours[4:]) == ("ours", ["-", "90.0"])
    assert "SHA-256 " + "f" * 64 in path.read_text()
    assert "1,234.5 s of a GPU" in path.read_text()


def test_a_transfer_to_other_images_stands_alone_whatever_their_name(job):
    path = write_transfer(replace(job, data="folder:a|b<i>"), replace(FOUND, test_value=None))
    assert len([line for line in path.read_text().splitlines() if line.startswith("| ours")]) == 1
    assert "Table 5" not in path.read_text()
    assert "<i>" not in path.read_text()
    assert "91.3" in path.read_text()


def test_a_detector_stands_below_the_papers(job):
    found = Measurement(31.44, seconds=1.0, metrics={"AP50": 51.0, "AP75": 32.0, "AP_large": 40.0})
    *theirs, ours = cells(write_detection(job, found))
    assert len(theirs) == len(PAPERS_DETECTORS) == 11
    assert theirs[9][2:] == ["34.9", "-", "-", "-", "-", "-", "77.5"]
    assert ours[2:] == ["31.4", "51.0", "32.0", "-", "-", "40.0", "-"]
    assert float(ours[1]) > 0
