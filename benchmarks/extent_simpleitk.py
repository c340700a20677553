"""The peer of `liverboard extent`: the same masks and image read and measured with SimpleITK as its examples do. LIVER LESIONS SEGMENTS VESSELS DUCTS IMAGE"""

from __future__ import annotations

import sys

import SimpleITK as sitk  # noqa: N813

liver, lesions, segments, vessels, ducts, image = (sitk.ReadImage(path) for path in sys.argv[1:])
lesions = sitk.Cast(lesions, sitk.sitkUInt16)

shape = sitk.LabelShapeStatisticsImageFilter()
shape.ComputeFeretDiameterOn()
shape.ComputeOrientedBoundingBoxOn()
shape.Execute(lesions)
of_liver = sitk.LabelShapeStatisticsImageFilter()
of_liver.Execute(liver)
of_segments = sitk.LabelShapeStatisticsImageFilter()
of_segments.Execute(segments)

intensity = sitk.LabelStatisticsImageFilter()
intensity.Execute(image, lesions)
distances = {}
for name, structure, inside in (("capsule", liver, True), ("vessels", vessels > 0, False), ("ducts", ducts > 0, False)):
    field = sitk.SignedMaurerDistanceMap(
        structure > 0, insideIsPositive=inside, squaredDistance=False, useImageSpacing=True
    )
    nearest = sitk.LabelStatisticsImageFilter()
    nearest.Execute(field, lesions)
    distances[name] = {label: nearest.GetMinimum(label) for label in shape.GetLabels()}
shares = {}
for number in range(1, 9):
    held = sitk.LabelStatisticsImageFilter()
    held.Execute(sitk.Cast(segments == number, sitk.sitkFloat32), lesions)
    shares[number] = {label: held.GetMean(label) for label in shape.GetLabels()}
tumour = sum(shape.GetPhysicalSize(label) for label in shape.GetLabels())
print(
    len(shape.GetLabels()),
    tumour / 1000,
    100 * tumour / of_liver.GetPhysicalSize(1),
    max(shape.GetFeretDiameter(n) for n in shape.GetLabels()),
)
