"""Jobs: uploaded files that workers score in the background.

Read the package in this order: files, results, work, worker, child.
"""
