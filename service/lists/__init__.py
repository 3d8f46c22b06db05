"""Watch lists, dismissals, suppressions and permits of an office, and their matching against shipments.

Read the package in this order: tables, schemas, matching, screening, reading, importing, repository, current, routes, command.
"""
