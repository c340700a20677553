"""What of a DICOM object is kept when it is de-identified. Everything that is not named here goes, private elements first.

A list of what is kept fails safe: an attribute that nobody thought of is removed. The kept ones are what measuring needs: pixels, geometry, how the image was
made, how its values are scaled, structures, doses. The basic profile of DICOM PS3.15 (table E.1-1) touches none of them except dates, times, UIDs, sequences, which are
treated one by one, and `ROIName`, without which a structure set says nothing.
"""

from __future__ import annotations

from typing import Final


def _words(written: str) -> frozenset[str]:
    return frozenset(written.split())


# Numbers, codes and pixels.
KEPT: Final = _words(
    """
    Modality ImageType BodyPartExamined PatientPosition Laterality ImageLaterality ConversionType PresentationIntentType
    SeriesNumber InstanceNumber AcquisitionNumber TemporalPositionIdentifier NumberOfTemporalPositions ImagesInAcquisition StackID InStackPositionNumber
    FrameAcquisitionNumber DimensionIndexValues DimensionIndexPointer FunctionalGroupPointer DimensionOrganizationType InConcatenationNumber
    InConcatenationTotalNumber
    Rows Columns NumberOfFrames SamplesPerPixel PhotometricInterpretation PlanarConfiguration BitsAllocated BitsStored HighBit PixelRepresentation
    SmallestImagePixelValue LargestImagePixelValue PixelPaddingValue PixelPaddingRangeLimit PixelAspectRatio FrameIncrementPointer
    LossyImageCompression LossyImageCompressionRatio LossyImageCompressionMethod BurnedInAnnotation
    PixelData FloatPixelData DoubleFloatPixelData ExtendedOffsetTable ExtendedOffsetTableLengths
    ImagePositionPatient ImageOrientationPatient PixelSpacing SliceThickness SpacingBetweenSlices SliceLocation ImagerPixelSpacing
    WindowCenter WindowWidth RescaleSlope RescaleIntercept RescaleType PresentationLUTShape VOILUTFunction
    ContentQualification VolumetricProperties VolumeBasedCalculationTechnique PixelPresentation ComplexImageComponent AcquisitionContrast
    KVP XRayTubeCurrent ExposureTime Exposure ExposureInuAs ExposureModulationType ReconstructionDiameter DataCollectionDiameter GantryDetectorTilt TableHeight
    RotationDirection SpiralPitchFactor TableSpeed TableFeedPerRotation SingleCollimationWidth TotalCollimationWidth CTDIvol FilterType ScanOptions
    ContrastBolusVolume ContrastBolusIngredientConcentration
    MagneticFieldStrength RepetitionTime EchoTime InversionTime FlipAngle EchoNumbers EchoTrainLength NumberOfAverages PercentSampling PercentPhaseFieldOfView
    PixelBandwidth ImagingFrequency AcquisitionMatrix InPlanePhaseEncodingDirection ScanningSequence SequenceVariant MRAcquisitionType AngioFlag
    TriggerTime NominalInterval DiffusionBValue DiffusionGradientOrientation DiffusionDirectionality EffectiveEchoTime
    Units CountsSource SeriesType NumberOfSlices NumberOfTimeSlices ImageIndex DecayCorrection DecayFactor DeadTimeFactor DoseCalibrationFactor
    ScatterFractionFactor SliceSensitivityFactor FrameReferenceTime ActualFrameDuration RadionuclideTotalDose RadionuclideHalfLife
    RadionuclidePositronFraction RadiopharmaceuticalVolume SUVType CorrectedImage RandomsCorrectionMethod EnergyWindowLowerLimit
    EnergyWindowUpperLimit EnergyWindowVector NumberOfEnergyWindows DetectorVector NumberOfDetectors RotationVector NumberOfRotations AngularViewVector
    SliceVector TimeSliceVector TypeOfDetectorMotion CollimatorType FieldOfViewShape FieldOfViewDimensions
    SegmentationType SegmentationFractionalType MaximumFractionalValue SegmentNumber SegmentAlgorithmType ReferencedSegmentNumber
    RecommendedDisplayCIELabValue RecommendedDisplayGrayscaleValue SegmentsOverlap ReferencedFrameNumber SpatialLocationsPreserved
    RealWorldValueIntercept RealWorldValueSlope RealWorldValueFirstValueMapped RealWorldValueLastValueMapped
    DoseUnits DoseType DoseSummationType DoseGridScaling GridFrameOffsetVector TissueHeterogeneityCorrection
    DVHType DVHDoseScaling DVHVolumeUnits DVHNumberOfBins DVHData DVHMinimumDose DVHMaximumDose DVHMeanDose DVHROIContributionType NormalizationPoint
    ROINumber ReferencedROINumber ObservationNumber ROIDisplayColor ROIVolume ROIGenerationAlgorithm RTROIInterpretedType ContourNumber ContourGeometricType
    NumberOfContourPoints ContourData ContourSlabThickness ContourOffsetVector
    CodeValue CodingSchemeDesignator CodingSchemeVersion LongCodeValue MappingResource ContextIdentifier
    """
)

