"""The paper's results on ImageNet: Zheng et al. 2023, arXiv:2304.10970, Tables 2, 3 and 4."""

from dataclasses import dataclass
from typing import Literal


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


@dataclass(frozen=True)
class PapersNetwork:
    """A line of Table 2: FLOPs and parameters in millions, accuracies in percent, and the search's cost in GPU-days.

    None stands for what the paper does not print; `cost` is its own word where it is no number.
    """

    method: str
    flops: int
    params: float | None
    top1: float
    top5: float | None
    cost: float | str


_UNKNOWN = "unknown"

PAPERS_NETWORKS = (
    PapersNetwork("MobileNetV2", 300, 3.4, 72.0, 91.0, "human designed"),
    PapersNetwork("AngleNet", 325, None, 74.2, None, _UNKNOWN),
    PapersNetwork("Proxyless-R", 320, 4.0, 74.6, 92.2, 15),
    PapersNetwork("MnasNet-A2", 340, 4.8, 75.6, 92.7, "288 (TPUs)"),
    PapersNetwork("BetaNet-A", 333, 4.1, 75.9, 92.8, 7),
    PapersNetwork("SPOS", 328, None, 76.2, None, 12),
    PapersNetwork("SCARLET-B", 329, 6.5, 76.3, 93.0, 22),
    PapersNetwork("ST-NAS-A", 326, 5.2, 76.4, 93.1, _UNKNOWN),
    PapersNetwork("GreedyNAS-B", 324, 5.2, 76.8, 93.0, 7),
    PapersNetwork("MCT-NAS-B", 327, 6.3, 76.9, 93.4, 12),
    PapersNetwork("FairNAS-C", 325, 5.6, 76.7, 93.3, _UNKNOWN),
    PapersNetwork("K-shot-NAS-B", 332, 6.2, 77.2, 93.3, 12),
    PapersNetwork("FBNetV2-L1", 325, None, 77.2, None, 25),
    PapersNetwork("NSENet", 333, 7.6, 77.3, None, 167),
    PapersNetwork("GreedyNASv2-S", 324, 5.7, 77.5, 93.5, 7),
    PapersNetwork("Cream-S", 287, 6.0, 77.6, 93.3, 12),
    PapersNetwork("GENIUS-329", 329, 7.0, 77.8, 93.7, 5.6),
    PapersNetwork("ProxylessNAS", 465, 7.1, 75.1, None, 15),
    PapersNetwork("SCARLET-A", 365, 6.7, 76.9, 93.4, 24),
    PapersNetwork("GreedyNAS-A", 366, 6.5, 77.1, 93.3, 7),
    PapersNetwork("BossNet-M2", 403, None, 77.4, 93.6, 10),
    PapersNetwork("DNA-B", 403, 4.9, 77.5, 93.3, 8.5),
    PapersNetwork("EfficientNet-B0 (timm)", 390, 5.3, 77.7, 93.3, _UNKNOWN),
    PapersNetwork("ST-NAS-B", 503, 7.8, 77.9, 93.8, _UNKNOWN),
    PapersNetwork("MCT-NAS-A", 442, 8.4, 78.0, 93.9, 12),
    PapersNetwork("GENIUS-401", 401, 7.5, 78.2, 93.8, 5.7),
)
"""Table 2, its searches' cost on V100s but where it says TPUs; the first 17 are its group of 300 M FLOPs."""

SMALL, LARGE = PAPERS_NETWORKS[:17], PAPERS_NETWORKS[17:]
"""The two groups of Table 2, of some 300 M and of some 400 M FLOPs."""
