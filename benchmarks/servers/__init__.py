"""The champion behind general model servers, each with the code of a competent user, and a runner for all of them."""