# Short texts that name a machine, a method or a structure. They are kept unless they hold one of the patient's own identifiers.
TEXTS: Final = _words(
    """
    Manufacturer ManufacturerModelName SoftwareVersions ConvolutionKernel SequenceName Radiopharmaceutical ReconstructionMethod
    AttenuationCorrectionMethod ScatterCorrectionMethod CollimatorGridName CodeMeaning SegmentLabel ROIName SegmentAlgorithmName AlgorithmName
    AlgorithmVersion EnergyWindowName LUTLabel LUTExplanation
    """
)

# Dates are kept or shifted by policy; times of day stay as they are.
DATES: Final = _words(
    """
    StudyDate SeriesDate AcquisitionDate ContentDate StructureSetDate AcquisitionDateTime FrameReferenceDateTime FrameAcquisitionDateTime
    RadiopharmaceuticalStartDateTime RadiopharmaceuticalStopDateTime DecayCorrectionDateTime
    """
)
TIMES: Final = _words(
    """
    StudyTime SeriesTime AcquisitionTime ContentTime StructureSetTime RadiopharmaceuticalStartTime RadiopharmaceuticalStopTime
    """
)

# Every UID but the standard's own is replaced.
UIDS: Final = _words(
    """
    SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID FrameOfReferenceUID ReferencedFrameOfReferenceUID ReferencedSOPClassUID
    ReferencedSOPInstanceUID DimensionOrganizationUID ConcatenationUID SOPInstanceUIDOfConcatenationSource SynchronizationFrameOfReferenceUID
    """
)

SEQUENCES: Final = _words(
    """
    SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence PlanePositionSequence PlaneOrientationSequence PixelMeasuresSequence
    PixelValueTransformationSequence FrameContentSequence FrameVOILUTSequence FrameAnatomySequence CTImageFrameTypeSequence MRImageFrameTypeSequence
    PETFrameTypeSequence CTExposureSequence CTReconstructionSequence CTAcquisitionTypeSequence MREchoSequence MRDiffusionSequence
    MRTimingAndRelatedParametersSequence RadiopharmaceuticalUsageSequence
    DimensionOrganizationSequence DimensionIndexSequence RealWorldValueMappingSequence MeasurementUnitsCodeSequence
    DerivationImageSequence DerivationCodeSequence SourceImageSequence PurposeOfReferenceCodeSequence ReferencedImageSequence
    SegmentSequence SegmentIdentificationSequence SegmentedPropertyCategoryCodeSequence SegmentedPropertyTypeCodeSequence
    SegmentedPropertyTypeModifierCodeSequence SegmentationAlgorithmIdentificationSequence AlgorithmFamilyCodeSequence AnatomicRegionSequence
    AnatomicRegionModifierSequence ReferencedSeriesSequence ReferencedInstanceSequence ReferencedSOPSequence
    ReferencedFrameOfReferenceSequence RTReferencedStudySequence RTReferencedSeriesSequence ContourImageSequence StructureSetROISequence
    ROIContourSequence ContourSequence RTROIObservationsSequence ReferencedStructureSetSequence DVHSequence DVHReferencedROISequence
    RadiopharmaceuticalInformationSequence RadionuclideCodeSequence RadiopharmaceuticalCodeSequence
    EnergyWindowInformationSequence EnergyWindowRangeSequence DetectorInformationSequence RotationInformationSequence
    """
)

# What points to a person or a place as a whole; every word of a name of a person does so by itself.
NUMBERS: Final = _words(
    """
    PatientID OtherPatientIDs IssuerOfPatientID AccessionNumber StudyID AdmissionID ServiceEpisodeID MedicalRecordLocator PatientAddress
    PatientTelephoneNumbers PatientBirthDate PlacerOrderNumberImagingServiceRequest FillerOrderNumberImagingServiceRequest InstitutionAddress
    DeviceSerialNumber StationName InstitutionName InstitutionalDepartmentName
    """
)
