"""The paper's results on other tasks: Zheng et al. 2023, arXiv:2304.10970, Tables 5 and 6."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PapersTransfer:
    """A line of Table 5: pixels of a side, FLOPs and parameters in millions, accuracies in percent."""

    backbone: str
    size: int
    flops: int
    params: float
    cifar10: float
    cifar100: float


PAPERS_TRANSFERS = (
    PapersTransfer("NASNet-A", 331, 12_030, 85, 98.0, 86.7),
    PapersTransfer("EfficientNet-B0", 224, 387, 5.3, 98.1, 86.8),
    PapersTransfer("MixNet-M", 224, 359, 5.0, 97.9, 87.1),
    PapersTransfer("FairNAS-A", 224, 391, 5.9, 98.2, 87.3),
    PapersTransfer("FairNAS-C", 224, 324, 5.6, 98.0, 86.7),
    PapersTransfer("GENIUS-329", 224, 329, 7.0, 98.2, 87.3),
    PapersTransfer("GENIUS-401", 224, 401, 7.5, 98.3, 87.4),
)
"""Table 5."""


@dataclass(frozen=True)
class PapersDetector:
    """A line of Table 6: FLOPs in millions at 224 pixels, COCO's AP on `val2017`, and top-1 on ImageNet, in percent.

    `ap` are AP, AP50, AP75 and those of small, medium and large objects; None stands for what the paper does not print.
    """

    backbone: str
    flops: int
    ap: tuple[float | None, ...]
    top1: float


_NOT_PRINTED = (None,) * 5

PAPERS_DETECTORS = (
    PapersDetector("MobileNetV2", 300, (28.3, 46.7, 29.3, 14.8, 30.7, 38.1), 72.0),
    PapersDetector("MobileNetV3", 219, (29.9, 49.3, 30.8, 14.9, 33.3, 41.1), 75.2),
    PapersDetector("MnasNet-A2", 340, (30.5, 50.2, 32.0, 16.6, 34.1, 41.1), 75.6),
    PapersDetector("SPOS", 365, (30.7, 49.8, 32.2, 15.4, 33.9, 41.6), 75.0),
    PapersDetector("FairNAS-C", 325, (31.2, 50.8, 32.7, 16.3, 34.4, 42.3), 76.7),
    PapersDetector("MixNet-M", 360, (31.3, 51.7, 32.4, 17.0, 35.0, 41.9), 77.0),
    PapersDetector("MixPath-A", 349, (31.5, 51.3, 33.2, 17.4, 35.3, 41.8), 76.9),
    PapersDetector("FairNAS-A", 392, (32.4, 52.4, 33.9, 17.2, 36.3, 43.2), 77.5),
    PapersDetector("Cream-S", 287, (33.2, 53.6, 34.9, 18.2, 36.6, 44.4), 77.6),
    PapersDetector("GreedyNASv2", 324, (34.9, *_NOT_PRINTED), 77.5),
    PapersDetector("GENIUS-329", 329, (35.8, 55.3, 38.1, 19.6, 38.7, 48.1), 77.8),
)
"""Table 6; all but the last were copied by the paper from Cream's."""
