cimport cython

cdef double _NAN, _LARGEST, _ROUNDING, _FURTHEST
cdef int _VALUE, _MASS, _UNITS, _NET, _GROSS, _FREIGHT, _TOTAL, _PACKAGES

@cython.locals(
    usd="const double[:]", freight="const double[:]", net_mass="const double[:]", gross_mass="const double[:]",
    quantity="const double[:]", packages="const double[:]", first_row="const long long[:]", n=Py_ssize_t,
    amounts="double[:, ::1]", masses="double[::1]", totals="double[::1]", shipments=Py_ssize_t, shipment=Py_ssize_t,
    start=Py_ssize_t, end=Py_ssize_t, row=Py_ssize_t, items=Py_ssize_t, cents="long long", grams="long long",
    value=double, net=double, item=double,
)
cpdef tuple gather(table)
cdef long long _whole(double amount) noexcept nogil

@cython.locals(
    usd="const double[:]", declared="const double[:]", first_row="const long long[:]",
    moments="const long long[:]", n=Py_ssize_t, log="const double[:, :]", total="const double[:]", row_of="const int[:]",
    typical="const double[:, :]", starts="const long long[:]", rates="const double[:]", matrix="double[:, :]",
    shipments=Py_ssize_t, shipment=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t, row=Py_ssize_t,
    at=Py_ssize_t, rate=double, per_package=double, value=double, mass=double, density=double, whole=double, euros=double,
    amount=double,
)
cpdef value_columns(table, logs, totals, usual_of, usual, month_starts, month_rates, out)
cdef double _roundness(double amount) noexcept nogil
@cython.locals(distance=double)
cdef double _distance(double value, double median, double spread) noexcept nogil
@cython.locals(low=Py_ssize_t, high=Py_ssize_t, middle=Py_ssize_t)
cdef double _rate(const long long[:] starts, const double[:] rates, long long moment) noexcept nogil
