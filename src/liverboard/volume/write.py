"""Writing NIfTI: the bytes depend on the content alone, and the file appears under its name only when it is whole."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from liverboard.errors import BadInput
from liverboard.volume.geometry import Array, Geometry


def write_nifti(path: Path, array: Array, geometry: Geometry) -> Path:
    """Write `array` [i, j, k] as NIfTI (.nii or .nii.gz) with its data type; bool becomes uint8. Raises BadInput where the place cannot be written."""
    import nibabel
    from isal import igzip as untyped

    nib: Any = nibabel
    igzip: Any = untyped
    data = array.view(np.uint8) if array.dtype == np.bool_ else array
    image = nib.Nifti1Image(data, np.diag([-1.0, -1.0, 1.0, 1.0]) @ geometry.affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(image.affine, code=1)
    image.set_qform(image.affine, code=1)
    image.header["vox_offset"] = 352
    head: bytes = image.header.binaryblock
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        waiting = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                if path.name.endswith(".gz"):
                    with igzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=1, mtime=0) as packed:
                        _pour(packed, head, data)
                else:
                    _pour(file, head, data)
            waiting.chmod(0o644)
            waiting.replace(path)
        finally:
            waiting.unlink(missing_ok=True)
    except OSError as problem:
        raise BadInput(
            f"the image cannot be written: {problem.strerror or 'error'}",
            where=path.name,
            hint="Choose another output folder, or free this place and its write permission.",
        ) from problem
    return path


def _pour(file: Any, head: bytes, data: Array) -> None:
    file.write(head)
    file.write(b"\0" * (352 - len(head)))
    for plane in range(data.shape[2]):  # a slice at a time: no second copy of the volume
        file.write(np.asfortranarray(data[:, :, plane]).tobytes(order="F"))
