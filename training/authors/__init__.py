"""Learning from worlds by several authors: leave each author out in turn, then train the champion on all."""
