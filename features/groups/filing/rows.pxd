cimport cython

from features.table.coded cimport rows_of
from features.texts.phrases cimport numbers

@cython.locals(
    channel="const int[:]", filing="const int[:]", mode="const int[:]", channels="const int[:]", filings="const int[:]",
    modes="const int[:]", contradictions="const unsigned char[:, :]", matrix="double[:, :]", row=Py_ssize_t,
    channel_index=int, mode_index=int,
)
cpdef kind_columns(table, tuple codes, contradicts, out)

@cython.locals(
    value="const double[:]", mass="const double[:]", column="const int[:]", matrix="double[:, :]", row=Py_ssize_t,
)
cpdef missing_column(table, tuple texts, out)

@cython.locals(
    marketplace="const int[:]", package="const int[:]", channel="const int[:]", dangerous="const int[:]",
    house="const int[:]", master="const int[:]", unit="const int[:]", quantity="const double[:]",
    of_package="const int[:]", of_channel="const int[:]", of_house="const double[:]", of_master="const double[:]",
    matrix="double[:, :]", row=Py_ssize_t, kind=int,
)
cpdef state_columns(table, dict industrial, dict parcel, house_faults, master_faults, out)
