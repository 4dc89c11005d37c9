"""A result for people: a table of the iterations, the best architecture, and the meaning of the numbers."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from heapq import nsmallest
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..agents.backends import LOCAL
from ..graph.trust import resume_command
from ..printable import one_line
from ..record.candidate import Candidate, measured
from ..record.confirmation import Confirmed
from ..record.goal import OF_COSTS, Goal, limit_words
from ..record.result import SearchResult, TrialResult
from ..record.search_picture import PICTURE_FILE
from ..record.settings import Settings
from ..spaces import table_of
from ..spaces.cost import Convention, counting_in_words
from ..spaces.figures import many_millions
from ..spaces.objective import BITS_PER_CHARACTER, TOP5, Objective
from ..tools.toolbox import chance_in_words
from .notes import notes_in_lines
from .reasons import reasons_in_lines
from .tool_calls import calls_in_lines

_NARROW = 72  # columns of a terminal below which tables leave out the less wanted columns
_BEST, _LATEST = 20, 20  # rows of a table of many
_LONGEST, _FORECAST = 300, 40  # characters of an error, and of a forecast
_NOTHING_YET = "nothing was measured yet"


def print_tables(result: SearchResult, console: Console, *, everything: bool = False, reasons: bool = False) -> None:
    """Print a result as a table and sentences, of one trial with its `reasons` and refusals, if asked for.

    Of many iterations, or trials, the table has the best and the latest, unless `everything` is asked for.
    """
    narrow = console.width < _NARROW
    chosen: Sequence[Candidate] = ()
    if len(result.trials) == 1:
        candidates = result.trials[0].candidates
        places = range(len(candidates)) if everything else _shown(_utilities(candidates, result.goal))
        chosen = [candidates[at] for at in places]
        table = _iterations(chosen, result, narrow)
        kind, count = "iterations", len(candidates)
    else:
        found = [result.goal.utility(trial.best) if trial.best else None for trial in result.trials]
        places = range(len(found)) if everything else _shown(found)
        table = _trials([result.trials[at] for at in places], result.goal, narrow)
        kind, count = "trials", len(found)
    if table.row_count:
        console.print(table, "", sep="\n")
    if table.row_count < count:
        print_sentences(console, [f"{table.row_count} of {count:,} {kind}: the best and the latest (all: --all)"])
    print_sentences(console, sentences(result))
    if reasons:
        print_sentences(console, reasons_in_lines(chosen, everything=everything))
    print_sentences(console, calls_in_lines(chosen, everything=everything))
    print_sentences(console, notes_in_lines(result))
    # The paths on lines of their own and never cut, so that they can be copied.
    if (result.run / PICTURE_FILE).is_file():
        print_sentences(console, [f"picture: {result.run / PICTURE_FILE}"], copied=True)
    print_sentences(console, [f"run:     {result.run}"], copied=True)


def _utilities(candidates: Sequence[Candidate], goal: Goal) -> list[float | None]:
    """Return the utilities of feasible candidates, None for others."""
    feasible = {candidate.iteration for candidate in goal.feasible(candidates)}
    return [goal.utility(candidate) if candidate.iteration in feasible else None for candidate in candidates]


def _shown(utilities: Sequence[float | None]) -> Sequence[int]:
    """Return the places of the rows that a table has: all of a few, of many the best and the latest."""
    count = len(utilities)
    if count <= _BEST + _LATEST:
        return range(count)
    measured = [at for at, utility in enumerate(utilities) if utility is not None]
    best = nsmallest(_BEST, measured, key=lambda at: (-(utilities[at] or 0.0), at))
    return sorted({*best, *range(count - _LATEST, count)})


def as_text(words: str) -> Text:
    """Return words for a terminal as one line of plain text, whoever wrote them."""
    return Text(one_line(words))


def print_sentences(console: Console, sentences: Iterable[str], *, copied: bool = False) -> None:
    """Print each sentence as plain text; one that is to be `copied` is not wrapped."""
    for sentence in sentences:
        console.print(as_text(sentence), soft_wrap=copied)


def _table(columns: Sequence[str], last: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(as_text(name), justify="right", overflow="fold")
    table.add_column(as_text(last), overflow="fold")
    return table


def _iterations(candidates: Sequence[Candidate], result: SearchResult, narrow: bool) -> Table:
    goal, convention, best = result.goal, result.settings.limits.convention, result.trials[0].best
    columns = {"iteration": [str(candidate.iteration) for candidate in candidates]}
    columns |= {_title(goal): _values([candidate.value for candidate in candidates], goal.objective)}
    columns |= _expected(candidates, goal.objective)
    others = [name for name in goal.others if name not in (*OF_COSTS, *columns)]
    columns |= {_label(goal, name): _metric(candidates, goal, name) for name in others}
    columns["rank"] = [_number(c.measurement.rank if c.measurement else None) for c in candidates]
    columns |= {} if narrow or not any(c.cost for c in candidates) else _costs(candidates, convention)
    columns |= {"arm": [c.arm or "-" for c in candidates]} if any(c.arm for c in candidates) else {}
    table = _table(list(columns), "architecture")
    for candidate, *cells in zip(candidates, *columns.values(), strict=True):
        again = result.confirmed(candidate)
        words = (*cells, _architecture(candidate, goal, again if again and again.is_repeated else None))
        is_best = best is not None and candidate.iteration == best.iteration
        table.add_row(*map(as_text, words), style="bold" if is_best else "")
    return table


def _title(goal: Goal) -> str:
    return goal.objective.name if goal.is_accuracy else goal.objective.label


def _label(goal: Goal, name: str) -> str:
    quantity = goal.quantity(name)
    return quantity.label if quantity else name


def _values(values: Sequence[float | None], objective: Objective) -> list[str]:
    """Write a column of values, with as many digits as tell them apart."""
    words = iter(objective.numbers([value for value in values if value is not None]))
    return ["-" if value is None else next(words) for value in values]


def _expected(candidates: Sequence[Candidate], objective: Objective) -> dict[str, list[str]]:
    """Write a column of the proposer's own forecasts; none where it made none."""
    words = [_forecast(candidate, objective) for candidate in candidates]
    return {"expected": [each or "-" for each in words]} if any(words) else {}


