"""Training of the goods classifier on real words of tariffs, rulings and catalogues."""
