"""How right the numbers are: matching with the truth, measures, intervals, tables."""
