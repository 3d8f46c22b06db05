"""The champion behind general model servers: what a competent user of each would write, and how they are run side by side."""
