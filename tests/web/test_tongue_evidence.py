"""French of the evidence, the response, the procedures and the cohort: what their data, their sentences and their rendered sections say, in full."""

from __future__ import annotations

import ast
import datetime as dt
import itertools
import re
from collections.abc import Iterator
from html import unescape
from importlib.resources import files
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from liverboard.board.cohort_summary import Wanted, row_of, summarise
from liverboard.board.dossier import Dossier
from liverboard.board.load import open_case, sample_names
from liverboard.board.prepare import prepare_dossier
from liverboard.clinical.events import Case
from liverboard.clinical.facts import facts_of
from liverboard.evidence.catalogue import load_catalogue
from liverboard.evidence.dictionary import TECHNIQUE_WORDS, define, load_claims, load_option_pools, load_outcomes
from liverboard.evidence.expected import expected_of, outcome_of
from liverboard.evidence.pools import kept_pool
from liverboard.evidence.words import banner_words, listed_words, median_words, rate_words
from liverboard.phantom.cohort import CohortPlan, draw_people
from liverboard.phantom.cohort_story import case_of
from liverboard.report.expected_view import cells_of, expected_view
from liverboard.report.forest import forest_svg
from liverboard.report.html import render_sections
from liverboard.report.palette import WEB
from liverboard.report.pool_forest import pool_forest, pool_title
from liverboard.report.survival_plot import Survival, survival_svg
from liverboard.report.survival_views import curve_of
from liverboard.synthesis.proportions import pool_proportions
from liverboard.web.tongue import SUBJECTS, Said, Tongue, lacking, say, say_page

HOUSE = Path(str(files("liverboard")))
WORDS = HOUSE / "web" / "locale" / "fr" / "LC_MESSAGES"
TESTS = Path(__file__).parents[1]
SECTIONS = ("evidence", "response", "procedures")
PLACE = re.compile(r"\{[=n]?\d+\}")
FILLS = ("7", "+7 %", "7 mm", "1 May 2024")
ROOMS = ("response/*.py", "board/procedures.py", "embolisation/*.py", "evidence/words.py", "evidence/pools.py", "evidence/certainty.py", "evidence/expected.py")  # fmt: skip