def _forecast(candidate: Candidate, objective: Objective) -> str:
    value, sd = candidate.expected, candidate.expected_sd
    if value is None:
        return ""
    return one_line(objective.numbers([value])[0] if sd is None else objective.near(value, sd), _FORECAST)


def _metric(candidates: Sequence[Candidate], goal: Goal, name: str) -> list[str]:
    objective = goal.quantity(name) or Objective(name)
    return _values([goal.reading(candidate, name) for candidate in candidates], objective)


def _costs(candidates: Sequence[Candidate], convention: Convention) -> dict[str, list[str]]:
    flops = "MFLOPs" if convention == "macs" else f"MFLOPs ({convention})"
    counted = [c.cost.counted(convention) for c in candidates if c.cost]
    found = many_millions(counted, 2), many_millions([c.cost.params for c in candidates if c.cost], 3)
    words = [iter(each) for each in found]
    columns = [["-" if candidate.cost is None else next(each) for candidate in candidates] for each in words]
    return dict(zip((flops, "params (M)"), columns, strict=True))


def _architecture(candidate: Candidate, goal: Goal, again: Confirmed | None) -> str:
    words = [candidate.written] if candidate.architecture else []
    words += [one_line(candidate.error, _LONGEST)] if candidate.error else []
    if candidate.repair:
        how = "repaired" if candidate.repair.by == "nearest" else "changed by a person"
        words.append(f"({how} from {list(candidate.repair.proposed)})")
    words += [f"(not feasible: {' and '.join(beyond)})"] if (beyond := goal.beyond(candidate)) else []
    words += [f"({len(candidate.refusals)} refused)"] if candidate.refusals else []
    words += [f"mean {_runs(again, goal)}"] if again else []
    return " ".join(words)


def _runs(again: Confirmed, goal: Goal) -> str:
    """Write the mean of a candidate's runs with their standard deviation and number, as in 92.95 ± 0.12% (3 runs)."""
    objective, count = goal.objective, len(again.runs)
    spread = objective.numbers([again.mean])[0] if again.sd is None else objective.near(again.mean, again.sd)
    failed = f", {len(again.failures)} failed" if again.failures else ""
    return f"{spread}{objective.suffix} ({count} run{'s' * (count > 1)}{failed})"


def _number(value: int | None) -> str:
    return f"{value:,}" if value is not None else "-"


def _trials(trials: Sequence[TrialResult], goal: Goal, narrow: bool) -> Table:
    value = _title(goal)
    columns = ("trial", value, "rank") if narrow else ("trial", "iterations", value, "rank", "test", "test rank")
    best = [trial.best.measurement if trial.best else None for trial in trials]
    values = _values([m.value if m else None for m in best], goal.objective)
    tests = _values([m.test_value if m else None for m in best], goal.objective)
    table = _table(columns, "best architecture")
    for trial, seen, test in zip(trials, values, tests, strict=True):
        cells = {"trial": str(trial.trial), "iterations": str(len(trial.candidates)), **_best_cells(trial.best)}
        cells |= {value: seen, "test": test}
        table.add_row(*(as_text(cells.get(column, "-")) for column in (*columns, "best architecture")))
    return table


def _best_cells(best: Candidate | None) -> dict[str, str]:
    if best is None or best.measurement is None:
        return {}
    m = best.measurement
    return {
        "rank": _number(m.rank),
        "test rank": _number(m.test_rank),
        "best architecture": best.written,
    }


