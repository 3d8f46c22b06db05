cimport cython

from features.table.coded cimport Coded, rows_of

cdef object _EMPTY_HASH


cdef class ItemAmounts:
    cdef const double[:] dollars, net_kg, gross_kg
    cdef const int[::1] heading


@cython.locals(columns=list)
cpdef hash_texts(object table, tuple groups, const long long[::1] rows, unsigned long long[:, ::1] out)

@cython.locals(texts=list, column=Coded, code=Py_ssize_t, line=Py_ssize_t, text=bytes)
cdef _hash_row(list columns, object group, long long row, unsigned long long[:, ::1] out)

@cython.locals(n=Py_ssize_t, texts=list, start=Py_ssize_t, part=int, begin=Py_ssize_t, line=Py_ssize_t)
cdef _hash_columns(list columns, object group, const long long[::1] rows, unsigned long long[:, ::1] out)

@cython.locals(row=Py_ssize_t)
cpdef fill_missing(object column, object spell, const long long[::1] rows, unsigned long long[::1] line)

@cython.locals(hashes=dict, needed=list, row=Py_ssize_t, code=int, text=bytes)
cdef _fill_zeros(const int[:] codes, list values, object spell, const long long[::1] rows, unsigned long long[::1] line)

@cython.locals(texts=list, row=Py_ssize_t, code=Py_ssize_t)
cdef list _texts_at(const int[:] codes, const long long[::1] rows, list values)

@cython.locals(n=Py_ssize_t, at=Py_ssize_t)
cdef _hash_chunk(list spellings, int parts, unsigned long long[:, ::1] hashes, Py_ssize_t start)

@cython.locals(digest=bytes, number='unsigned long long', at=int)
cdef unsigned long long _hash(bytes text) except? 0

@cython.locals(row=Py_ssize_t, code=Py_ssize_t)
cdef void _fill_line(
    const int[:] codes, const long long[::1] rows, const unsigned long long[::1] hashes, unsigned long long[:, ::1] out,
    Py_ssize_t line,
) noexcept

cpdef numbers_of(Coded column, object function, const long long[::1] rows, long long[::1] out)

@cython.locals(n=Py_ssize_t, numbers=list, row=Py_ssize_t, code=Py_ssize_t)
cdef _number_rows(const int[:] codes, list values, object function, const long long[::1] rows, long long[::1] out)

@cython.locals(codes='const int[:]', values=list, view='int[::1]', numbers=list, row=Py_ssize_t, code=Py_ssize_t)
cpdef headings_of(Coded column)

@cython.locals(row=Py_ssize_t, before=cython.longlong, limit=cython.longlong, day=cython.longlong)
cpdef fill_limits(const long long[::1] members, const long long[::1] times, long long usual, object of_day, long long[::1] out)

@cython.locals(n=Py_ssize_t, rows=Py_ssize_t, row=Py_ssize_t, first=Py_ssize_t, end=Py_ssize_t, heading=int)
cpdef void fill_keys(
    const unsigned long long[:, ::1] lines, ItemAmounts items, const long long[::1] first_row, const long long[::1] times,
    unsigned long long[:, ::1] out,
)

@cython.locals(
    cents=cython.double, grams=cython.double, press=cython.longlong, leading=int, item=Py_ssize_t, heading=int,
)
cdef int _fill_amounts(
    Py_ssize_t row, Py_ssize_t first, Py_ssize_t end, ItemAmounts items, unsigned long long[:, ::1] out
) noexcept nogil

@cython.locals(chapter=int)
cdef bint _is_chemistry(int heading) noexcept nogil
cdef bint _leads(int heading, int leading) noexcept nogil

@cython.locals(rounded=cython.double)
cdef double _whole(double amount) noexcept nogil

@cython.locals(
    consignor_name=cython.ulonglong, consignee_name=cython.ulonglong, building_name=cython.ulonglong, place=cython.ulonglong,
    country=cython.ulonglong, channel=cython.ulonglong, export=cython.ulonglong, consignor=cython.ulonglong,
    consignee=cython.ulonglong, address=cython.ulonglong, building=cython.ulonglong, trade_lane=cython.ulonglong,
    identity=cython.ulonglong, contact=cython.ulonglong, number=Py_ssize_t,
)
cdef void _fill_entities(
    Py_ssize_t row, const unsigned long long[:, ::1] lines, unsigned long long[:, ::1] out
) noexcept nogil

@cython.locals(
    city=cython.ulonglong, country=cython.ulonglong, goods=cython.ulonglong, consignor=cython.ulonglong, pair=cython.ulonglong,
    consignor_city=cython.ulonglong, consignor_chapter=cython.ulonglong, consignor_heading=cython.ulonglong,
    pair_heading=cython.ulonglong, city_heading=cython.ulonglong,
)
cdef void _fill_goods(
    Py_ssize_t row, int heading, const unsigned long long[:, ::1] lines, unsigned long long[:, ::1] out
) noexcept nogil

@cython.locals(word=cython.ulonglong)
cdef unsigned long long _word(unsigned long long number) noexcept nogil

@cython.locals(mixed=cython.ulonglong)
cdef unsigned long long _entity_key(
    unsigned long long kind, unsigned long long first, unsigned long long second, unsigned long long third,
    unsigned long long fourth,
) noexcept nogil

@cython.locals(mixed=cython.ulonglong)
cdef unsigned long long _link_key(
    unsigned long long kind, unsigned long long first, unsigned long long second, unsigned long long third
) noexcept nogil

cdef unsigned long long _mixed(unsigned long long word, unsigned long long part) noexcept nogil
