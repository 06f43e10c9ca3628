#include "plugins/common/receiver/reservation.h"

#include <doctest/doctest.h>

#include "testkit/test_memory.h"

using namespace tailrace;
using common::receiver::Reservation;

TEST_CASE("Reservation: what never fits is told from what does not fit now") {
  testkit::TestMemory account(100, 30);  // others have 30
  Reservation memory(account);
  CHECK(memory.grow(40));
  CHECK(account.used == 70);
  CHECK(memory.grow(40).error().code == ErrorCode::no_space);
  CHECK(memory.grow(61).error().code == ErrorCode::limit);
  CHECK(memory.bytes() == 40);
  memory.release();
  CHECK(account.used == 30);
}

TEST_CASE("Reservation: what is held beside it for the same body does not go away") {
  testkit::TestMemory account(100, 60);  // the transport's copy of a message of 60 bytes
  Reservation memory(account);
  CHECK(memory.grow(60).error().code == ErrorCode::no_space);  // others', for all that is known
  CHECK(memory.grow(60, 60).error().code == ErrorCode::limit);
  CHECK(memory.grow(40, 60));
}
