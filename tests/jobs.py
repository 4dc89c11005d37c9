"""Jobs that tests of several rooms train."""

from pathlib import Path

from genius.training.job import TrainingJob
from genius.training.recipes import RECIPES


def digits_job(folder: Path, **fields: object) -> TrainingJob:
    """Make a job on digits in a folder, which is that of downloads too; `fields` are those that differ."""
    usual = {"space": "digits", "architecture": (0,) * 9, "data": "digits", "recipe": RECIPES.find("digits")}
    return TrainingJob(**{**usual, "folder": folder, "downloads": folder, **fields})
