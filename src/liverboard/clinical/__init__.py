"""The language of the case: events, `Case`, facts and their dictionary, grade and liver-function scores. Pure: no files, no clock, no network."""
