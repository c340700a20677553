"""docs/validation.md from the results that the scripts beside this one wrote: python validation/page.py"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "validation.md"


def results(topic: str) -> Any:
    return json.loads((HERE / topic / "results.json").read_text(encoding="utf-8"))


def table(rows: Sequence[Mapping[str, object]], heads: dict[str, str]) -> str:
    def cell(value: object) -> str:
        if value is None:
            return "-"
        return f"{value + 0.0:.2f}".replace("-0.00", "0.00") if isinstance(value, float) else str(value)

    lines = ["| " + " | ".join(heads.values()) + " |", "| " + " | ".join("---" for _ in heads) + " |"]
    return "\n".join(lines + ["| " + " | ".join(cell(row.get(key)) for key in heads) + " |" for row in rows])


def spread(values: Sequence[float]) -> str:
    return f"{mean(values):+.2f} ({min(values):+.2f} to {max(values):+.2f})"


def extent() -> str:
    found = results("extent")
    peer = found["pyradiomics"]
    return f"""## Extent: the bundled real case, against SimpleITK {found["simpleitk"]}

`python validation/extent/run.py`

{
        table(
            found["bundled"],
            {
                "structure": "structure",
                "volume_ml": "volume, mL",
                "simpleitk_volume_ml": "SimpleITK, mL",
                "longest_3d_mm": "longest 3-D, mm",
                "simpleitk_feret_mm": "SimpleITK Feret, mm",
            },
        )
    }

Volumes are equal: both sum the voxels of the mask on its own grid. SimpleITK's Feret diameter joins voxel centres; ours joins the (slightly smoothed) contours of the slices, which run
half a voxel further out in the plane at each end, so ours is longer by up to one voxel diagonal in the plane.

## Extent: analytic shapes, beside SimpleITK and pyradiomics {peer or "(not there)"}

Errors against the formula. The grids are shifted off the centre of the shape; some are turned by 30 degrees about the body axis and flipped in x, some tilted by 20 degrees (round shapes
only: the axial plane of a tilted grid cuts another ellipse). The shapes stay with the patient, so the in-plane diameters cross the voxels aslant.

{
        table(
            found["analytic"],
            {
                "shape": "shape",
                "grid_mm": "voxel, mm",
                "turned": "turned",
                "volume_error_percent": "volume, %",
                "simpleitk_volume_error_percent": "SimpleITK volume, %",
                "pyradiomics_mesh_volume_error_percent": "pyradiomics mesh volume, %",
                "longest_axial_error_mm": "longest axial, mm",
                "pyradiomics_longest_axial_error_mm": "pyradiomics axial, mm",
                "short_axial_error_mm": "short axial, mm",
                "longest_3d_error_mm": "longest 3-D, mm",
                "simpleitk_feret_error_mm": "SimpleITK Feret, mm",
                "pyradiomics_longest_3d_error_mm": "pyradiomics 3-D, mm",
            },
        )
    }

Volume errors are those of the voxel sum itself, and equal SimpleITK's. They grow with (slice thickness / height) squared. Axial diameters stay within one in-plane voxel; where slices
are thick the largest cross-section can lie between two slices, and the diameter is then short. Round shapes read a little long (up to two thirds of a voxel): the longest of many directions
finds the voxels that stand out most; the contour is smoothed by 0.6 voxel against it (decision 0004), which is why ours reads less long than pyradiomics' mesh. SimpleITK's Feret diameter
is short by a voxel where the shape ends on a voxel edge, and right on spheres because two errors cancel. pyradiomics' 3-D diameter counts half a slice more at each end, which on 5 mm
slices makes a 40 mm sphere 44 mm.

## Distances and segment shares

A 20 mm lesion, 14 mm off the middle of an 80 mm spherical liver that a plane divides; a 6 mm vessel and a 6 mm duct run past it. Errors against the formula.

{
        table(
            found["places"],
            {
                "grid_mm": "voxel, mm",
                "turned": "turned",
                "capsule_error_mm": "capsule, mm",
                "simpleitk_capsule_error_mm": "SimpleITK Maurer capsule, mm",
                "vessel_error_mm": "vessel, mm",
                "simpleitk_vessel_error_mm": "SimpleITK Maurer vessel, mm",
                "duct_error_mm": "duct, mm",
                "share_error_percent": "segment share, % of the lesion",
            },
        )
    }

