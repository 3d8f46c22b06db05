cimport cython

from features.groups.history.batch cimport Batch, References
from features.groups.history.store cimport Store

cdef Py_ssize_t CENTS, GRAMS, PRESS, LIMIT, SHIPPER, RECEIVER, KEYS
cdef Py_ssize_t CONSIGNOR, CONSIGNEE, ADDRESS, PAIR, LANE, OWN_LANE, BUILDING, OCCUPANT, OWN_ADDRESS, CONTACTS
cdef Py_ssize_t N, LAST_DAY, FINDS, CLEAN, FIRST_DAY, CHANGES, MANY
cdef double LANE_PRIOR


cdef class PartyPlan:
    cdef const long long[:, ::1] windows, adds, counts, logs, recent, sums
    cdef Py_ssize_t cents, grams, last_cents, repeats, small, small_cents, month, month_before, year, year_before
    cdef Py_ssize_t first_seen, last_seen, value_repeats, value_same, split
    cdef Py_ssize_t value_ratio, mass_ratio, split_value, growth, find_ratio


cdef class Parties(Store):
    cdef Py_ssize_t kind
    cdef PartyPlan plan

    @cython.locals(row=Py_ssize_t, slot=Py_ssize_t)
    cdef void find_all(self, Batch batch) noexcept nogil

    @cython.locals(narrow=Py_ssize_t, wide=Py_ssize_t, row=Py_ssize_t, slot=Py_ssize_t, position=Py_ssize_t, column=Py_ssize_t)
    cdef void visit(self, Batch batch) noexcept nogil

    @cython.locals(
        narrow=Py_ssize_t, wide=Py_ssize_t, column=Py_ssize_t, position=Py_ssize_t, last=cython.longlong,
        gap=cython.longlong, now=Py_ssize_t, before=Py_ssize_t,
    )
    cdef void _read(self, Batch batch, Py_ssize_t slot, Py_ssize_t row) noexcept nogil

    @cython.locals(cents=cython.longlong)
    cdef void _amount(self, Batch batch, Py_ssize_t row) noexcept nogil

    @cython.locals(p=Py_ssize_t)
    cdef void _tell(self, Batch batch, Py_ssize_t row) noexcept nogil

    @cython.locals(hours=cython.longlong, whole=cython.longlong)
    cdef double _within(
        self, Batch batch, Py_ssize_t row, Py_ssize_t now, Py_ssize_t before, Py_ssize_t length, long long scale
    ) noexcept nogil

    @cython.locals(n=cython.longlong, cents=cython.longlong, grams=cython.longlong)
    cdef void _past(self, Batch batch, Py_ssize_t row) noexcept nogil

    @cython.locals(cents=cython.longlong, limit=cython.longlong, count=cython.longlong, together=cython.longlong, several=cython.bint)
    cdef void _split(self, Batch batch, Py_ssize_t row) noexcept nogil

    @cython.locals(month=cython.double, year=cython.double, overall=cython.double, inspected=cython.longlong)
    cdef void _lane(self, Batch batch, Py_ssize_t row) noexcept nogil


cdef class Links(Store):
    cdef Py_ssize_t kind, count_at, changes_at, finds_at, clean_at

    @cython.locals(
        contact=cython.bint, name=Py_ssize_t, row=Py_ssize_t, slot=Py_ssize_t, n=cython.longlong,
        beside=cython.longlong, other=cython.longlong,
    )
    cdef void visit(self, Batch batch) noexcept nogil


@cython.locals(
    store=Store, consignor=Parties, consignee=Parties, address=Parties, pair=Parties, lane=Parties, own_lane=Links, building=Links,
    occupant=Links, own_address=Links, phone=Links, email=Links, consignee_phone=Links, consignee_email=Links,
)
cpdef void advance(Batch batch, list parties, list links, References references, bint update, Py_ssize_t bound)

cdef void _pass(
    Batch batch, References references, bint update, Parties consignor, Parties consignee, Parties address, Parties pair,
    Parties lane, Links own_lane, Links building, Links occupant, Links own_address, Links phone, Links email,
    Links consignee_phone, Links consignee_email,
) noexcept nogil

@cython.locals(row=Py_ssize_t, slot=Py_ssize_t)
cdef void _increase(Store store, const int[::1] slots, const signed char[::1] find)