def sentences(result: SearchResult) -> list[str]:
    """Describe the best of a result, the way to it, its costs, and the meaning of the numbers."""
    found = [_summary(result)] if len(result.trials) > 1 else []
    found += [_best(result.best, result) if result.best else _nothing(result)]
    found += _confirmed(result)
    found += _arms(result)
    found += _fronts(result) if result.goal.pareto and result.best else []
    found += _protocol(result.settings)
    found += [_limits(result)] if result.settings.limits.ranges.limited else []
    found += [_measured_limits(result)] if result.goal.limits else []
    found += [_search_cost(device, seconds) for device, seconds in result.device_seconds().items()]
    convention = result.settings.limits.convention
    counting = counting_in_words(convention, text=_of_text(result))
    costed = any(candidate.cost for candidate in result.candidates)
    found.append(usage(result) + f"; FLOPs are {counting} ({convention})" * costed)
    if result.settings.llm.first == LOCAL:
        found.append("The embedded 135M model shows that the loop works; it says nothing about search quality.")
    if result.stopped:
        found.append(f"Stopped early: {result.stopped}.")
    if not result.finished:
        found.append(f"Not finished: go on with `{resume_command(result.run, result.settings)}`.")
    return found


def _nothing(result: SearchResult) -> str:
    if measured(result.candidates):
        return f"nothing feasible was measured: the limits are {limit_words(result.goal)}"
    errors = [candidate.error for trial in result.trials for candidate in trial.candidates if candidate.error]
    return f"nothing was measured: the last reason is: {one_line(errors[-1], _LONGEST)}" if errors else _NOTHING_YET


def _best(best: Candidate, result: SearchResult) -> str:
    m, where = best.measurement, f"trial {best.trial}, iteration {best.iteration}"
    assert m is not None
    goal, objective, again = result.goal, result.goal.objective, result.confirmed(best)
    value = _runs(again, goal) if again and again.is_repeated else objective.text(m.value or 0.0)
    words = [f"best: {best.written} ({where}), {objective.name} {value}"]
    others = [name for name in goal.told(best) if name != objective.name]
    words += [f"{name} {_metric([best], goal, name)[0]}{goal.suffix(name)}" for name in others]
    words += [f"rank {m.rank:,}"] if m.rank is not None else []
    words += [f"test {objective.name} {objective.text(m.test_value)}"] if m.test_value is not None else []
    words += [f"test {TOP5.name} {TOP5.text(m.test_metrics[TOP5.name])}"] if TOP5.name in m.test_metrics else []
    words += [f"test rank {m.test_rank:,}"] if m.test_rank is not None else []
    words += [f"proposed by {best.arm}"] if best.arm else []
    return ", ".join(words)


def _confirmed(result: SearchResult) -> list[str]:
    """Describe the results of the further evaluations of the best, where there are any."""
    if not any(trial.confirmations for trial in result.trials):
        return []
    confirming, made = result.settings.loop.confirming, sum(len(trial.confirmations) for trial in result.trials)
    words = [f"confirmed by {made:,} further evaluations with other seeds, {confirming.repeats} of each candidate"]
    best, first = result.best, result.first_best
    if best is not None and (again := result.confirmed(best)) and again.is_repeated:
        words.append(_first_number(again, result.goal))
    if best and first and (first.trial, first.iteration) != (best.trial, best.iteration):
        words.append(f"by the first numbers alone the best is iteration {first.iteration} of trial {first.trial}")
    return ["; ".join(words)]


def _first_number(again: Confirmed, goal: Goal) -> str:
    """Say by how much the first number of a candidate flattered it."""
    flattered = again.flattered(goal)
    size, unit = goal.objective.numbers([abs(flattered)])[0], "points" if goal.is_accuracy else goal.objective.unit
    side = "above" if again.runs[0] > again.mean else "below"
    first = f"its first number was {size} {unit} {side} its mean".replace("  ", " ")
    return f"{first}, and a further run is expected to give {goal.objective.text(again.expected)}"


def _arms(result: SearchResult) -> list[str]:
    """Say how many architectures of each arm were tried, how many of them improved on the best before, and how probable
    the evidence left the model's beliefs in each trial."""
    tried = Counter(candidate.arm for candidate in result.candidates if candidate.arm)
    improved = Counter(c.arm for trial in result.trials for c in trial.goal.improving(trial.candidates) if c.arm)
    words = [f"{arm} {count} ({improved[arm]} improved)" for arm, count in tried.most_common()]
    if not words:
        return []
    latest = [[c.belief for c in trial.candidates if c.belief is not None][-1:] for trial in result.trials]
    beliefs = ", ".join(chance_in_words(belief) for found in latest for belief in found)
    return [f"proposed by: {', '.join(words)}" + f"; the model's beliefs in the end {beliefs} probable" * bool(beliefs)]