Ours runs between the faces of voxels, SimpleITK's between voxel centres (SignedMaurerDistanceMap, the usual recipe). The least distance of two voxel surfaces leans short by up to a voxel, since
the voxel that stands out most decides; across 5 mm slices a duct of 6 mm is known to half a slice on either side, and the error is that.
"""


def landmarks() -> str:
    found = results("landmarks")
    rows: list[dict[str, object]] = []
    for row in found:
        dice = {int(k): v for k, v in row["segment_dice"].items()}
        rows.append({
            "phantom": f"seed {row['seed']}, {row['pattern']}, {row['lesions']} lesions", "right": float(row["voxels_in_the_right_segment_percent"]),
            "worst": f"S{min(dice, key=lambda n: dice[n])} {min(dice.values()):.2f}", "dice": float(mean(dice.values())),
            "main": row["lesions_in_the_same_main_segment"], "pattern": row["pattern_by_landmarks"],
            "remnant": " / ".join(f"{v:.1f}" for v in row["remnant_percent_right_hepatectomy"]),
        })  # fmt: skip
    measured = [
        {
            "phantom": f"seed {row['seed']}, {row['pattern']}", "lesions": row["lesions"], "pattern": row["pattern_measured"],
            "volume": float(row["largest_volume_error_ml"]), "share": float(row["largest_share_error"]),
            "axial": spread(row["longest_axial_error_mm"]), "space": spread(row["longest_3d_error_mm"]),
        }
        for row in found
    ]  # fmt: skip
    return f"""## Phantoms: measured against their truth

`python validation/landmarks/run.py` (small phantoms, voxels of 2.5 x 2.5 x 2.56 mm; synthetic). Diameter errors: mean (least to greatest) over the lesions, against the smooth bodies.

{table(measured, {"phantom": "phantom", "lesions": "lesions", "pattern": "pattern measured", "volume": "largest volume error, mL", "share": "largest error of a segment share", "axial": "longest axial, mm", "space": "longest 3-D, mm"})}

## Segments from landmarks: the planes' error on the phantom

The planes through the phantom's landmarks against its own segments, whose borders are bent as a liver's are. A real liver bends more: this is the error of flat planes, not of a reader's
points. Segment 3 fares worst: one transverse plane through the portal bifurcation cuts the left side too low, where the left portal branch runs higher.

{table(rows, {"phantom": "phantom", "right": "liver in the right segment, %", "dice": "mean Dice of the segments", "worst": "worst segment (Dice)", "main": "lesions with the same main segment", "pattern": "pattern by landmarks", "remnant": "remnant of a right hepatectomy, %: map / landmarks"})}
"""


def tracking() -> str:
    found = results("tracking")
    parts: list[str] = []
    for name, label in (("usual", "usual follow-ups"), ("hard", "hard follow-ups")):
        data = found[name]
        rows = [
            {
                "relation": relation,
                "true": data["links"]["liverboard"][relation]["true"],
                **{
                    key: f"{100 * (data['links'][key][relation]['share_of_true_found'] or 0):.1f} / "
                    + (
                        "-"
                        if data["links"][key][relation]["share_of_found_right"] is None
                        else f"{100 * data['links'][key][relation]['share_of_found_right']:.1f}"
                    )
                    for key in ("liverboard", "nearest_centre_liver_centred", "nearest_centre")
                },
            }
            for relation in ("same", "merged", "split", "new", "vanished", "all")
        ]
        error = data["error_at_lesion_centres_mm"]
        sure = [
            {"confidence": f"{b['from']:.2f} to {b['below']:.2f}", "links": b["links"], "right": None if b["share_right"] is None else 100 * b["share_right"]}
            for b in data["confidence"]
            if b["links"]
        ]  # fmt: skip
        parts.append(f"""### {label.capitalize()} ({data["cases"]} cases)

Links found of the true ones / right of the found ones, %:

{table(rows, {"relation": "relation", "true": "true links", "liverboard": "liverboard", "nearest_centre_liver_centred": "nearest centre, livers centred", "nearest_centre": "nearest centre"})}

A lesion's place after registration is off by {error["after"]["mean"]:.1f} mm on average (95 % within {error["after"]["percentile_95"]:.1f}; rigid alone {error["rigid"]["mean"]:.1f}; before {error["before"]["mean"]:.1f}).
How often a link is right, by its confidence:

