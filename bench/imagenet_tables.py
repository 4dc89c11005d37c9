"""The paper's results on ImageNet: Zheng et al. 2023, arXiv:2304.10970, Tables 2, 3 and 4."""

from dataclasses import dataclass
from typing import Literal

SOURCE = "Zheng et al. 2023, arXiv:2304.10970"


@dataclass(frozen=True)
class PapersSearch:
    """A column of Tables 3 and 4: ImageNet top-1 of the best after 180 epochs, in percent, and GPU-days on V100s."""

    top1: float
    gpu_days: float


PAPERS_ABLATION: dict[Literal["epochs", "size"], dict[int, PapersSearch]] = {
    "epochs": {
        10: PapersSearch(76.4, 3.0),
        20: PapersSearch(76.7, 6.1),
        30: PapersSearch(76.7, 9.2),
        40: PapersSearch(76.7, 12.3),
        50: PapersSearch(76.6, 15.4),
    },
    "size": {
        224: PapersSearch(76.7, 6.1),
        196: PapersSearch(76.9, 5.6),
        160: PapersSearch(76.7, 5.2),
        128: PapersSearch(76.5, 4.8),
        96: PapersSearch(76.2, 4.5),
    },
}
"""Table 3, the epochs of the search at 224 pixels, and Table 4, its image size at 20 epochs."""

TABLE_NUMBERS = {"epochs": 3, "size": 4}
