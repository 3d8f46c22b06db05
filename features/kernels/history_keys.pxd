cimport cython

cdef Py_ssize_t SHIPPER, SHIPPER_COUNTRY, RECEIVER, POSTCODE, CITY, COUNTRY, EXPORT, CHANNEL, REFERENCE, MEMBER, CONTACTS
cdef Py_ssize_t BUILDING, UNIT
cdef Py_ssize_t TIME, REFERENCE_OUT, IDENTITY, CENTS, GRAMS, PRESS, LIMIT, SHIPPER_OUT, RECEIVER_OUT
cdef Py_ssize_t CONSIGNOR, CONSIGNEE, ADDRESS, PAIR, LANE, OWN_LANE, HOUSE, OCCUPANT, OWN_ADDRESS, CONTACTS_OUT
cdef unsigned long long WORD, START, FIRST_FACTOR, SECOND_FACTOR
cdef double MOST, ROUNDING
cdef long long DAYS_BEFORE
cdef tuple NONE

@cython.locals(n=Py_ssize_t, line=Py_ssize_t, texts=list, code=Py_ssize_t)
cpdef numbers_of(list columns, list functions, const long long[::1] rows, long long[:, ::1] out)

@cython.locals(code=Py_ssize_t)
cdef _work_out(long long[::1] known, list texts, object function)

@cython.locals(row=Py_ssize_t, code=Py_ssize_t)
cdef void _fill_line(
    const int[:] codes, const long long[::1] rows, const long long[::1] known, long long[:, ::1] out, Py_ssize_t line
) noexcept

@cython.locals(row=Py_ssize_t, code=Py_ssize_t)
cdef _fill_each(
    const int[:] codes, const long long[::1] rows, list texts, object function, long long[:, ::1] out, Py_ssize_t line
)

@cython.locals(n=Py_ssize_t, line=Py_ssize_t, texts=list, code=Py_ssize_t)
cpdef pairs_of(object column, object function, const long long[::1] rows, long long[:, ::1] out)

@cython.locals(row=Py_ssize_t, code=Py_ssize_t)
cdef _fill_pairs(
    const int[:] codes, const long long[::1] rows, list texts, object function, long long[:, ::1] out, Py_ssize_t line
)

@cython.locals(row=Py_ssize_t, before=cython.longlong, limit=cython.longlong, day=cython.longlong)
cpdef fill_limits(const long long[::1] members, const long long[::1] times, long long usual, object of_day, long long[::1] out)

@cython.locals(n=Py_ssize_t, rows=Py_ssize_t, row=Py_ssize_t, first=Py_ssize_t, end=Py_ssize_t)
cpdef void fill_keys(
    const unsigned long long[:, ::1] lines, const long long[::1] first_row, const double[:] value, const double[:] net,
    const double[:] gross, const long long[::1] pressing, const long long[::1] times, unsigned long long[:, ::1] out,
)

@cython.locals(cents=cython.double, grams=cython.double, press=cython.longlong, item=Py_ssize_t)
cdef void _amounts(
    Py_ssize_t row, Py_ssize_t first, Py_ssize_t end, const double[:] value, const double[:] net, const double[:] gross,
    const long long[::1] pressing, unsigned long long[:, ::1] out,
) noexcept nogil

cdef double _whole(double amount) noexcept nogil

@cython.locals(
    shipper=cython.ulonglong, receiver=cython.ulonglong, building=cython.ulonglong, place=cython.ulonglong,
    country=cython.ulonglong, channel=cython.ulonglong, export=cython.ulonglong, consignor=cython.ulonglong,
    consignee=cython.ulonglong, address=cython.ulonglong, house=cython.ulonglong, lane=cython.ulonglong,
    identity=cython.ulonglong, contact=cython.ulonglong, number=Py_ssize_t,
)
cdef void _entities(Py_ssize_t row, const unsigned long long[:, ::1] lines, unsigned long long[:, ::1] out) noexcept nogil

@cython.locals(word=cython.ulonglong)
cdef unsigned long long _word(unsigned long long number) noexcept nogil

@cython.locals(mixed=cython.ulonglong)
cdef unsigned long long _entity(
    unsigned long long kind, unsigned long long first, unsigned long long second, unsigned long long third,
    unsigned long long fourth,
) noexcept nogil

@cython.locals(mixed=cython.ulonglong)
cdef unsigned long long _link(
    unsigned long long kind, unsigned long long first, unsigned long long second, unsigned long long third
) noexcept nogil

cdef unsigned long long _mixed(unsigned long long word, unsigned long long part) noexcept nogil
