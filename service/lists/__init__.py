"""Watch lists, dismissals, suppressions and permits of an office, and how shipments are matched against them.

Read the package in this order: forms, matching, entries, screening, reading, current.
"""
