"""Commands that train, adapt, compare and promote models. Only they import `training`."""