PIECES = (
    "{} after {}: sizes are not judged before {} days ({})",
    "{} after {}: trials look at {} days ({})",
    "{} and further arms",
    "{} is a target though it ",
    "{} over the smallest sum ({}), progression {}{}",
    "{} versions {} stand side by side: grades of two versions are not ranked against each other",
    "{}, and {}: progression hangs on it",
    "{}, and {}: response hangs on it",
    "{}: {} treated patients {} ({}).{}",
    "{}: both measure the whole lesion; {} has other thresholds than the sum of diameters",
    "{}: it {} the threshold of {} %, the confidence interval does not",
    "{}: the targets differ: {} had local treatment before the baseline, so RECIST 1.1 does not measure it",
    "{}: very low ({}){}",
    "{}; no prediction interval or threshold to judge it by",
    "{}; the confidence interval already crosses {} %, so the crossing cannot tell",
    " {} more {} a percentage without a count: {} %.",
    ", first seen on {}",
    ", prediction interval {} to {} %",
    "; and not stated",
    "; the reader chose it",
    "About {} treated patients {} (plausible range {}; {}); {}.",
    "From the first statement after the start that the hormonal symptoms are controlled (clinic: syndrome_controlled; assessment: complete) to the first later statement that they are not (assessment: none; partial says neither); censored on the last statement. Scales are not standardised.",
    "From the first transarterial session to the progression in the liver whose answer was no liver-directed treatment but a drug other than a somatostatin analogue, or to which death came before any answer. The answer is what is done first after it. Published definitions (made for hepatocellular carcinoma) also read liver function and performance status.",
    "From the start to death from any cause; censored on the last day seen alive.",
    "From the start to the first progression {} or death from any cause; censored on the last day with a finding on it. A change of treatment does not censor.",
    "Install liverboard again.",
    "NT-proBNP studied as a screen for carcinoid heart disease",
    "One study only: {} treated patients {} (by chance alone {} would fit).{}",
    "The pooled {} is {} % ({} to {}), {} the claimed {} to {} %.",
    "The pooled data are not split by {} or {}.",
    "Too few studies to say a rate",
    "a marker of the heart: it says nothing of the response of the tumour. {} ng/L is {} the {} ng/L that was studied as a screen for carcinoid heart disease (sensitivity 46 %, specificity 79 %)",
    "a person judges this",
    "added therapy, or a stay over 48 hours, without sequelae",
    "any target",
    "as grade 3, the longer stay (wording of the parts not seen)",
    "as grade 3, the shorter stay (wording of the parts not seen)",
    "asked for",
    "asymmetry is tested from {} studies on",
    "better than the alternative",
    "change of an EORTC score that counts",
    "chosen by the board of {}",
    "does not cross",
    "fall of a raised marker that is called a biochemical response",
    "fall of stools a day that counts in TELESTAR",
    "given last, on {}",
    "in the liver",
    "is below the size that RECIST 1.1 asks for",
    "is said not to be measurable",
    "islet cell",
    "logits by inverse variance (REML, Hartung-Knapp)",
    "meaningful fall, highest estimate by anchor",
    "meaningful fall, highest estimate by distribution",
    "meaningful fall, highest estimate by patient interview",
    "meaningful fall, lowest estimate by anchor",
    "meaningful fall, lowest estimate by distribution",
    "meaningful fall, lowest estimate by patient interview",
    "mild sequelae beyond the stay",
    "no {} at baseline of {}",
    "no estimate",
    "no progression {} when last judged on {}",
    "no session is planned: ",
    "no threshold is set for this outcome",
    "not above",
    "not judged",
    "nothing after the start says whether there is progression {}",
    "one study cannot disagree with itself",
    "out of date",
    "period of TELESTAR",
    "planned on {} and not done",
    "severe sequelae with help in daily life",
    "share of the days with that fall that makes it durable",
    "single arms tell a rate as a cohort does; high for consecutive cohorts, then down",
    "size and density together",
    "small bowel",
    "solved within the same session",
    "solved within the same session, and the procedure succeeded",
    "stools a day from which TELESTAR took patients",
    "sum of {} {} at baseline, {} now",
    "the complication affected the success of the procedure",
    "the diameters of the whole lesion",
    "the interval, {} to {} %, {} the threshold of {} %; {} patients, {} are wanted",
    "the part that enhances",
    "the product of two diameters",
    "the range is the confidence interval of the pooled rate",
    "the range is the prediction interval: where the rate of a further series is expected",
    "the rate in treated patients",
    "the reader says {}progression in the liver against the imaging before; RECIST 1.1 gives {} against baseline and smallest sum",
    "this patient: ",
    "unplanned stay under 48 hours, no added therapy",
    "with the symptomatic where a series names them ({})",
)  # fmt: skip
"""What stands inside a sentence that is said as a whole, and what no page shows: definitions, faults of the knowledge, domains that nobody judged."""


class Listening(Tongue):
    """Remembers every text and piece that it is asked for."""

    def __init__(self, language: str, entries: list[tuple[str, str]]) -> None:
        self.heard: set[str] = set()
        super().__init__(language, entries)

    def _look_up(self, text: str, depth: int) -> Said:
        self.heard.add(text)
        return super()._look_up(text, depth)


def read(subject: str) -> dict[str, str]:
    with (WORDS / f"{subject}.po").open("rb") as file:
        catalogue = read_po(file, locale="fr", domain=subject)
    assert not [message.id for message in catalogue if message.fuzzy]
    return {str(message.id): str(message.string) for message in catalogue if message.id}


@pytest.fixture(scope="module")
def entries() -> dict[str, str]:
    return read("evidence")


@pytest.fixture(scope="module")
def french() -> Listening:
    """As pages speak: all subjects, later ones over earlier ones."""
    return Listening("fr", list({k: v for subject in SUBJECTS for k, v in read(subject).items()}.items()))


