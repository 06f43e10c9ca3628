// The main() of every unit test program; doctest itself is in doctest_library.cpp.
#include <doctest/doctest.h>

int main(int count, char** arguments) {
  return doctest::Context(count, arguments).run();
}
