"""Radioembolisation with Y-90 and Ho-166 microspheres: activity, absorbed dose, limits, radiobiology, uncertainty. Pure: no files, no clock."""