# --- what the catalogue holds --------------------------------------------------------------------------------------------------------------------------


def of_the_catalogue() -> Iterator[str]:
    """Names, definitions, claims; and every pool that a card, a claim or a forest plot can show, in its words."""
    books, reads = load_catalogue(), load_option_pools()
    yield from TECHNIQUE_WORDS.values()
    for each in (*reads.options.values(), *reads.groups.values()):
        yield each.name
    yield from (define(name).label for name in {*load_outcomes().outcomes, *(row.outcome for row in books.outcomes)})
    yield from (each.says or f"had {each.label}" for each in load_outcomes().outcomes.values())
    yield from (claim.says for claim in load_claims())
    asked = {(option, outcome, False) for option, read in reads.options.items() for outcome in read.outcomes}
    asked |= {(name, pool.outcome, True) for claim in load_claims() for pool in claim.pools for name in pool.read}
    for name, outcome, alone in sorted(asked):
        pool = kept_pool(books, None, name, outcome, alone=alone)
        yield from (f"{pool.name}, {pool.label}: {pool.wording}", pool.wording, pool.banner, *pool.warnings)
        yield from (pool.certainty.rate.words, pool.certainty.comparison.words)
        shown = outcome_of(pool)
        if shown.kind == "proportion" and shown.study_count >= 2:
            yield pool_title(shown)
            for width, banner in itertools.product((960, 360), (False, True)):
                heard: list[str] = []
                forest_svg(pool_forest(shown, banner=banner), WEB, width=width, say=lambda t, h=heard: h.append(t) or t)
                yield from heard


def of_more_studies() -> Iterator[str]:
    """What is said where there are studies enough, few events, one study, or only a percentage."""
    events, n = [3, 5, 2, 8, 6, 4], [20, 24, 19, 30, 25, 22]
    labels = [f"S{k}" for k in range(6)]
    for k, headline in ((6, True), (6, False), (2, True), (1, False)):
        pooled, counts = pool_proportions(labels[:k], events[:k], n[:k]), list(zip(events[:k], n[:k], strict=True))
        for definition in load_outcomes().outcomes.values():
            said = rate_words(pooled, definition, counts, k, headline=headline, uncounted=(12.0, 20.0))
            yield from (said, f"SIRT, resin, {definition.label}: {said}")
    yield rate_words(None, define("fever"), [], 0, headline=False, uncounted=(5.0,))
    yield from (listed_words(define("os_5y"), values, "%", 2) for values in ((), (50.0, 70.0)))
    yield from (
        banner_words(True, 0, 5, headline=False),
        banner_words(True, 9, 5, headline=False),
        banner_words(False, 3, 5, headline=False),
    )
    for origins in ({""}, {"from first embolisation"}, {"", "from first RFA"}):
        yield from median_words(origins)
    for events in ([0, 0], [9, 9]):
        warnings = pool_proportions(["a", "b"], events, [9, 9]).warnings
        yield from (
            words for words in warnings if not words.startswith("Too few studies")
        )  # a pool says it its own way


# --- rendered sections ---------------------------------------------------------------------------------------------------------------------------------


def dossiers() -> Iterator[Dossier]:
    for name in sample_names():
        case = open_case(None, sample=name).case
        yield prepare_dossier(case, folder=None, as_of=case.as_of or last_day(case))
    for path in (*sorted((TESTS / "courses").glob("*.yaml")), *sorted((TESTS / "vignettes").glob("vig-??-*.yaml"))):
        if ".expected" not in path.name:
            case = open_case(path).case
            yield prepare_dossier(case, folder=None, as_of=last_day(case))


def last_day(case: Case) -> dt.date:
    return max(event.date for event in case.events)


def with_every_option(dossier: Dossier, case_day: dt.date, case: Case) -> Dossier:
    options = {name: expected_of(name, facts_of(case, case_day)) for name in (*load_option_pools().options, "prrt")}
    return dossier.model_copy(update={"evidence": dossier.evidence.model_copy(update={"options": options})})


