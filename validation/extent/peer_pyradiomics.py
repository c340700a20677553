"""Shape figures of masks by pyradiomics, in its own environment: reads NRRD files named on the command line, prints JSON.

pyradiomics 3.0.1 has no wheel for Python 3.11 and needs an old numpy, so it lives apart:
    python3 -m venv peer && peer/bin/pip install "numpy<2" "setuptools<70" wheel versioneer SimpleITK PyWavelets pykwalify six
    peer/bin/pip install --no-build-isolation --no-deps pyradiomics==3.0.1
    PYRADIOMICS_PYTHON=peer/bin/python python validation/extent/run.py
"""

import json
import logging
import sys

import radiomics
import SimpleITK as sitk  # noqa: N813
from radiomics import shape

logging.getLogger("radiomics").setLevel(logging.ERROR)
found = []
for path in sys.argv[1:]:
    mask = sitk.ReadImage(path)
    features = shape.RadiomicsShape(sitk.Cast(mask, sitk.sitkFloat32), mask, label=1)
    features.enableAllFeatures()
    values = features.execute()
    found.append(
        {
            "voxel_volume_ml": float(values["VoxelVolume"]) / 1000,
            "mesh_volume_ml": float(values["MeshVolume"]) / 1000,
            "longest_3d_mm": float(values["Maximum3DDiameter"]),
            "longest_axial_mm": float(values["Maximum2DDiameterSlice"]),
        }
    )
print(json.dumps({"version": radiomics.__version__, "found": found}))