{table(sure, {"confidence": "confidence", "links": "links", "right": "right, %"})}
""")
    return f"""## Following lesions between two time points

`python validation/tracking/run.py`: synthetic livers that are turned, shifted and bent, with lesions that grow, shrink, merge, split, come and go; the rules were tuned on other cases. The
peer is the rule that each other's nearest centre within 30 mm is the same lesion. On hard follow-ups (twice the bending, half of the lesions with another fate) the confidence is too high:
it was set on usual ones, and the registration's doubt is not in it. No public follow-up with known links was found, so this is synthetic only.

{chr(10).join(parts)}"""


def synthesis_meta() -> str:
    found, cover = (
        results("synthesis_meta"),
        json.loads((HERE / "synthesis_meta" / "coverage.json").read_text(encoding="utf-8")),
    )
    words = {
        "proportion": "proportions, exact model", "rate": "rates, exact model", "effects": "effects: nine estimators of tau2, Hartung-Knapp, Q-profile, prediction",
        "regression": "meta-regression, REML, Hartung-Knapp", "table": "two-by-two tables: odds and risk ratios, Mantel-Haenszel, Peto",
        "conditional": "odds ratios, exact conditional model", "interval": "Clopper-Pearson, exact Poisson",
    }  # fmt: skip

    def line(family: str, tight: bool) -> dict[str, object]:
        quantities = {
            name: each
            for name, each in found["families"][family]["quantities"].items()
            if name.endswith("lme4 tight") == tight
        }
        worst = max(quantities, key=lambda name: quantities[name]["largest"])
        left = ", ".join(f"{n} {why}" for why, n in found["families"][family]["left_out"].items())
        return {
            "family": words[family] + (", lme4 with tighter steps" if tight else ""),
            "compared": max(each["compared"] for each in quantities.values()),
            "typical": f"{max(each['median'] for each in quantities.values()):.0e}",
            "largest": f"{quantities[worst]['largest']:.0e} ({worst.removesuffix(', lme4 tight').replace('_', ' ')})",
            "left": "" if tight else left,
        }

    rows = [line(family, tight) for family in words for tight in (False, True) if not tight or family in {"proportion", "rate"}]  # fmt: skip
    gained = found["our_loglik_minus_theirs"]
    coverage = [
        {
            "row": f"{row['k']}, {row['sizes'][0]}-{row['sizes'][1]}, {row['p']}, {row['tau']}",
            **{
                name: f"{row['ours'][name]:.3f} / {row['printed'][name]:.3f}"
                for name in ("glmm_z", "glmm_t", "iv_z", "iv_hk", "ft_hk")
            },
        }
        for row in cover["rows"]
    ]
    claims = json.loads((HERE / "synthesis_meta" / "peer_claims.json").read_text(encoding="utf-8"))
    odd = [row for row in cover["rows"] if (row["k"], row["p"]) == (12, 0.5)]
    rest = [row for row in cover["rows"] if row not in odd]
    apart = {
        "others": max(abs(x) for row in rest for x in row["apart_in_standard_errors"].values()),
        "one": max(abs(x) for row in odd for x in row["apart_in_standard_errors"].values()),
        "default": mean(row["ours"]["glmm_t"] - row["printed"]["glmm_t"] for row in rest),
    }
    return f"""## Meta-analysis: random data sets, against metafor {found["metafor"]} and lme4 {found["lme4"]}

`python validation/synthesis_meta/run.py` (R takes {found["seconds_r"] / 60:.0f} minutes, ours {found["seconds_ours"]:.0f} s on the same busy machine). Nasty ones among them: two studies, empty cells, all events, a million
patients, variances over six magnitudes, ties, p too small for a machine. Differences are absolute below one, relative above; the quantity in brackets has the largest.

{table(rows, {"family": "what", "compared": "sets compared", "typical": "largest median", "largest": "largest", "left": "not compared"})}