def of_the_cards() -> Iterator[str]:
    """Every option's card and cell, for each primary that changes what is printed beside it."""
    case = open_case(None, sample=sample_names()[0]).case
    day = case.as_of or last_day(case)
    made = prepare_dossier(case, folder=None, as_of=day)
    for primary in ("pancreas", "ileum", "lung", "rectum", "stomach", "appendix"):
        changed = [e.model_copy(update={"primary_site": primary}) if e.kind == "diagnosis" else e for e in case.events]
        dossier = with_every_option(made, day, case.model_copy(update={"events": tuple(changed)}))
        for option in dossier.evidence.options:
            card = expected_view(dossier.evidence, option)
            assert card is not None
            for row in card.rows:
                yield from (row.kind, row.label, row.says, row.rate, row.comparison)
            yield from (card.nothing, card.split, card.note, *card.nearest)
            for cell in cells_of(dossier.evidence, [option, "tae"]):
                yield from (cell.name, cell.says, cell.sure)


def of_the_cohort() -> Iterator[str]:
    """The survival picture of the page."""
    day = dt.date(2025, 6, 30)
    rows = tuple(row_of(case_of(person, 1), day) for person in draw_people(CohortPlan(cases=60)))
    found, curves = summarise(rows, Wanted("who_grade", {}))
    assert curves
    plot = Survival(
        "Overall survival from the first liver-directed treatment",
        "months",
        tuple(curve_of(name, curve) for name, curve in curves.items()),
        footnotes=(
            "Each curve ends where fewer than five people are followed.",
            f"Log-rank test of the groups drawn: p = {found.logrank_p or 0.5:.3f}; not adjusted for anything.",
            "Log-rank test of the groups drawn: p < 0.001; not adjusted for anything.",
        ),
    )
    heard: list[str] = []
    for width in (960, 360):
        survival_svg(plot, WEB, width=width, say=lambda t: heard.append(t) or t)
    yield from heard
    yield "no longer followed"


def missing(french: Listening, texts: Iterator[str]) -> dict[str, tuple[str, ...]]:
    return {text: said.lacking for text in texts if text and (said := french.say(text)).lacking}


def test_what_the_catalogue_holds_is_said(french: Listening) -> None:
    assert missing(french, of_the_catalogue()) == {}, "add them to evidence.po"


def test_what_more_studies_would_say_is_said(french: Listening) -> None:
    assert missing(french, of_more_studies()) == {}, "add them to evidence.po"


def test_cards_and_cells_are_said(french: Listening) -> None:
    assert missing(french, of_the_cards()) == {}, "add them to evidence.po"


def test_the_picture_of_the_cohort_is_said(french: Listening) -> None:
    assert missing(french, of_the_cohort()) == {}, "add them to evidence.po"


def spoken_sections(dossier: Dossier) -> tuple[set[str], str]:
    """What stays English in the sections, and the French page."""
    left: set[str] = set()
    html = render_sections(dossier, SECTIONS, say=lambda text: _heard(text, left))
    return left | set(lacking("fr", html)), say_page("fr", html)


def _heard(text: str, left: set[str]) -> str:
    left.update(lacking("fr", text))
    return say("fr", text)


def html_texts(html: str) -> list[str]:
    return [" ".join(unescape(text).split()) for text in re.split(r"<[^>]*>", html) if text.strip()]


def test_the_sections_of_real_cases_are_french() -> None:
    made = list(dossiers())
    assert len(made) > 5
    left: set[str] = set()
    for dossier in made:
        some, page = spoken_sections(dossier)
        left |= some
        shown = re.sub(r'<(\w+)[^>]*translate="no".*?</\1>', "", page)
        for english in (" of the ", "not known", "treated patients", "at baseline", "not stated", "lies before"):
            assert english not in shown, english
    assert left == set(), "add them to evidence.po"


