"""Hand-made dossiers for the tests of the report room: full, sparse, hostile. All synthetic."""

from __future__ import annotations

import base64
import datetime as dt
import math
import struct
import zlib

from expected_samples import hostile_section, section
from liverboard.board.dossier import (
    Course,
    Dossier,
    ExtentSection,
    FactEntry,
    Mark,
    Missing,
    Patient,
    Point,
    Provenance,
    Series,
    Software,
    SourceEvent,
    Timeline,
)
from liverboard.board.key_image import KeyImage, Outline
from liverboard.clinical.extent import Lesion, Pattern, SegmentShare
from options_samples import hostile_options, options

D = dt.date
SCRIPT = "<script>alert('x')</script>"
TYPST = '#read("/etc/passwd") *bold* $x^2$ _it_ `raw` @ref <label> \\ #eval("1+1") [x] // gone'
RTL = "\u202eחולה עם גרורות בכבד\u202c مريض"
LONG = "W" * 500


def png(width: int, height: int, centre: tuple[float, float], spots: list[tuple[float, float, float]]) -> str:
    """A grey slice: a body ellipse, a liver-like ellipse, lesions as darker discs."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            body = ((x - width / 2) / (width * 0.47)) ** 2 + ((y - height / 2) / (height * 0.46)) ** 2
            liver = ((x - centre[0]) / (width * 0.25)) ** 2 + ((y - centre[1]) / (height * 0.3)) ** 2
            grey = 12 if body > 1 else 84 if liver > 1 else 136
            grey += int(6 * math.sin(x * 0.9) * math.cos(y * 1.1)) if body <= 1 else 0
            for sx, sy, r in spots:
                if math.hypot(x - sx, y - sy) < r:
                    grey = 92 + (x * y) % 7
            rows.append(max(0, min(255, grey)))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    raw = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return base64.b64encode(raw + chunk(b"IDAT", zlib.compress(bytes(rows), 9)) + chunk(b"IEND", b"")).decode()


def ellipse(cx: float, cy: float, rx: float, ry: float, n: int = 36) -> tuple[tuple[float, float], ...]:
    return tuple((cx + rx * math.cos(2 * math.pi * k / n), cy + ry * math.sin(2 * math.pi * k / n)) for k in range(n))


def key_image(title: str, z: float, spots: list[tuple[str, float, float, float]], event: str = "i3") -> KeyImage:
    w, h = 180, 135
    discs = [(x / 2, y / 2, r / 2) for _, x, y, r in spots]
    return KeyImage(
        title=title,
        modality="CT",
        z_lps_mm=z,
        width_mm=2.0 * w,
        height_mm=2.0 * h,
        png_base64=png(w, h, (w * 0.36, h * 0.46), discs),
        window_low=-60,
        window_high=190,
        window_unit="HU",
        outlines=(
            Outline(name="liver", role="liver", points_mm=ellipse(w * 0.72, h * 0.92, w * 0.5, h * 0.6)),
            *(Outline(name=name, role="lesion", points_mm=ellipse(x, y, r, r)) for name, x, y, r in spots),
        ),
        date=D(2024, 5, 2),
        event=event,
    )


def _lesion(name: str, mm: float, *shares: tuple[int, float]) -> Lesion:
    return Lesion(
        id=name,
        volume_ml=round(math.pi / 6 * mm**3 / 1000, 2),
        longest_axial_mm=mm,
        short_axial_mm=round(mm * 0.8),
        segments=tuple(SegmentShare(segment=s, share=v) for s, v in shares),
        hypervascular=True if mm > 15 else None,
    )


def _event(key: str, kind: str, date: dt.date, **content: str) -> SourceEvent:
    return SourceEvent(id=key, kind=kind, date=date, content=content)


def full() -> Dossier:
    lesions = (
        _lesion("L1", 52, (7, 0.8), (8, 0.2)),
        _lesion("L2", 38, (4, 0.9), (8, 0.1)),
        _lesion("L3", 31, (6, 1)),
        _lesion("L4", 27, (5, 0.5), (8, 0.5)),
        _lesion("L5", 22, (2, 1)),
        _lesion("L6", 18, (3, 1)),
        _lesion("L7", 14, (8, 1)),
        _lesion("L8", 11, (1, 1)),
        _lesion("L9", 8, (5, 1)),
    )
    extent = ExtentSection(
        liver_volume_ml=1552.4,
        tumour_volume_ml=340.2,
        burden_percent=21.9,
        lesion_count=9,
        lesions=lesions,
        pattern=Pattern(
            value="diffuse",
            certain=True,
            trace=(
                "Lesions in all eight segments.",
                "Both hemilivers hold more than five lesions or a tumour load above 15 %.",
            ),
            sensitive_to=("The segment of L8: without it the pattern would be complex.",),
        ),
        method="measured",
        date=D(2024, 5, 2),
        event="i3",
        modality="CT",
        machine_made=True,
        treated_lesions=("L3",),
        planned_segments=(5, 6, 7, 8),
        by_segment={1: 0.02, 2: 0.05, 3: 0.03, 4: 0.24, 5: 0.06, 6: 0.13, 7: 0.36, 8: 0.11},
        by_segment_basis="volume",
        warnings=("Two lesions touch each other; their outlines were split.",),
    )
    events = (
        _event(
            "d1",
            "diagnosis",
            D(2019, 3, 11),
            primary_site="ileum",
            differentiation="well",
            ki67="6 %",
            specimen="liver",
        ),
        _event("p1", "procedure", D(2019, 6, 4), technique="primary_resection", margins="R0"),
        _event("s1", "systemic", D(2019, 8, 1), drug="lanreotide", dose="120 mg every 4 weeks"),
        _event("i1", "imaging", D(2020, 2, 10), modality="MR", tumour_volume="96 mL", liver_volume="1.58 L"),
        _event("l1", "labs", D(2020, 2, 12), chromogranin_a="310 ug/L (upper limit 100)"),
        _event("s2", "systemic", D(2021, 1, 15), drug="everolimus", until="2021-10-30", stopped_for="toxicity"),
        _event(
            "b1",
            "board",
            D(2021, 12, 8),
            considered="tae, sirt_resin, prrt",
            chosen="prrt",
            reason="Uptake well above liver.",
        ),
        _event("s3", "systemic", D(2022, 1, 20), drug="lu177_dotatate", until="2022-09-02", cycles="4"),
        _event("i2", "imaging", D(2022, 12, 1), modality="CT", tumour_volume="158 mL"),
        _event("l2", "labs", D(2022, 12, 3), chromogranin_a="520 ug/L (upper limit 100)"),
        _event("p2", "procedure", D(2023, 4, 18), technique="tae", territory="segment 6"),
        _event("a1", "adverse_event", D(2023, 4, 21), term="abdominal pain", grade="2"),
        _event(
            "i3",
            "imaging",
            D(2024, 5, 2),
            modality="CT",
            studies="ct.nii.gz, seg.nii.gz",
            portal_vein="patent",
            extrahepatic="none",
        ),
        _event("c1", "clinic", D(2024, 5, 6), ecog="1", weight="64 kg", ascites="none", syndrome="carcinoid"),
        _event(
            "l3",
            "labs",
            D(2024, 5, 6),
            chromogranin_a="890 ug/L (upper limit 100)",
            bilirubin="14 umol/L",
            albumin="3.8 g/L",
        ),
    )
    as_of = D(2024, 5, 15)

    def fact(
        label: str,
        group: str,
        value: float | bool | str | None,
        unit: str | None = None,
        event: str | None = None,
        **more: object,
    ) -> FactEntry:
        date = next((e.date for e in events if e.id == event), None)
        days = (as_of - date).days if date else None
        return FactEntry.model_validate(
            {
                "label": label,
                "group": group,
                "value": value,
                "unit": unit,
                "event": event,
                "date": date,
                "age_days": days,
                **more,
            }
        )

    facts = {
        "age_years": fact("age", "person", 63, "years"),
        "ecog": fact("ECOG performance status", "person", 1, None, "c1", definition="0 fully active to 4 bedbound"),
        "weight_kg": fact("weight", "person", 64, "kg", "c1"),
        "primary_site": fact("primary tumour", "tumour", "ileum", None, "d1"),
        "ki67_percent": fact(
            "Ki-67", "tumour", 6, "%", "d1", stale=True, note="older than two years; a new biopsy would tell"
        ),
        "who_grade": fact("WHO grade", "tumour", "G2", None, "d1", note="derived from Ki-67 and mitoses"),
        "sstr_lowest": fact("SSTR uptake, lowest", "tumour", None),
        "extrahepatic": fact("disease outside the liver", "liver disease", "none", None, "i3"),
        "portal_vein": fact("portal vein", "liver disease", "patent", None, "i3"),
        "hemilivers": fact("hemilivers involved", "liver disease", "both", None, "i3"),
        "liver_burden_percent": fact("liver burden", "liver disease", 21.9, "%", "i3"),
        "bilirubin_umol_l": fact("bilirubin", "liver function", 14, "umol/L", "l3"),
        "albumin_g_l": fact(
            "albumin",
            "liver function",
            3.8,
            "g/L",
            "l3",
            questioned=True,
            note="outside the plausible range 10 to 70 g/L",
        ),
        "ascites": fact("ascites", "liver function", "none", None, "c1"),
        "inr": fact("INR", "liver function", None),
        "on_ssa": fact("on a somatostatin analogue", "treatment so far", True, None, "s1"),
        "lung_shunt_fraction": fact("lung shunt", "SIRT work-up", None),
        "chromogranin_a_x_uln": fact("chromogranin A", "markers", 8.9, "× ULN", "l3"),
    }
    return Dossier(
        case="NELM-0001",
        centre="demo",
        synthetic=True,
        synthetic_note="Purely synthetic: every statement and every picture is invented for a test.",
        as_of=as_of,
        question="Progressive liver disease under lanreotide; which liver-directed treatment?",
        software=Software(version="0.1.0"),
        knowledge_version="2024.1",
        patient=Patient(
            sex="female",
            age_years=63,
            lines=(
                "Ileal neuroendocrine tumour G2 (Ki-67 6 %), primary resected 2019; four cycles of PRRT 2022, embolisation of S6 2023.",
                "ECOG 1, carcinoid syndrome in part controlled, no ascites; liver function not fully known.",
            ),
        ),
        missing=(
            Missing(fact="albumin_g_l", label="Albumin", reason="questioned", ask="confirm 3.8 g/L; 38 g/L meant?", who="laboratory",
                    changes="ALBI grade; safety of SIRT and embolisation", since=D(2024, 5, 6)),
            Missing(fact="sstr_lowest", label="SSTR uptake", reason="unknown", ask="SSTR PET report", who="nuclear medicine", changes="whether PRRT can be repeated"),
            Missing(fact="lung_shunt_fraction", label="Lung shunt", reason="unknown", ask="Tc-99m-MAA scan", who="interventional radiology", changes="lung dose of SIRT"),
            Missing(fact="inr", label="INR", reason="unknown", ask="INR", who="laboratory", changes="Child-Pugh class; any puncture"),
            Missing(fact="ki67_percent", label="Ki-67", reason="stale", ask="new biopsy of the growing lesion", who="pathology",
                    changes="grade; chemotherapy", since=D(2019, 3, 11)),
            Missing(fact="biliary_stent", label="Bile duct stent", reason="unknown", ask="stent or anastomosis, yes or no", who="surgery", changes="abscess risk"),
        ),
        facts=facts,
        conflicts=("Ki-67: 6 % (event d1) and 8 % in a letter of the same day; the event counts.",),
        extent=extent,
        key_images=(
            key_image("Largest lesion L1", -142.0, [("L1", 78, 98, 26), ("L7", 142, 92, 7)]),
            key_image("Both lobes: L2 and L5", -161.5, [("L2", 152, 118, 19), ("L5", 118, 70, 11), ("L8", 180, 140, 5.5)]),
            key_image("L3, treated 2023", -205.0, [("L3", 84, 160, 15.5), ("L9", 136, 150, 4)]),
        ),
        timeline=Timeline(
            start=D(2019, 3, 11),
            end=as_of,
            courses=(
                Course(label="lanreotide", kind="ssa", start=D(2019, 8, 1), event="s1"),
                Course(label="everolimus", kind="targeted", start=D(2021, 1, 15), end=D(2021, 10, 30), stopped_for="toxicity", event="s2"),
                Course(label="177Lu-DOTATATE", kind="prrt", start=D(2022, 1, 20), end=D(2022, 9, 2), stopped_for="completed", cycles=4, event="s3"),
            ),
            marks=(
                Mark(date=D(2019, 3, 11), label="Diagnosis", kind="diagnosis", event="d1"),
                Mark(date=D(2019, 6, 4), label="Primary resection", kind="procedure", event="p1"),
                Mark(date=D(2020, 2, 10), label="MRI", kind="imaging", event="i1"),
                Mark(date=D(2020, 2, 12), label="Labs", kind="labs", event="l1"),
                Mark(date=D(2021, 12, 8), label="Board: PRRT", kind="board", event="b1"),
                Mark(date=D(2022, 12, 1), label="CT", kind="imaging", event="i2"),
                Mark(date=D(2022, 12, 3), label="Labs", kind="labs", event="l2"),
                Mark(date=D(2023, 4, 18), label="TAE of S6", kind="procedure", event="p2"),
                Mark(date=D(2023, 4, 21), label="Pain, grade 2", kind="adverse_event", event="a1"),
                Mark(date=D(2024, 5, 2), label="CT", kind="imaging", event="i3"),
                Mark(date=D(2024, 5, 6), label="Clinic", kind="clinic", event="c1"),
                Mark(date=D(2024, 5, 6), label="Labs", kind="labs", event="l3"),
            ),
            series=(
                Series(name="tumour_volume_ml", label="Tumour load", unit="mL", points=(
                    Point(date=D(2020, 2, 10), value=96, event="i1"), Point(date=D(2022, 12, 1), value=158, event="i2"),
                    Point(date=D(2024, 5, 2), value=340.2, event="i3"))),
                Series(name="chromogranin_a_x_uln", label="Chromogranin A", unit="× ULN", points=(
                    Point(date=D(2020, 2, 12), value=3.1, event="l1"), Point(date=D(2022, 12, 3), value=5.2, event="l2"),
                    Point(date=D(2024, 5, 6), value=8.9, event="l3"))),
            ),
        ),
        options=options(),
        evidence=section(),
        events=events,
        warnings=("The liver mask was made by a program and no person has confirmed it.",),
        provenance=(
            Provenance(what="case.yaml", kind="input", detail="the case file", sha256="a3" * 32),
            Provenance(what="seg.nii.gz", kind="input", detail="segmentation of 2 May 2024", sha256="5c" * 32),
            Provenance(what="liverboard", kind="software", detail="0.1.0, Python 3.12"),
            Provenance(what="CTCAE 5.0", kind="source", detail="grades of adverse events", verification="A"),
            Provenance(what="first2019", kind="source", detail="First 2019. Read: page 1", verification="B"),
            Provenance(what="RECIST 1.1", kind="source", detail="how lesions are measured", verification="B"),
            Provenance(what="Plausible range of albumin", kind="source", detail="not yet confirmed by a second reader", verification="U"),
        ),
    )  # fmt: skip


def sparse() -> Dossier:
    return Dossier(
        case="EMPTY-1",
        as_of=D(2024, 1, 1),
        software=Software(version="0.1.0"),
        knowledge_version="2024.1",
        patient=Patient(),
    )


def bundled_like() -> Dossier:
    """Lesions measured on an image, no segments known."""
    sizes = (120.0, 46.0, 33.0, 21.0, 14.0, 9.0)
    lesions = tuple(
        Lesion(id=f"L{k}", longest_axial_mm=mm, volume_ml=mm**3 / 2000, centroid_lps_mm=(1, 2, 3))
        for k, mm in enumerate(sizes, 1)
    )
    base = full()
    extent = ExtentSection(liver_volume_ml=1610, tumour_volume_ml=760, burden_percent=47.2, lesion_count=6, lesions=lesions, method="measured",
                           date=D(2024, 2, 6), event="i3", modality="PET_Y90")  # fmt: skip
    return base.model_copy(update={"extent": extent, "key_images": base.key_images[:1]})


def many_marks() -> Timeline:
    start = D(2020, 1, 1)
    marks = tuple(
        Mark(
            date=start + dt.timedelta(days=k * 9),
            label=f"Procedure with a rather long name {k}",
            kind="procedure",
            event=f"m{k}",
        )
        for k in range(30)
    )
    return Timeline(start=start, end=D(2021, 1, 1), marks=marks)


def hostile() -> Dossier:
    """Markup, code, right-to-left text, endless words and many lesions in every field that takes text."""
    nasty = f"{SCRIPT} {TYPST} {RTL} ]]> --> {{{{ 7*7 }}}} {{% raw %}} \x00\x07 \"'&"
    key = f'e"1 {SCRIPT}'
    lesions = tuple(
        Lesion(
            id=f"{nasty if k == 0 else LONG if k == 1 else ''}L{k}",
            longest_axial_mm=None if k % 9 == 8 else 60 / (1 + k / 10),
            segments=(SegmentShare(segment=1 + k % 8, share=1.0),) if k % 5 else (),
        )
        for k in range(200)
    )
    as_of = D(2024, 5, 15)
    return Dossier(
        case=f"X {SCRIPT}",
        centre=nasty,
        synthetic=True,
        synthetic_note=nasty,
        as_of=as_of,
        question=f"{nasty} {LONG}",
        software=Software(version=SCRIPT),
        knowledge_version=TYPST,
        statement=f"{nasty} statement",
        patient=Patient(sex=SCRIPT, age_years=63, lines=(nasty, LONG)),
        missing=tuple(
            Missing(fact="f", label=nasty, reason="unknown", ask=LONG, who=nasty, changes=nasty, since=as_of if k else None) for k in range(20)
        ),
        facts={
            "ecog": FactEntry(label=nasty, group=nasty, value=nasty, unit=SCRIPT, event=key, date=as_of, age_days=0, stale=True, note=nasty, definition=nasty),
            "extrahepatic": FactEntry(label=LONG, group=nasty, value=LONG, questioned=True, event="nowhere"),
            "portal_vein": FactEntry(label="n", group="g", value=float("nan"), unit="mL"),
        },
        conflicts=(nasty, LONG),
        extent=ExtentSection(
            lesion_count=200, lesions=lesions, method="stated", event=key, date=as_of, modality=nasty, burden_percent=0.04,
            pattern=Pattern(value="diffuse", trace=(nasty,), sensitive_to=(nasty,)), by_segment=dict.fromkeys(range(1, 9), 1 / 8), by_segment_basis="count",
            warnings=(nasty,), resected_segments=(2,), treated_lesions=("L3", "L12"), planned_segments=(5, 6),
        ),
        key_images=(
            KeyImage(title=nasty, modality=nasty, z_lps_mm=0, width_mm=100, height_mm=80, png_base64='"/><script>alert(1)</script>', window_low=0,
                     window_high=1, window_unit=nasty, outlines=(Outline(name=nasty, role="lesion", points_mm=((1, 1), (9, 1), (9, 9))),), event=key),
            key_image(nasty, 3.0, [(nasty, 78, 98, 26)], event=key),
        ),
        timeline=Timeline(
            start=as_of, end=as_of,
            courses=(Course(label=nasty, kind="other", start=as_of, stopped_for=nasty, event=key), Course(label=LONG, kind="ssa", start=as_of, end=as_of, event="none")),
            marks=tuple(Mark(date=as_of, label=nasty, kind="procedure", detail=nasty, event=key) for _ in range(30)),
            series=(Series(name=nasty, label=nasty, unit=nasty, points=(Point(date=as_of, value=1, event=key),)),),
        ),
        options=hostile_options(nasty, LONG),
        evidence=hostile_section(nasty, LONG),
        events=(
            SourceEvent(id=key, kind=nasty, date=as_of, recorded=nasty, corrects="gone", corrected_by="e2", content={nasty: nasty, LONG: LONG}),
            SourceEvent(id="e2", kind="labs", date=as_of, content={}),
        ),
        warnings=(nasty,),
        provenance=(Provenance(what=nasty, kind="source", detail=nasty, sha256=nasty, verification="U"),),
    )  # fmt: skip