Exact models: lme4 ends its inner steps early (tolPwrss 1e-7) and metafor keeps that; with 1e-12 the estimates meet ours to 1e-6, and its standard errors, which it takes by differences, to
1e-4. At that setting its step-halving gives up on a fifth of the sets. The likelihood is nowhere higher at R's estimates than at ours, beyond rounding: ours less theirs is {gained["proportion, metafor"]["least"]:.0e} to
{gained["proportion, metafor"]["largest"]:+.0e} for proportions. Effects: R's REML, ML and EB stop at a small step; I2 shows it first. The exact conditional model: where tau2 is 0, metafor
stops short of the border (2e-5, 2e-4) and its standard error, by differences there, has no meaning (9e-8 where ours is 0.61). Away from the border both agree to 5e-4. R takes
seconds for each set, so only {found["families"]["conditional"]["sets"]} are run. In oracle 01 the unconditional odds ratio is a fit that lme4 itself reports as not converged; its optimiser bobyqa gives mu {claims["bobyqa_mu"]:.7f}, SE {claims["bobyqa_se"]:.6f} and tau2 {claims["bobyqa_tau2"]:.7f}
(`Rscript validation/synthesis_meta/peer_claims.R`), to which the oracle test holds ours.

Coverage of nominal 95 % intervals, ours ({cover["replicates"]} replicates) / the methods note (1,000): `python validation/synthesis_meta/coverage.py`

{table(coverage, {"row": "k, sizes, p, tau", "glmm_z": "exact, z", "glmm_t": "exact, t (default)", "iv_z": "logit, z", "iv_hk": "logit, HK", "ft_hk": "Freeman-Tukey, HK"})}

Ours and the note's lie up to {apart["others"]:.1f} Monte Carlo standard errors of their difference apart, and up to {apart["one"]:.1f} in one row, 12 studies at 0.5: its five methods share their replicates there, and
all cover more in the note. metafor with {claims["replicates"]} data sets of its own gives {claims["iv_z"]:.3f} (logit, z) and {claims["iv_hk"]:.3f} (logit, HK) there, nearer to ours. The default covers {100 * apart["default"]:.1f} points more
than in the note on average over the other rows.
"""


def synthesis_network() -> str:
    found = results("synthesis_network")
    names = {
        "kind": "networks", "reml_compared": "REML fits", "q": "Q", "effect": "effect, in SE", "dl": "tau2, DL",
        "reml": "tau2, REML", "gained": "log-likelihood, ours over theirs",
    }  # fmt: skip
    rows = [
        {
            "kind": f"{kind['kind']} ({kind['networks']})",
            "reml_compared": kind["reml_compared"],
            "q": f"{max(kind['q_relative'], kind['q_pairs_relative']):.0e}",
            "effect": f"{max(kind['common_effect_in_se'], kind['effect_at_same_tau2_in_se']):.0e}",
            "dl": f"{kind['tau2_dl_relative']:.0e}",
            "reml": f"{kind['tau2_reml_relative']:.0e}",
            "gained": f"-{kind['reml_likelihood_lost']:.0e} to +{kind['reml_likelihood_gained']:.0e}",
        }
        for kind in found["kinds"]
    ]
    return f"""## Network meta-analysis: {found["networks"]} random networks, against metafor {found["metafor"]} and base R

`python validation/synthesis_network/run.py`. The largest difference of each kind, relative to the size. Effects are compared at the same tau2. metafor (`rma.mv`) works on one covariance
block a study; a script in base R works on all pairs with reduced weights (Q and DL); ours works on independent rows. netmeta is not in Debian; it is held in oracle 08.

{table(rows, names)}

