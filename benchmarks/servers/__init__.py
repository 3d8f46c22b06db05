"""The champion behind general model servers, written as a competent user of each would, and a runner for all of them."""
