"""C types of `models.evidence.weigh`: attributes of compiled classes cannot have inline types for memory views."""

cimport cython

@cython.final
cdef class Weigher:
    cdef const int[::1] column, first_term, first_clause, first_entry, first_set
    cdef const double[::1] low, high, d, base
    cdef const unsigned char[::1] is_ramp
    cdef const double[:, ::1] weight

    @cython.locals(
        strength="double[::1]", contributions="double[::1]", row=Py_ssize_t, head=Py_ssize_t,
    )
    cpdef void totals(self, const double[:, ::1] matrix, double[:, ::1] out)

    @cython.locals(strength="double[::1]", row=Py_ssize_t)
    cpdef void contributions(self, const double[:, ::1] matrix, Py_ssize_t head, double[:, ::1] out)

    @cython.locals(row=Py_ssize_t)
    cpdef void strengths(self, const double[:, ::1] matrix, double[:, ::1] out)

    @cython.locals(
        entry=Py_ssize_t, clause=Py_ssize_t, term=Py_ssize_t, smallest=double, largest=double, x=double, low=double,
        high=double,
    )
    cdef void _measure(self, const double[:, ::1] matrix, Py_ssize_t row, double[::1] strength) noexcept nogil

    @cython.locals(
        group=Py_ssize_t, alternatives=Py_ssize_t, entry=Py_ssize_t, first=Py_ssize_t, end=Py_ssize_t,
        most_for=Py_ssize_t, most_against=Py_ssize_t, best=Py_ssize_t, worst=Py_ssize_t, total=double, d=double,
        highest=double, lowest=double, top=double, bottom=double, weight=double,
    )
    cdef double _weigh_head(self, const double[::1] strength, Py_ssize_t head, double[::1] contributions) noexcept nogil
