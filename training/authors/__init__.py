"""Learning from worlds by several authors: leave one author out, and train the champion on all."""
