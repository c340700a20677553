"""Every option weighed: the packaged rules over the facts of one case or of a cohort, with verdict, reasons, what is missing and who says so."""
