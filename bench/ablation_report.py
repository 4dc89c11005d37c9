"""An ablation as Markdown in the layout of the paper's Tables 3 and 4, as JSON, and as a picture of the trade-off."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from ..record.files import write_atomically
from ..record.search_picture import as_label, save
from ..record.settings import Settings
from ..record.versions import made_with
from .ablation import Ablation, Searched
from .ablation_plan import FidelityAxis
from .agreement import Correlation
from .imagenet_tables import PAPERS_ABLATION, TABLE_NUMBERS
from .paper_numbers import SOURCE
from .plan import writing
from .report import as_markdown, listed, markdown_table
from .study import LevelStudy, Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ABLATION_REPORT, ABLATION_JSON, ABLATION_PICTURE = "ablation.md", "ablation.json", "ablation.png"
_DAY, _LARGE = 86_400, 3_600  # seconds; a search that took so many has its cost in days, too
_WORDS = {"epochs": "epochs", "size": "input size"}
_AXES: tuple[FidelityAxis, ...] = ("epochs", "size")


def write_ablation(found: Ablation) -> None:
    """Write an ablation's report, its JSON and its picture into its folder.

    Raises: RunFailed where the folder cannot be written to.
    """
    with writing(found.folder):
        write_atomically(found.folder / ABLATION_REPORT, ablation_markdown(found))
        write_atomically(found.folder / ABLATION_JSON, json.dumps(ablation_json(found), indent=1) + "\n")
        _draw(found)


def ablation_markdown(found: Ablation) -> str:
    """Return the report."""
    lines = [
        f"# {as_markdown(f'Fidelities of {found.plan.settings.space}')}",
        "",
        *listed(ablation_facts(found)),
        "",
    ]
    for axis in _AXES:
        if columns := [each for each in found.searched if each.fidelity.axis == axis]:
            lines += [f"## Searches, by {_WORDS[axis]} (the paper's Table {TABLE_NUMBERS[axis]})", ""]
            lines += [*searches_table(axis, columns), ""]
    if found.study is not None:
        lines += ["## Order of architectures at each fidelity", "", *_study_table(found.study), ""]
        lines += [*listed(study_words(found.study)), ""]
    return "\n".join(lines)


def ablation_facts(found: Ablation) -> Iterator[str]:
    """State data, recipes, budget, seeds and device."""
    plan, settings = found.plan, found.plan.settings
    yield f"images: {settings.training.data}; searches train by {_recipe(settings)}"
    yield from found.notes
    yield f"full fidelity: {_recipe(plan.at_full())}"
    if plan.evaluations:
        by = ", ".join(filter(None, [settings.proposer, *settings.llm.models]))
        yield f"each search: {plan.evaluations} evaluations by {by}, seed {settings.loop.first_seed}"
    if plan.architectures:
        yield f"fixed set: {plan.architectures} architectures, even over FLOPs, each with {_seeds(plan.seeds)}"
    spent = ", ".join(f"{_cost(seconds)} of {device or 'an unknown device'}" for device, seconds in found.spent.items())
    yield f"all trainings together, each counted once: {spent or 'none'}"
    yield f"made with {made_with('genius-nas', 'torch')}"


def _recipe(settings: Settings) -> str:
    asked = settings.training
    batch = (f"batch={asked.batch}",) if asked.batch else ()
    return " ".join([str(asked.recipe), *asked.recipe_changes, *batch])


def _seeds(count: int) -> str:
    return f"{count} seed{'s' * (count > 1)}"


def _cost(seconds: float) -> str:
    return f"{seconds:,.0f} device-seconds ({seconds / _DAY:.2g} device-days)"


def searches_table(axis: FidelityAxis, columns: Sequence[Searched]) -> Iterator[str]:
    """Yield the lines of a table with a column for each value, ours above the paper's."""
    papers = [PAPERS_ABLATION[axis].get(each.fidelity.value) for each in columns]
    rows: list[tuple[str, list[str]]] = [
        ("top-1 of the best, trained fully (%)", [_percent(_reached(each)) for each in columns]),
        ("its accuracy in the search (%)", [_percent(_in_search(each)) for each in columns]),
        ("search cost (device-seconds)", [f"{each.seconds:,.1f}" for each in columns]),
        ("device", [_devices(each) for each in columns]),
        ("best architecture", [", ".join(map(str, each.architecture or "-")) for each in columns]),
    ]
    if max(each.seconds for each in columns) >= _LARGE:
        rows.insert(3, ("search cost (device-days)", [f"{each.seconds / _DAY:.2f}" for each in columns]))
    if any(papers):
        rows += [
            ("the paper on ImageNet: top-1 (%)", ["-" if each is None else f"{each.top1:.1f}" for each in papers]),
            ("the paper: GPU-days on V100", ["-" if each is None else f"{each.gpu_days:.1f}" for each in papers]),
        ]
    yield from markdown_table(
        [_WORDS[axis], *(str(each.fidelity.value) for each in columns)], [[a, *b] for a, b in rows]
    )
    yield ""
    yield "The cost of a search counts all its trainings, those too that were made already for another purpose."
    if any(papers):
        yield f"The paper's numbers: {SOURCE}, Table {TABLE_NUMBERS[axis]}; its best were trained for 180 epochs."


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _reached(each: Searched) -> float | None:
    """Return the test accuracy of the best at full fidelity; that on the images that steer where there is no other."""
    trained = each.retrained
    return None if trained is None else trained.value if trained.test_value is None else trained.test_value


def _in_search(each: Searched) -> float | None:
    return each.result.best.value if each.result.best else None


def _devices(each: Searched) -> str:
    return " and ".join(each.result.device_seconds()) or "-"


