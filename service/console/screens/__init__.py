"""The screens of the console. Each module has its pages in ``PAGES``, with the role that each needs."""