Differences in the REML tau2 come from where metafor's optimiser stops: at our tau2 its own likelihood is never lower beyond rounding. Networks without a degree of freedom have no REML fit.
The largest differences of Q and effects lie in networks whose variances span eight magnitudes.
"""


def synthesis_survival() -> str:
    found = results("synthesis_survival")
    names = {
        "km_survival": "Kaplan-Meier: survival", "km_se": "its standard error", "km_lower": "lower limit (log-log)", "km_upper": "upper limit",
        "km_at_risk": "number at risk", "rmst": "restricted mean and its error", "logrank_0": "log-rank chi2", "logrank_1": "Peto-Peto chi2",
        "cox_coefficient_efron": "Cox, Efron: coefficients", "cox_se_efron": "its standard errors", "cox_robust_se_efron": "robust, clustered errors",
        "cox_likelihood_efron": "log-likelihoods", "cox_score_efron": "score chi2", "cox_coefficient_breslow": "Cox, Breslow: coefficients",
        "cox_robust_se_breslow": "robust, clustered errors", "zph": "proportional hazards chi2", "zph_repeated": "the same, counts as weights, R on repeated rows",
        "concordance": "concordance", "aj_incidence": "cumulative incidence", "aj_se": "its standard error", "fg_coefficient": "Fine-Gray: coefficients",
        "fg_robust_se": "robust errors by person", "fg_repeated_coefficient": "the same, counts as weights, R on repeated rows",
    }  # fmt: skip
    rows = [
        {"what": text, "compared": found["quantities"][key]["compared"], "largest": f"{found['quantities'][key]['largest']:.0e}", "kind": found["quantities"][key]["kind"]}
        for key, text in names.items()
    ]  # fmt: skip
    medians = "; ".join(f"{count} times {cause}" for cause, count in found["medians"].items() if cause != "equal")
    refusals = "; ".join(f"{what}: {count}" for what, count in found["refusals"].items())
    again = json.loads((HERE / "synthesis_survival" / "reconstruction.json").read_text(encoding="utf-8"))
    curves = [
        {
            "given": row["given"],
            "error": f"{row['click_error']:g}",
            "survival": f"{row['survival_off_mean']:.3f} ({row['survival_off_95']:.3f})",
            "events": f"{row['events_off_percent_mean']:+.1f} ({row['events_off_percent_95']:.1f})",
            "hr": f"{row['log_hr_off_mean']:.3f} ({row['log_hr_off_95']:.3f})",
            "passed": f"{row['gate_passed_percent']:.0f}",
        }
        for row in again["rows"]
    ]
    heads = {
        "given": "given beside the curve", "error": "slip of the hand, SD", "survival": "survival off by at most, mean (95th)",
        "events": "events off, %, mean (95th of the size)", "hr": "log HR off, mean (95th)", "passed": "gate passed, %",
    }  # fmt: skip
    return f"""## Survival of people: {found["data_sets"]} random data sets, against R survival {found["survival"]}

`python validation/synthesis_survival/run.py`: {found["data_sets"]} data sets of 25 kinds (many ties, 90 % censored, no censoring, one event, one group, left truncation, strata, whole and
fractional weights, clusters, competing events, all of it together). The largest difference, relative to the size or to 1, and the kind in which it lies.

{table(rows, {"what": "quantity", "compared": "compared", "largest": "largest difference", "kind": "in"})}

What is left is rounding and, in the models, where the iterations stop. Medians and their limits are equal {found["medians"]["equal"]} times and differ for known causes otherwise: {medians}. Who refuses: {refusals}; ours says which covariate has no finite
hazard ratio, R warns or drops it. R's `cox.zph` and `finegray` leave case weights out of the Kaplan-Meier curve that they use; ours counts them, so that a weight of 2 is the same as two rows.
Fine-Gray errors are clustered by person; R gives the same with `cluster(id)`, and smaller ones without (oracle 09). R takes times as tied that differ by rounding only
(`timefix`), which merges short times where the longest are millions of times longer; ours ties equal numbers only.

## People reconstructed from published curves: {again["trials"]} simulated trials

`python validation/synthesis_survival/reconstruction.py`: two arms of 30 to 300, clicks at both sides of each step, a risk table of 6 columns. Against the true people.

{table(curves, heads)}

With neither a risk table nor the number of events, the events are overstated by about a third on average: such a reconstruction never passes the gate. Without a risk table it
always carries a red flag.
"""


def evidence_pools() -> str:
    found = results("evidence_pools")
    plausible = [
        {
            "set": row["set"], "k": f"{row['k']}, {row['n']}", "readme": "{2} ({3}-{4})".format(*row["readme"]),
            "same": "{} ({}-{})".format(*row["same_method"]), "exact": "{} ({}-{})".format(*row["exact_model"]),
        }
        for row in found["plausibility"]
    ]  # fmt: skip
    beside = [
        {
            "review": row["review"], "question": f"{row['technique']}, {row['outcome']}" + (f" ({row['comparison']})" if row["comparison"] else ""),
            "published": row["published"], "ours": row["ours"], "why": "; ".join(row["differs_because"]),
        }
        for row in found["published"]
    ]  # fmt: skip
    return f"""## Pools of the study catalogue

`python validation/evidence_pools/run.py`: catalogue {found["catalogue"][:12]}, {found["arms"]} arms, {found["outcomes"]} outcomes. The checks find {found["findings"]["error"]} errors, {found["findings"]["doubt"]} doubts and
{found["findings"]["note"]} notes in the tables, and {found["findings"]["on_page_only"]} more when the pages' own figures are laid in where the tables depart from them.

