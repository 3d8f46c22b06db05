cimport cython

cdef Py_ssize_t SHIPPER, SHIPPER_COUNTRY, RECEIVER, CITY, COUNTRY, EXPORT, CHANNEL, CONTACTS
cdef Py_ssize_t POSTCODE, REFERENCE, BUILDING, UNIT
cdef Py_ssize_t TIME, REFERENCE_OUT, IDENTITY, CENTS, GRAMS, PRESS, LIMIT, SHIPPER_OUT, RECEIVER_OUT
cdef Py_ssize_t CONSIGNOR, CONSIGNEE, ADDRESS, PAIR, LANE, OWN_LANE, HOUSE, OCCUPANT, OWN_ADDRESS, CONTACTS_OUT
cdef unsigned long long WORD, START, FIRST_FACTOR, SECOND_FACTOR
cdef double MOST, ROUNDING
cdef long long DAYS_BEFORE
cdef Py_ssize_t SOME
cdef object HASH

@cython.locals(columns=list, parts=int, line=Py_ssize_t)
cpdef hash_texts(list groups, const long long[::1] rows, unsigned long long[:, ::1] out)

@cython.locals(texts=list, values=list, code=Py_ssize_t, text=bytes)
cdef Py_ssize_t _hash_row(list columns, object plain, long long row, unsigned long long[:, ::1] out, Py_ssize_t line) except -1

@cython.locals(n=Py_ssize_t, texts=list, start=Py_ssize_t, part=int, begin=Py_ssize_t)
cdef Py_ssize_t _hash_columns(
    list columns, object plain, int parts, const long long[::1] rows, unsigned long long[:, ::1] out, Py_ssize_t line
) except -1

@cython.locals(texts=list, row=Py_ssize_t, code=Py_ssize_t)
cdef list _texts_at(const int[:] codes, const long long[::1] rows, list values)

@cython.locals(n=Py_ssize_t, at=Py_ssize_t)
cdef _hash_some(list hashed, int parts, unsigned long long[:, ::1] known, Py_ssize_t start)

@cython.locals(digest=bytes, number='unsigned long long', at=int)
cdef unsigned long long _hash(bytes text) except? 0

@cython.locals(row=Py_ssize_t, code=Py_ssize_t)
cdef void _fill_line(
    const int[:] codes, const long long[::1] rows, const unsigned long long[::1] known, unsigned long long[:, ::1] out,
    Py_ssize_t line,
) noexcept

cpdef numbers_of(object column, object function, const long long[::1] rows, long long[::1] out)

@cython.locals(n=Py_ssize_t, known=list, row=Py_ssize_t, code=Py_ssize_t)
cdef _number_rows(const int[:] codes, list values, object function, const long long[::1] rows, long long[::1] out)

@cython.locals(row=Py_ssize_t, before=cython.longlong, limit=cython.longlong, day=cython.longlong)
cpdef fill_limits(const long long[::1] members, const long long[::1] times, long long usual, object of_day, long long[::1] out)

@cython.locals(n=Py_ssize_t, rows=Py_ssize_t, row=Py_ssize_t, first=Py_ssize_t, end=Py_ssize_t)
cpdef void fill_keys(
    const unsigned long long[:, ::1] lines, const long long[::1] first_row, const double[:] value, const double[:] net,
    const double[:] gross, const int[::1] pressing, const long long[::1] times, unsigned long long[:, ::1] out,
)

@cython.locals(cents=cython.double, grams=cython.double, press=cython.longlong, item=Py_ssize_t)
cdef void _amounts(
    Py_ssize_t row, Py_ssize_t first, Py_ssize_t end, const double[:] value, const double[:] net, const double[:] gross,
    const int[::1] pressing, unsigned long long[:, ::1] out,
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
