"""``tidewaiter doctor``: checks of the installation and the settings."""