@pytest.mark.slow
def test_the_sections_of_synthetic_cases_are_french() -> None:
    left: set[str] = set()
    for person in draw_people(CohortPlan(cases=40, seed=7)):
        case = case_of(person, 7)
        for day in (last_day(case), last_day(case) + dt.timedelta(days=200)):
            left |= spoken_sections(prepare_dossier(case, folder=None, as_of=day))[0]
    assert left == set(), "add them to evidence.po"


# --- sentences of the code -----------------------------------------------------------------------------------------------------------------------------


def of_the_code() -> Iterator[str]:
    """Every sentence in the code of the rooms; `\0` stands where a value goes."""
    for pattern in ROOMS:
        for path in sorted(HOUSE.glob(pattern)):
            yield from _sentences(ast.parse(path.read_text(encoding="utf-8")))


def _sentences(tree: ast.Module) -> Iterator[str]:
    inner: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            inner.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            specs = [v.format_spec for v in node.values if isinstance(v, ast.FormattedValue) and v.format_spec]
            inner |= {id(k) for part in (*specs, *(v for v in node.values if isinstance(v, ast.Constant))) for k in ast.walk(part)}  # fmt: skip
        elif isinstance(node, ast.Subscript):
            inner |= {id(k) for k in ast.walk(node.slice)}
    for node in ast.walk(tree):
        if id(node) in inner:
            continue
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(v.value) if isinstance(v, ast.Constant) else "\0" for v in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        if re.search(r"[a-z]{2,} [a-z]{2,}", text):
            yield text


def filled(template: str) -> Iterator[str]:
    """The template with plain values in its places."""
    parts = template.strip(" ;,:.").split("\0")
    gaps = len(parts) - 1
    for values in itertools.product(FILLS, repeat=gaps) if gaps <= 3 else ((value,) * gaps for value in FILLS):
        yield "".join(itertools.chain(*itertools.zip_longest(parts, values, fillvalue="")))


def test_every_sentence_of_the_code_is_said(french: Listening) -> None:
    left = {t for t in of_the_code() if all(french.say(text).lacking for text in filled(t))}
    left = {t.replace("\0", "{}") for t in left}
    assert sorted(left - set(PIECES)) == [], "add them to evidence.po, or, where no page shows them alone, to PIECES"
    assert sorted(set(PIECES) - left) == []


# --- the catalogue itself ------------------------------------------------------------------------------------------------------------------------------


def test_values_have_the_same_places(entries: dict[str, str]) -> None:
    assert len(entries) > 500
    for written, said in entries.items():
        assert said.strip(), written
        assert sorted(PLACE.findall(written)) == sorted(PLACE.findall(said)), written


def test_entries_are_sorted() -> None:
    written = list(read("evidence"))
    assert written == sorted(written)


def test_no_entry_is_left_over(entries: dict[str, str]) -> None:
    """The words of every entry stand in what the catalogue holds or in the code, and mostly follow each other so: sentences are put together from parts."""
    made = (*of_the_catalogue(), *of_the_cards(), *of_the_cohort(), *_written())
    known = {each for text in made for words in [_words(text)] for each in (*words, *itertools.pairwise(words))}
    assert sorted(entry for entry in entries if not set(_words(entry)) <= known) == []
    assert sorted(entry for entry in entries if _share(entry, known) < 0.5) == []


def _share(entry: str, known: set[str | tuple[str, str]]) -> float:
    pairs = list(itertools.pairwise(_words(entry)))
    return sum(each in known for each in pairs) / len(pairs) if len(pairs) > 3 else 1.0


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z²]{2,}", PLACE.sub("", text.lower()))


def _written() -> Iterator[str]:
    """The code and the data that fill the sections, with the names of fields as words."""
    rooms = ("response/*.py", "report/*.py", "report/templates/*.jinja", "board/*.py", "clinical/*.py", "synthesis/*.py", "web/routes/*.py", "knowledge/**/*.yaml", "knowledge/**/*.csv")  # fmt: skip
    for path in (path for pattern in (*ROOMS, *rooms) for path in HOUSE.glob(pattern)):
        yield path.read_text(encoding="utf-8").replace("_", " ")
