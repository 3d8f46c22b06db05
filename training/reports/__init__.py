"""Reports, model cards, plots and comparisons of runs."""
