cimport cython

from features.groups.history.batch cimport Batch, RecentShipments
from features.groups.history.parties cimport PartyStore
from features.groups.history.store cimport Store


cdef class LinkFeatures:
    cdef Py_ssize_t shipments, names, finds, clean


@cython.final
cdef class LinkStore(Store):
    cdef Py_ssize_t entity, name_row
    cdef LinkFeatures features

    @cython.locals(contact=cython.bint, row=Py_ssize_t, slot=Py_ssize_t, shipments=cython.longlong)
    cdef void visit(self, Batch batch) noexcept nogil

    @cython.locals(name=cython.longlong, last_name=cython.longlong)
    cdef void _count_name(self, Batch batch, Py_ssize_t row, Py_ssize_t slot, bint known) noexcept nogil


@cython.final
cdef class EntityStores:
    cdef public dict by_entity
    cdef PartyStore _consignor, _consignee, _address, _pair, _trade_lane, _consignor_city, _city_heading
    cdef LinkStore _consignor_trade_lane, _building, _occupant, _consignor_address
    cdef LinkStore _consignor_chapter, _consignor_heading, _pair_heading
    cdef LinkStore _consignor_phone, _consignor_email, _consignee_phone, _consignee_email

    @cython.locals(store=Store)
    cpdef void advance(self, Batch batch, RecentShipments recent, bint update, Py_ssize_t bound)

    cdef void _visit_all(self, Batch batch, RecentShipments recent, bint update) noexcept nogil


@cython.locals(row=Py_ssize_t, slot=Py_ssize_t)
cdef void _add_results(Store store, const int[::1] slots, const signed char[::1] find)
