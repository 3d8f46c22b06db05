"""Watch lists, dismissals, suppressions and permits of an office, and their matching against shipments.

Read the package in this order: forms, matching, screening, reading, view, importing, unread, current.
"""
