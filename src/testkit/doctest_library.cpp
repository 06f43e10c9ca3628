// doctest without a main(), for what has its own and links the test kit (the micro benchmarks).
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
