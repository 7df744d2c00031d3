# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Reading and writing in C, where a compiler was at hand: the same octets, the same messages, the same errors.

`ocs.gy.shapes.CompiledReader` and `ocs.gy.writing.compiled` are the twins in Python; tests hold each pair to the same
answers. Nothing here knows any AVP: all of it comes from plans and layouts.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_DecodeUTF8
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from ocs.gy.avp import FLAG_MANDATORY, FLAG_VENDOR, address_octets, header, pad, read_address, unix_seconds, wire_seconds
from ocs.gy.layout import Kind
from ocs.gy.messages import FailedAvp
from ocs.gy.plans import Group

cdef extern from "Python.h":
    object PyObject_Vectorcall(object callable, PyObject* const* args, size_t nargs, object names)
    ctypedef struct PyObject:
        pass

cdef extern from *:
    """
    static PyObject **tuple_items(PyObject *tuple) { return ((PyTupleObject *)tuple)->ob_item; }
    """
    PyObject** tuple_items(object items)

cdef enum:
    UNSIGNED32 = 0
    UNSIGNED64 = 1
    INTEGER32 = 2
    INTEGER64 = 3
    TIME = 4
    TEXT = 5
    OCTETS = 6
    ADDRESS = 7
    ENUMERATED = 8
    OPAQUE = 9
    _GROUP = 10
    _SEVERAL = 11

_CODES = {
    Kind.UNSIGNED32: UNSIGNED32,
    Kind.UNSIGNED64: UNSIGNED64,
    Kind.INTEGER32: INTEGER32,
    Kind.INTEGER64: INTEGER64,
    Kind.TIME: TIME,
    Kind.TEXT: TEXT,
    Kind.IDENTITY: TEXT,
    Kind.OCTETS: OCTETS,
    Kind.ADDRESS: ADDRESS,
    Kind.ENUMERATED: ENUMERATED,
    Kind.OPAQUE: OPAQUE,
}

cdef struct Place:
    int what
    Py_ssize_t start
    Py_ssize_t octets


cdef inline uint32_t _u32(const unsigned char* at) noexcept:
    return (<uint32_t>at[0] << 24) | (<uint32_t>at[1] << 16) | (<uint32_t>at[2] << 8) | at[3]


cdef inline uint64_t _u64(const unsigned char* at) noexcept:
    return (<uint64_t>_u32(at) << 32) | _u32(at + 4)


cdef class _Part:
    """What becomes an argument of a record, or an item of a tuple: a value, a record of its own, or several."""

    cdef Place place
    cdef dict members
    cdef _Record record
    cdef list several

    cdef object take(self, const unsigned char* message):
        cdef const unsigned char* at = message + self.place.start
        cdef int what = self.place.what
        cdef tuple items
        cdef Py_ssize_t number
        if what == UNSIGNED32:
            return _u32(at)
        if what == TEXT:
            return PyUnicode_DecodeUTF8(<const char*>at, self.place.octets, NULL)
        if what == ENUMERATED:
            return self.members[_u32(at)]
        if what == _GROUP:
            return self.record.take(message)
        if what == UNSIGNED64:
            return _u64(at)
        if what == OCTETS:
            return PyBytes_FromStringAndSize(<const char*>at, self.place.octets)
        if what == ADDRESS:
            return read_address(PyBytes_FromStringAndSize(<const char*>at, self.place.octets))
        if what == _SEVERAL:
            items = PyTuple_New(len(self.several))
            for number in range(len(self.several)):
                item = (<_Part>self.several[number]).take(message)
                Py_INCREF(item)
                PyTuple_SET_ITEM(items, number, item)
            return items
        if what == TIME:
            return unix_seconds(_u32(at))
        if what == INTEGER32:
            return <int32_t>_u32(at)
        if what == INTEGER64:
            return <int64_t>_u64(at)
        return FailedAvp(octets=pad(PyBytes_FromStringAndSize(<const char*>at, self.place.octets)))


