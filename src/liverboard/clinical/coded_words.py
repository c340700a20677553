"""Coded words of the case format as a clinician writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_WORDS: Final[Mapping[str, str]] = {
    # techniques
    "ctace": "cTACE",
    "debtace": "DEB-TACE",
    "tae": "TAE",
    "rfa": "RFA",
    "mwa": "MWA",
    "cryo": "cryoablation",
    "resection_plus_ablation": "resection + ablation",
    "sirt_resin": "SIRT (resin)",
    "sirt_glass": "SIRT (glass)",
    "sirt_ho166": "SIRT (Ho-166)",
    "prrt": "PRRT",
    "ssa": "SSA",
    # drugs and materials
    "capecitabine_temozolomide": "capecitabine + temozolomide",
    "folfox": "FOLFOX",
    "ho166": "Ho-166",
    "lu177_dotatate": "Lu-177 DOTATATE",
    "maa": "MAA",
    "mitomycin_c": "mitomycin C",
    "octreotide_lar": "octreotide LAR",
    "ppi": "proton pump inhibitor",
    "pva": "PVA",
    "streptozotocin_5fu": "streptozotocin + 5-FU",
    # images
    "PET_SSTR": "SSTR PET",
    "PET_FDG": "FDG PET",
    "PET_Y90": "Y-90 PET",
    "bremsstrahlung_spect": "bremsstrahlung SPECT",
    "ceus": "contrast-enhanced US",
    "cone_beam_ct": "cone-beam CT",
    "ct": "CT",
    "ct_densitometry": "CT densitometry",
    "fdg": "FDG",
    "ho166_mr": "Ho-166 MR",
    "ho166_spect": "Ho-166 SPECT",
    "mr": "MR",
    "spect_ct": "SPECT/CT",
    "sstr": "SSTR",
    "us": "US",
    "y90_pet": "Y-90 PET",
    "y90_pet_ct": "Y-90 PET/CT",
    "y90_pet_mr": "Y-90 PET/MR",
    # doses
    "bed": "BED",
    "bed_high": "BED, high",
    "bed_low": "BED, low",
    "bsa": "BSA",
    "mbsa": "modified BSA",
    "mird": "MIRD",
    "tn": "T/N",
    # laboratory, function, grades and scales
    "10^9/L": "10⁹/L",
    "ast": "AST",
    "alt": "ALT",
    "chromogranin_a": "chromogranin A",
    "cirse": "CIRSE",
    "ctcae": "CTCAE",
    "ecog": "ECOG",
    "egfr": "eGFR",
    "eortc": "EORTC",
    "gi_net21": "GI.NET21",
    "grade_1_2": "grade 1 to 2",
    "grade_3_4": "grade 3 to 4",
    "inr": "INR",
    "kao_2013": "Kao 2013",
    "ki67": "Ki-67",
    "krenning-0-4": "Krenning, 0 to 4",
    "krenning-1-4": "Krenning, 1 to 4",
    "mitoses_per_2mm2": "mitoses per 2 mm²",
    "mrecist": "mRECIST",
    "netter-2": "NETTER-2",
    "ntprobnp": "NT-proBNP",
    "ntprobnp_assay": "NT-proBNP assay",
    "ntprobnp_upper_limit": "NT-proBNP upper limit",
    "pain_nrs": "pain (0 to 10)",
    "qlq_c30_global": "QLQ-C30 global",
    "recist11": "RECIST 1.1",
    "sace": "SACE",
    "sir": "SIR",
    "u5hiaa": "urinary 5-HIAA",
    "u5hiaa_diet_kept": "5-HIAA diet kept",
    "vipoma": "VIPoma",
}


def words(name: str) -> str:
    """`sirt_resin` is SIRT (resin), `gi net21` GI.NET21; a word that needs no other letters loses its underscores. Of `a: b` each part."""
    return ": ".join(_WORDS.get(part.replace(" ", "_"), part.replace("_", " ")) for part in name.split(": "))
