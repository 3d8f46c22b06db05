cimport cython
from libc.math cimport log

@cython.locals(count=cython.longlong, row=Py_ssize_t)
cpdef long long group(const int[::1] ids, long long[::1] shipment, long long[::1] first_row)

@cython.locals(
    differing=list, index=Py_ssize_t, n=Py_ssize_t, n_shipments=Py_ssize_t, column=Py_ssize_t, shipment=Py_ssize_t, row=Py_ssize_t,
    end=Py_ssize_t, first=int, k=Py_ssize_t, code=int,
)
cpdef list first_wins(int[:, ::1] codes, list columns, const long long[::1] first_row)

@cython.locals(n=Py_ssize_t, k=Py_ssize_t, row=Py_ssize_t, numbers=list, column=Py_ssize_t, code=int, missing=double)
cpdef object gather_numbers(list values, const int[:, ::1] codes, list columns, double[:, ::1] out)

@cython.locals(n=Py_ssize_t, k=Py_ssize_t, row=Py_ssize_t, times=list, column=Py_ssize_t, code=int, missing=cython.longlong)
cpdef object gather_times(list values, const int[:, ::1] codes, list columns, long long[:, ::1] out)

@cython.locals(without_id=list, blank=list, row=Py_ssize_t, column=Py_ssize_t, filled=bint)
cpdef tuple unreadable(const int[::1] ids, const int[:, ::1] codes, list fields)

@cython.locals(names=list, name=str, column=tuple, text=str)
cpdef list overlong(dict values, frozenset of_goods, Py_ssize_t limit, Py_ssize_t limit_of_goods)

@cython.locals(row=Py_ssize_t)
cpdef bint is_missing_somewhere(const int[::1] codes)

@cython.locals(
    implausible=list, shipment=Py_ssize_t, seconds=cython.longlong, missing=cython.longlong, earliest=cython.longlong,
    latest=cython.longlong,
)
cpdef list fill_times(
    const long long[::1] times, const long long[::1] first_row, tuple window, long long replacement, bint carry,
    long long[::1] declared,
)

@cython.locals(
    cache=dict, without_rate=cython.longlong, last=cython.longlong, key=cython.longlong, rate=double, row=Py_ssize_t,
    k=Py_ssize_t, code=int, cached=object,
)
cpdef long long usd_rates(
    const int[::1] currency, const long long[::1] shipment, const long long[::1] declared, object rate_of,
    const double[:, ::1] numbers, list amounts, double[::1] out,
)

@cython.locals(
    days=cython.longlong, era=cython.longlong, of_era=cython.longlong, year=cython.longlong, month=cython.longlong,
)
cdef long long _month(long long seconds)

@cython.locals(
    usd="const double[:]", freight="const double[:]", net_mass="const double[:]", gross_mass="const double[:]",
    quantity="const double[:]", packages="const double[:]", n=Py_ssize_t,
    shipments=Py_ssize_t, shipment=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t, row=Py_ssize_t, items=Py_ssize_t,
    cents="long long", grams="long long", value=double, net=double, item=double,
)
cpdef fill_amounts(
    tuple declared, const long long[::1] first_row, double[:, ::1] amounts, double[::1] mass, double[::1] total
)
cdef double _log(double amount) noexcept nogil
cdef long long _whole(double amount) noexcept nogil