The plausibility table that came with the data, by its own method (DerSimonian and Laird on logits, 0.5 added to both cells of every study) and by our model. These sets count procedures, overlapping
cohorts and symptomatic subgroups, which our rules of inclusion leave out; percent (95 % interval).

{table(plausible, {"set": "set", "k": "k, n", "readme": "printed there", "same": "ours, same method", "exact": "ours, exact model, t"})}

Every published pool beside ours of the same question. The catalogue was extracted at abstract level: few arms have strict counts per patient, so that most of our pools hold fewer than five
studies and are shown without a headline. Where the counts and the method are the same, in the table above, the figures agree; with procedures counted as Devcic 2014 counts them, our exact model
gives the control and the response of the first two rows, against its 86 (78-92) and 50 (38-62).

{table(beside, {"review": "review", "question": "question", "published": "published", "ours": "ours", "why": "why they differ"})}
"""


def sirt_kernel() -> str:
    found = results("sirt_kernel")
    rows = [
        {"edge": f"{edge} mm", **{name: float(value) for name, value in row.items()}}
        for edge, row in found["percent_from_table"].items()
    ]
    left = [
        {"edge": f"{edge} mm", **{name: float(value) for name, value in row.items()}}
        for edge, row in found["left_out_percent"].items()
    ]
    spheres = [{"diameter": f"{d} mm", "share": float(share)} for d, share in found["absorbed_in_sphere"].items()]
    return f"""## Voxel S values of Y-90 beside published tables

`python validation/sirt_kernel/fit.py DATA`. Percent from the table of Lanconelli 2012 for cubes of soft tissue (1.04 g/mL). The kernel was fitted to these tables, so that this is how well a smooth
kernel of 13 Gaussians holds all ten at once, not an independent check; energy balance and the stopping power near the source were imposed. S002 at 9.28 mm holds 0.003 % of the energy.
The kernel of Ho-166 has no such table and is not validated.

{table(rows, {"edge": "voxel", "s000": "S000, %", "s001": "S001, %", "s011": "S011, %", "s111": "S111, %", "s002": "S002, %", "energy": "energy sum, %"})}

Each table by a kernel fitted to the nine others:

{table(left, {"edge": "voxel left out", "s000": "S000, %", "s001": "S001, %", "s011": "S011, %", "s111": "S111, %"})}

Share of its own energy that a uniformly active sphere absorbs, in closed form from the kernel (decision 11 says why values from a 3 mm grid are lower):

{table(spheres, {"diameter": "diameter", "share": "absorbed share"})}
"""


def sirt_spheres() -> str:
    rows: list[dict[str, object]] = []
    for row in results("sirt_spheres")["spheres"]:
        grids = {name: f"{each['voxels']:.3f} ({each['outline']:.3f})" for name, each in row["grids"].items()}
        fixed = {"diameter": f"{row['diameter_mm']} mm", "closed": f"{row['closed_form']:.3f}"}
        rows.append({**fixed, "table": f"{row['of_table_3_mm']:.3f}", **grids})
    heads = {"diameter": "diameter", "closed": "closed form", "table": "published 3 mm table"}
    heads |= {name: f"{name} mm" for name in results("sirt_spheres")["spheres"][0]["grids"]}
    return f"""## Spheres of Y-90: how much of its own energy each absorbs, by the whole chain

`python validation/sirt_spheres/run.py`. Uniform activity, kernel dose, mean over that of local deposition; 1.04 g/mL. Border voxels of the activity hold the part of the sphere that lies in them. First the
mean over the voxels, each with its share, as the factors from the published table were computed; in brackets the mean by the histogram of the sphere's own outline (`dvh`, `sirt dose`).

{table(rows, heads)}

On 3 mm the chain repeats the factors of the published table within 2 %. The rest of the way to the closed form is partial volume: an activity that is spread over the border voxels is lost to the
sphere before an electron leaves it. It shrinks with the voxel, and hangs on where the sphere lies on the grid: here its centre lies near that of a voxel, which is unkind to 10 mm on voxels of 4 mm.
"""


def dose_volume() -> str:
    found = results("dvh")
    heads = {"shape": "shape", "structure": "drawn as", "dose": "dose", "dose_voxel_mm": "dose voxel, mm", "volume_error_percent": "volume, %", "mean_error_gy": "mean, Gy"}  # fmt: skip
    heads |= {f"d{x}_error_gy": f"D{x}, Gy" for x in (98, 95, 70, 50, 2)}
    programs = {name: name for name in ("Eclipse", "CERR", "SlicerRT")}
    return f"""## Dose-volume histograms

