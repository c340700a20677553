"""The lines that a dossier is summed up in, in clinicians' words."""

from __future__ import annotations

from liverboard.board.dossier import Dossier, ExtentSection, FactEntry


def number(value: float) -> str:
    """As many digits as a clinical figure deserves: none from 10 on, one below."""
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.1f}".removesuffix(".0")


def disease_line(dossier: Dossier) -> str:
    """Lesions, volumes, burden, largest, how and when it was found out; "not known" where it is not."""
    extent = dossier.extent
    if extent.method == "none":
        return "not known: no lesions, volumes or segmentation in this case"
    parts = [_count(extent), _load(extent), _largest(extent), f"pattern {extent.pattern.value or 'not told'}"]
    when = f"{extent.method} {extent.date:%-d %B %Y}" if extent.date else extent.method
    return " · ".join(part for part in parts if part) + f" ({when})"


def _count(extent: ExtentSection) -> str:
    if extent.lesion_count is None:
        return "number of lesions not known"
    return f"{extent.lesion_count} lesion{'s' if extent.lesion_count != 1 else ''}"


def _load(extent: ExtentSection) -> str:
    if extent.tumour_volume_ml is None:
        return "tumour volume not known"
    if extent.liver_volume_ml is None or extent.burden_percent is None:
        return f"{number(extent.tumour_volume_ml)} mL tumour"
    return (
        f"{number(extent.tumour_volume_ml)} of {number(extent.liver_volume_ml)} mL ({number(extent.burden_percent)} %)"
    )


def _largest(extent: ExtentSection) -> str:
    known = [lesion for lesion in extent.lesions if lesion.longest_axial_mm is not None]
    if not known:
        return ""
    largest = max(known, key=lambda lesion: lesion.longest_axial_mm or 0)
    return f"largest {number(largest.longest_axial_mm or 0)} mm ({largest.id})"


def missing_line(dossier: Dossier) -> str:
    """How much is missing, what comes first and who can supply it."""
    if not dossier.missing:
        return "nothing that the board asks for first"
    first = ", ".join(f"{entry.label} ({entry.who})" for entry in dossier.missing[:3])
    return f"{len(dossier.missing)}; first: {first}"


def patient_lines(facts: dict[str, FactEntry], diagnosed: str | None) -> tuple[str, str]:
    """Two lines: the tumour; the patient and the liver. What is unknown is said to be."""

    def of(name: str) -> FactEntry | None:
        entry = facts.get(name)
        return entry if entry is not None and entry.value is not None else None

    def word(name: str) -> str | None:
        entry = of(name)
        return (
            None
            if entry is None
            else f"{entry.value:g}"
            if isinstance(entry.value, float)
            else str(entry.value).replace("_", " ")
        )

    site, grade = word("primary_site"), word("who_grade")
    kind = {
        None: "neuroendocrine tumour, WHO grade not known",
        "NEC": "neuroendocrine carcinoma (NEC)",
        "MiNEN": "mixed neoplasm (MiNEN)",
    }.get(grade, f"neuroendocrine tumour {grade}")
    tumour = [
        f"{site.capitalize()} {kind}"
        if site and site != "unknown"
        else f"{kind[0].upper()}{kind[1:]}, primary site not known"
    ]
    detail = [
        part
        for part in (_with("Ki-67", word("ki67_percent"), "%"), _with("", word("mitoses_per_2mm2"), "mitoses/2 mm²"))
        if part
    ]
    tumour += [", ".join(detail)] if detail else []
    tumour += [f"diagnosed {diagnosed}"] if diagnosed else []
    resected = of("primary_resected")
    tumour += [] if resected is None else ["primary resected" if resected.value else "primary in place"]

    state = [_with("ECOG", word("ecog"), "") or "ECOG not known"]
    syndrome, controlled = word("syndrome"), of("syndrome_controlled")
    if syndrome == "none":
        state.append("no hormonal syndrome")
    elif syndrome:
        state.append(
            f"{syndrome} syndrome"
            + ("" if controlled is None else ", controlled" if controlled.value else ", not controlled")
        )
    else:
        state.append("hormonal syndrome not known")
    for name, label, unit in (
        ("bilirubin_umol_l", "bilirubin", "µmol/L"),
        ("albumin_g_l", "albumin", "g/L"),
        ("albi_grade", "ALBI grade", ""),
    ):
        entry = of(name)
        if entry is not None:
            value = number(float(entry.value)) if isinstance(entry.value, (int, float)) else str(entry.value)
            state.append(f"{label} {value}{' ' + unit if unit else ''}" + (" (questioned)" if entry.questioned else ""))
        else:
            state.append(f"{label} not known")
    return " · ".join(tumour), " · ".join(state)


def _with(before: str, value: str | None, after: str) -> str:
    return "" if value is None else " ".join(part for part in (before, value, after) if part)
