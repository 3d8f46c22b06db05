cimport cython

from features.groups.history.batch cimport Batch
from features.groups.history.store cimport Store


cdef class Transfers:
    cdef const long long[::1] source, target


cdef class WindowSums:
    cdef const long long[::1] present, previous, window, amount


cdef class PartyFeatures:
    cdef Py_ssize_t first_seen, split, split_value


cdef class PartyPlan:
    cdef const long long[::1] column
    cdef WindowSums sums
    cdef Transfers totals, values, logs, recent, dollars
    cdef PartyFeatures features


@cython.final
cdef class PartyStore(Store):
    cdef Py_ssize_t entity
    cdef PartyPlan plan

    @cython.locals(row=Py_ssize_t, slot=Py_ssize_t)
    cdef void locate_all(self, Batch batch) noexcept nogil

    @cython.locals(narrow=Py_ssize_t, row=Py_ssize_t, slot=Py_ssize_t, column=Py_ssize_t)
    cdef void visit(self, Batch batch) noexcept nogil

    @cython.locals(
        narrow=Py_ssize_t, wide=Py_ssize_t, column=Py_ssize_t, i=Py_ssize_t, window=Py_ssize_t, last=cython.longlong,
        gap=cython.longlong, present=Py_ssize_t, previous=Py_ssize_t,
    )
    cdef void _load_state(self, Batch batch, Py_ssize_t slot, Py_ssize_t row) noexcept nogil

    @cython.locals(i=Py_ssize_t)
    cdef void _write_features(self, Batch batch, Py_ssize_t row) noexcept nogil

    cdef double _numbered_sum(self, Batch batch, Py_ssize_t row, Py_ssize_t i, long long scale) noexcept nogil

    @cython.locals(hours=cython.longlong, hour_sum=cython.longlong)
    cdef double _window_sum(
        self, Batch batch, Py_ssize_t row, Py_ssize_t present, Py_ssize_t previous, Py_ssize_t window, long long scale
    ) noexcept nogil

    @cython.locals(shipments=cython.longlong, cents=cython.longlong, grams=cython.longlong, past=cython.longlong)
    cdef void _compare_with_past(self, Batch batch, Py_ssize_t row) noexcept nogil

    @cython.locals(coded=cython.longlong, chemistry=cython.longlong, others=cython.double)
    cdef void _compare_goods(self, Batch batch, Py_ssize_t row) noexcept nogil

    @cython.locals(cents=cython.longlong, limit=cython.longlong, count=cython.longlong, together=cython.longlong, several=cython.bint)
    cdef void _write_split(self, Batch batch, Py_ssize_t row) noexcept nogil

    @cython.locals(
        month=cython.double, year=cython.double, overall=cython.double, inspected=cython.longlong, day=cython.longlong, days=cython.longlong
    )
    cdef void _write_trade_lane(self, Batch batch, Py_ssize_t row) noexcept nogil

    @cython.locals(i=Py_ssize_t, last_cents=Py_ssize_t)
    cdef void _count(self, Batch batch, Py_ssize_t row) noexcept nogil

    @cython.locals(cents=cython.longlong, last_cents=Py_ssize_t)
    cdef void _set_amounts(self, Batch batch, Py_ssize_t row) noexcept nogil
