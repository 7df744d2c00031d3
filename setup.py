"""The codec's part in C is built where Cython and a compiler are at hand; without it Python does the same, slower."""

from setuptools import Extension, setup

setup(ext_modules=[Extension("ocs.gy._octets", ["ocs/gy/_octets.pyx"], optional=True)])
