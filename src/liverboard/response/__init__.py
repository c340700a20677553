"""What came of the treatment: response by every criterion, markers, symptoms, adverse events, end points. Pure: a case and a day in, frozen values out."""