cdef class _Record:
    """A record and the parts that it is made of."""

    cdef object kind
    cdef tuple names
    cdef list parts

    cdef object take(self, const unsigned char* message):
        cdef Py_ssize_t number, count = len(self.parts)
        cdef tuple arguments = PyTuple_New(count)
        for number in range(count):
            argument = (<_Part>self.parts[number]).take(message)
            Py_INCREF(argument)
            PyTuple_SET_ITEM(arguments, number, argument)
        return PyObject_Vectorcall(self.kind, tuple_items(arguments), 0, self.names)


cdef _Part _part(planned):
    cdef _Part part = _Part()
    if isinstance(planned, Group):
        part.place = Place(_GROUP, 0, 0)
        part.record = _record(planned)
        return part
    part.place = Place(_CODES[planned.kind], planned.start, planned.stop - planned.start)
    part.members = {int.from_bytes(octets, "big"): member for octets, member in planned.members.items()}
    return part


cdef _Record _record(group):
    cdef _Record record = _Record()
    cdef _Part part
    record.kind = group.record
    record.names = tuple([name for name, _, _ in group.fields])
    record.parts = []
    for _, repeated, planned in group.fields:
        if repeated:
            part = _Part()
            part.place = Place(_SEVERAL, 0, 0)
            part.several = [_part(one) for one in planned]
        else:
            part = _part(planned[0])
        record.parts.append(part)
    return record


cdef class FastReader:
    """See `ocs.gy.plans.Reader`."""

    cdef bytes _sample
    cdef Py_ssize_t* _headers
    cdef Py_ssize_t _count
    cdef _Record _message
    cdef list _proxy_info

    def __cinit__(self, plan):
        cdef Py_ssize_t number
        self._sample = plan.octets
        self._count = len(plan.headers)
        self._headers = <Py_ssize_t*>PyMem_Malloc(2 * self._count * sizeof(Py_ssize_t))
        if self._headers is NULL:
            raise MemoryError
        for number, (start, stop) in enumerate(plan.headers):
            self._headers[2 * number] = start
            self._headers[2 * number + 1] = stop - start
        self._message = _record(plan.message)
        self._proxy_info = [(start, stop) for start, stop in plan.proxy_info]

    def __dealloc__(self):
        PyMem_Free(self._headers)

    def read(self, bytes octets not None):
        """See `ocs.gy.plans.Reader`."""
        cdef const unsigned char* message = <const unsigned char*>PyBytes_AS_STRING(octets)
        cdef const unsigned char* sample = <const unsigned char*>PyBytes_AS_STRING(self._sample)
        cdef Py_ssize_t number, start
        if PyBytes_GET_SIZE(octets) != PyBytes_GET_SIZE(self._sample):
            return None
        for number in range(self._count):
            start = self._headers[2 * number]
            if memcmp(message + start, sample + start, self._headers[2 * number + 1]) != 0:
                return None
        return self._message.take(message), tuple([octets[start:stop] for start, stop in self._proxy_info])


# --- writing ------------------------------------------------------------------------------------------------------

cdef struct Buffer:
    unsigned char* octets
    Py_ssize_t used
    Py_ssize_t room


cdef int _make_room(Buffer* out, Py_ssize_t octets) except -1:
    cdef unsigned char* larger
    if out.used + octets > out.room:
        larger = <unsigned char*>PyMem_Realloc(out.octets, 2 * (out.used + octets))
        if larger is NULL:
            raise MemoryError
        out.octets = larger
        out.room = 2 * (out.used + octets)
    return 0


cdef inline void _put32(unsigned char* at, uint32_t value) noexcept:
    at[0] = <unsigned char>(value >> 24)
    at[1] = <unsigned char>(value >> 16)
    at[2] = <unsigned char>(value >> 8)
    at[3] = <unsigned char>value