`python validation/dvh/run.py DATA`. A prostate plan beside three programs (SlicerRT's test data); our structures come from the same contours. Each value lies within the larger of their spread,
0.2 Gy and 1 % of the nearest; `tests/oracles/test_dose_volume_peers.py` holds that for more metrics.

{table(found["prostate"], {"structure": "structure", "metric": "metric", "ours": "ours", **programs})}

A breast plan beside dicompyler-core 0.5.6 with pydicom 2.4.5, which counts the dose points within the contours; ours fills the contours themselves, so that a small structure differs most. Polygons: their areas times the distance of the slices, where a slice has one.
The greatest dose in Scar and Lt Lung lies at their border, between the dose points that the other program counts.

{table(found["breast"], {"structure": "structure", "polygon_ml": "polygons, mL", "volume_ml": "volume, mL", "peer_volume_ml": "dicompyler-core, mL", "mean_gy": "mean, Gy", "peer_mean_gy": "dicompyler-core, Gy", "max_gy": "greatest, Gy", "peer_max_gy": "dicompyler-core, Gy"})}

Errors against formulas: a dose that rises by 1 Gy a mm, and one that falls by e each 8 mm from 100 Gy at x = -20 mm. Grids are shifted off the centre, some turned by 20 or 30 degrees about two axes.
A linear dose leaves the error of the structure alone. Where the dose falls exponentially, linear interpolation between dose points lies above it, by up to (2.5 / 8) squared / 8 = 1.2 % of the dose
between points 2.5 mm apart: that is the dose grid's own limit, and shows in D2. Contours each 2 mm stand for slabs, which makes a sphere of 10 mm 2 % too large.

{table(found["analytic"], heads)}
"""


def response() -> str:
    found = results("response")
    heads = {"what": "what is derived", "n": "people", "right": "right"}
    unseen = found["unseen_days"]
    best = ", ".join(f"{name} {count}" for name, count in found["best"].items())
    return f"""## End points and response: {found["people"]:,} synthetic people, against the truth they were drawn from

`python validation/response/run.py`. Each person has a true day of progression and of death; the case file holds only what a clinic would write down: scans at the centre's interval, visits, a death,
a loss to follow-up. {found["treated"]} were treated through the artery, which starts the clock. End points are derived from the events alone.

{table(found["rows"], heads)}

{found["progressed_before_treatment"]} more had truly progressed between board and treatment, before the clock starts; no scan lies there, so the first one after it shows them as progression since the start.
Not told: {found["untold_survival"]} for survival, {found["untold_progression"]} for progression.

A person who is lost is censored on the last day seen alive, not on the day that the loss was stated: {unseen["lost"]["n"]} people, median {unseen["lost"]["median"]:.0f} days earlier, at most {unseen["lost"]["most"]}. Who is alive at the end is
censored on the last contact: {unseen["alive at the end"]["n"]} people, median {unseen["alive at the end"]["median"]:.0f} days earlier, at most {unseen["alive at the end"]["most"]}.

Best response by RECIST 1.1 without confirmation, beside whether the person was drawn to respond: {best}. Who responds and progresses by the first scan has no response to be seen.

The printed tables 1 to 3 of RECIST 1.1, every row, and the rules of mRECIST, EASL, WHO, Choi and volumes are tests by name: `tests/unit/response/`.
"""


if __name__ == "__main__":
    text = "\n".join(
        [
            "# Validation\n\nOurs beside programs that are not ours, with the cause of each difference. Written by `python validation/page.py` from the results that the scripts under\n"
            "`validation/` wrote; run them again to check.\n",
            extent(),
            landmarks(),
            tracking(),
            response(),
            evidence_pools(),
            synthesis_meta(),
            synthesis_network(),
            synthesis_survival(),
            sirt_kernel(),
            sirt_spheres(),
            dose_volume(),
        ]
    )
    PAGE.write_text(text, encoding="utf-8")