def _study_table(study: Study) -> Iterator[str]:
    head = ["fidelity", "device-seconds", "of full", "τ with full", "ρ with full", "τ of two seeds"]
    full = study.levels[-1].seconds if study.levels else 0.0
    body = []
    for each in study.levels:
        cells = [each.name, f"{each.seconds:,.1f}", f"{100 * each.seconds / full:.0f}%" if full else "-"]
        cells += [str(each.tau.told), str(each.rho.told), str(each.agreement.told)]
        body.append(cells + ([str(each.published.told)] if len(study.published) else []))
    yield from markdown_table(head + ["τ with the published table"] * bool(len(study.published)), body)


def study_words(study: Study) -> Iterator[str]:
    """Explain a study's table, and advise."""
    yield study.advice
    apart = "trainings of different seeds, the mean over all such pairs" if study.seeds > 1 else "trainings of one seed"
    yield (
        f"τ is Kendall's τ-b, ρ Spearman's; in brackets the 95% interval of 2,000 bootstrap samples of the "
        f"{len(study.architectures)} architectures. Values that steer a search are held against test values at full "
        f"fidelity, of {apart}; the line of the full fidelity says how far its own seeds agree"
    )
    yield f"device: {study.device}"
    if study.left_out:
        yield f"left out, since a training failed: {', '.join(str(list(each)) for each in study.left_out)}"
    if study.note:
        yield f"no published order: {study.note}"


def ablation_json(found: Ablation) -> dict[str, object]:
    """Return plain JSON types."""
    plan = found.plan
    return {
        "space": plan.settings.space,
        "data": plan.settings.training.data,
        "recipe": _recipe(plan.settings),
        "full": _recipe(plan.at_full()),
        "evaluations": plan.evaluations,
        "seed": plan.settings.loop.first_seed,
        "spent": dict(found.spent),
        "searches": [_searched_json(each) for each in found.searched],
        "study": None if found.study is None else _study_json(found.study),
        "folder": str(found.folder),
    }


def _searched_json(each: Searched) -> dict[str, object]:
    papers = PAPERS_ABLATION[each.fidelity.axis].get(each.fidelity.value)
    trained = each.retrained
    return {
        **asdict(each.fidelity),
        "run": str(each.result.run),
        "architecture": each.architecture and list(each.architecture),
        "accuracy_in_search": _in_search(each),
        "accuracy": trained and trained.value,
        "test_accuracy": trained and trained.test_value,
        "error": trained and trained.error,
        "device_seconds": each.result.device_seconds(),
        "paper": None
        if papers is None
        else {**asdict(papers), "source": f"{SOURCE}, Table {TABLE_NUMBERS[each.fidelity.axis]}"},
    }


def _study_json(study: Study) -> dict[str, object]:
    return {
        "architectures": [list(each) for each in study.architectures],
        "flops": list(study.flops),
        "published": list(study.published) or None,
        "left_out": [list(each) for each in study.left_out],
        "device": study.device,
        "advice": study.advice,
        "levels": [_level_json(each) for each in study.levels],
    }


def _level_json(level: LevelStudy) -> dict[str, object]:
    told: Mapping[str, Correlation] = {
        name: getattr(level, name).told for name in ("tau", "rho", "agreement", "published")
    }
    return {
        "fidelity": level.name,
        "device_seconds": level.seconds,
        "values": level.values.tolist(),
        "test_values": level.tests.tolist(),
        **{name: asdict(each) for name, each in told.items()},
    }


def _draw(found: Ablation) -> None:
    """Draw accuracy and rank correlation against cost, a panel for each that there is."""
    from matplotlib.figure import Figure

    draws: list[Callable[[Axes], None]] = []
    if any(_reached(each) is not None for each in found.searched):
        draws.append(lambda panel: _draw_searches(panel, found.searched))
    if found.study is not None and found.study.levels:
        study = found.study
        draws.append(lambda panel: _draw_study(panel, study))
    if not draws:
        return
    figure = Figure(figsize=(5.5 * len(draws), 3.8), layout="constrained")
    for panel, draw in zip(figure.subplots(1, len(draws), squeeze=False)[0], draws, strict=True):
        draw(panel)
        panel.grid(alpha=0.25)
    figure.suptitle(as_label(f"{found.plan.settings.space} on {found.plan.settings.training.data}"), fontsize=10)
    save(figure, found.folder / ABLATION_PICTURE, 120)


def _draw_searches(panel: "Axes", searched: Sequence[Searched]) -> None:
    for number, axis in enumerate(_AXES):
        points = [
            (each.seconds, _reached(each), each.fidelity.value) for each in searched if each.fidelity.axis == axis
        ]
        known = [(across, up, value) for across, up, value in points if up is not None]
        panel.plot(
            [p[0] for p in known],
            [p[1] for p in known],
            "o-",
            color=f"C{number}",
            label=_WORDS[axis] if known else None,
        )
        for across, up, value in known:
            panel.annotate(str(value), (across, up), textcoords="offset points", xytext=(4, 4), fontsize=8)
    panel.set_xlabel("search cost (device-seconds)")
    panel.set_ylabel("accuracy of the best, trained fully (%)")
    panel.legend(fontsize=8, frameon=False)


def _draw_study(panel: "Axes", study: Study) -> None:
    for level in study.levels:
        told = level.tau.told
        if told.value is None:
            continue
        ends = None if told.low is None or told.high is None else [[told.value - told.low], [told.high - told.value]]
        panel.errorbar(
            [level.seconds], [told.value], ends, fmt="s" if level is study.levels[-1] else "o", color="C0", capsize=3
        )
        panel.annotate(level.name, (level.seconds, told.value), textcoords="offset points", xytext=(5, 5), fontsize=8)
    panel.set_xlabel("device-seconds of a training")
    panel.set_ylabel("Kendall's τ with full trainings")
