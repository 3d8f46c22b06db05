"""C types of `models.calibration.log_odds`."""

cimport cython
from libc.math cimport exp, expm1, log, log1p

@cython.locals(values="double[::1]", at=Py_ssize_t)
cpdef probability(log_odds)

@cython.locals(odds=double)
cdef double _probability(double x) noexcept nogil

@cython.locals(count=Py_ssize_t, row=Py_ssize_t, head=Py_ssize_t, out="double[:, ::1]")
cpdef shifted_probabilities(const double[:, :] heads, const double[:] risk, const double[::1] shifts)

@cython.locals(row=Py_ssize_t, head=Py_ssize_t, largest=double, total=double, x=double, combined=double)
cdef void _combine(const double[:, ::1] heads, double[::1] out) noexcept nogil

@cython.locals(row=Py_ssize_t, column=Py_ssize_t, knot=Py_ssize_t, segment=Py_ssize_t, x=double)
cpdef void map_segments(
    const double[:, :] raw, const long long[::1] first_knot, const double[::1] knots, const double[::1] start,
    const double[::1] value, const double[::1] slope, double[:, :] out
)