cdef class _Avp:
    """A field of a record: its AVP's header, which its value takes place behind."""

    cdef str name
    cdef int what
    cdef bint required
    cdef bint repeated
    cdef dict members
    cdef FastWriter group
    cdef bytes head

    def __init__(self, field):
        avp = field.avp
        self.name = field.name
        self.what = _GROUP if field.layout is not None else _CODES[field.kind]
        self.required = field.required
        self.repeated = field.repeated
        self.members = {member: octets for octets, member in field.members.items()}
        self.group = None if field.layout is None else FastWriter(field.layout)
        self.head = header(
            avp.code, FLAG_MANDATORY * avp.mandatory | FLAG_VENDOR * bool(avp.vendor), avp.vendor or None, 0
        )

    cdef int put(self, Buffer* out, object value) except -1:
        cdef Py_ssize_t start = out.used, head = PyBytes_GET_SIZE(self.head), size = 0
        cdef const char* payload = NULL
        cdef int what = self.what
        cdef uint64_t unsigned = 0
        cdef int64_t signed = 0
        cdef bytes octets
        cdef unsigned char* at
        if what == UNSIGNED32 or what == UNSIGNED64:
            unsigned = value
            size = 4 if what == UNSIGNED32 else 8
            if what == UNSIGNED32 and unsigned > 0xFFFFFFFF:
                raise ValueError("more than 32 bits hold")
        elif what == TEXT:
            payload = PyUnicode_AsUTF8AndSize(value, &size)
        elif what == INTEGER32 or what == INTEGER64:
            signed = value
            size = 4 if what == INTEGER32 else 8
            if what == INTEGER32 and not -0x80000000 <= signed <= 0x7FFFFFFF:
                raise ValueError("more than 32 bits hold")
            unsigned = <uint64_t>signed
        elif what == TIME:
            unsigned = wire_seconds(value)
            size = 4
        elif what != _GROUP:
            if what == ENUMERATED:
                octets = self.members[value]
            elif what == ADDRESS:
                octets = address_octets(value)
            else:
                octets = value.octets if what == OPAQUE else value
                if octets is None:
                    raise TypeError("octets are missing")
            payload = PyBytes_AS_STRING(octets)
            size = PyBytes_GET_SIZE(octets)
        _make_room(out, head + size + 3)
        memcpy(out.octets + start, PyBytes_AS_STRING(self.head), head)
        out.used += head
        if what == _GROUP:
            self.group.put(out, value)
            size = out.used - start - head
        else:
            at = out.octets + out.used
            if payload is not NULL:
                memcpy(at, payload, size)
            else:
                if size == 8:
                    _put32(at, <uint32_t>(unsigned >> 32))
                    at += 4
                _put32(at, <uint32_t>unsigned)
            out.used += size
            while out.used & 3:
                out.octets[out.used] = 0
                out.used += 1
        at = out.octets + start + 4
        size += head
        at[1] = <unsigned char>(size >> 16)
        at[2] = <unsigned char>(size >> 8)
        at[3] = <unsigned char>size
        return 0


cdef class FastWriter:
    """See `ocs.gy.writing.Write`."""

    cdef list _avps

    def __init__(self, layout):
        self._avps = [_Avp(field) for field in layout.fields]

    def __call__(self, record):
        """The AVPs of a record, each padded."""
        cdef Buffer out = Buffer(NULL, 0, 0)
        try:
            _make_room(&out, 256)
            self.put(&out, record)
            return PyBytes_FromStringAndSize(<const char*>out.octets, out.used)
        except OverflowError as error:
            raise ValueError(str(error)) from None
        finally:
            PyMem_Free(out.octets)

    cdef int put(self, Buffer* out, object record) except -1:
        cdef Py_ssize_t number
        cdef _Avp avp
        for number in range(len(self._avps)):
            avp = <_Avp>self._avps[number]
            value = getattr(record, avp.name)
            if avp.repeated:
                for one in value:
                    avp.put(out, one)
            elif value is not None or avp.required:
                avp.put(out, value)
        return 0