def _fronts(result: SearchResult) -> list[str]:
    """Describe the front of each trial, and its hypervolume."""
    return [words for trial in result.trials for words in _front(result, trial)]


def _front(result: SearchResult, trial: TrialResult) -> list[str]:
    goal, front, volume = result.goal, result.goal.front(trial.candidates), result.hypervolume(trial)
    if not front or volume is None:
        return []
    where = f" of trial {trial.trial}" if len(result.trials) > 1 else ""
    columns = [_metric(front, goal, objective.name) for objective in goal.objectives]
    points = (f"{candidate.iteration} ({', '.join(cells)})" for candidate, *cells in zip(front, *columns, strict=True))
    named = ", ".join(objective.label for objective in goal.objectives)
    above = ", ".join(f"{name} {value:g}" for name, value in volume.reference.items())
    return [
        f"front{where}, by iteration ({named}): {', '.join(points)}",
        f"hypervolume{where}: {volume.value:.6g}, from {above} on",
    ]


def _measured_limits(result: SearchResult) -> str:
    known = measured(result.candidates)
    beyond = len(known) - len(result.goal.feasible(known))
    return f"measured limits: {limit_words(result.goal)}; {beyond} of {len(known)} measured are not feasible"


def _protocol(settings: Settings) -> list[str]:
    """Describe the values of a run that looked them up."""
    among = _among(settings)
    if settings.training.table is not None:
        whose = f"{settings.goal.objective.plural.capitalize()} are those of the table {settings.training.table}."
        return [f"{whose} {among}"]
    table = table_of(settings.space)
    if table is None or not settings.looks_up:
        return []
    if table.sees_test_accuracy:
        seen = "The search saw one training of each architecture; test accuracy and ranks are of the mean of all."
        mean = ", the mean of several trainings," if table.runs else ""
        alone = f"This table holds test accuracy only{mean or ','} so the search itself saw it."
        return [f"{seen if settings.training.single_run else alone} {among}"]
    seen = "The search saw validation accuracy; test accuracy is that of the best by validation."
    return [f"{seen} {among}"]


def _among(settings: Settings) -> str:
    whole = "the space" if settings.training.table is None else "the table"
    within = " within the limits" if settings.limits.ranges.limited else ""
    return f"Ranks are among all architectures of {whole}{within}; equals share the better rank."


def _of_text(result: SearchResult) -> bool:
    """Tell whether networks are language models."""
    return result.goal.quantity(BITS_PER_CHARACTER.name) is not None


def _limits(result: SearchResult) -> str:
    candidates = [candidate for trial in result.trials for candidate in trial.candidates]
    refused = sum(len(candidate.refusals) for candidate in candidates)
    repaired = sum(candidate.repair is not None and candidate.repair.by == "nearest" for candidate in candidates)
    table, limits = result.settings.measures.table, result.settings.limits
    predicted = f", {' and '.join(limits.others)} as {table} predicts" if table and limits.others else ""
    words = limits.ranges.words(text=_of_text(result))
    return f"limits: {words}{predicted}; {refused} replies refused, {repaired} repaired"


def _search_cost(device: str, seconds: float) -> str:
    """Describe the cost of the trainings, as the paper's Table 2 does."""
    unit = "CPU" if device.lower().startswith("cpu") else "GPU"
    return f"search cost: {seconds / 3600:.3g} {unit}-hours ({seconds / 86400:.2g} {unit}-days) of {device}"


def usage(result: SearchResult) -> str:
    """Say how many calls and tokens a run took, and how long."""
    calls = sum(trial.usage.llm_calls for trial in result.trials)
    tokens_in = sum(trial.usage.input_tokens for trial in result.trials)
    tokens_out = sum(trial.usage.output_tokens for trial in result.trials)
    seconds = sum(trial.seconds for trial in result.trials)
    cost = f"${result.spent.cost:.4g}, " if result.spent.cost else ""
    answered = dict.fromkeys(c.llm for trial in result.trials for c in trial.candidates if c.llm)
    names = " and ".join(answered) or result.settings.llm.first
    model = f"{calls} calls of {names}, {tokens_in:,} + {tokens_out:,} tokens, {cost}" if calls else ""
    return f"{model}{seconds:.1f} s{' summed over the trials' * (len(result.trials) > 1)}"


def _summary(result: SearchResult) -> str:
    summary: Mapping[str, Any] = result.summary()
    words = []
    for name in (*result.goal.objective.titles, "rank", "test_rank"):
        if spread := summary[name]:
            number = f"{spread['mean']:.2f} ± {spread['std']:.2f} (median {round(spread['median'], 2):g})"
            words.append(f"{name.replace('_', ' ')} {number}")
    return f"best of each of {summary['trials']} trials, mean ± std: {', '.join(words)}"
