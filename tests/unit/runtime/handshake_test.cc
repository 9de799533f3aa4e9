// The last words of a side that ends are heard, whatever it left unread.
#include "runtime/handshake.h"

#include <catch2/catch.hpp>

using runtime::Message;

TEST_CASE("a failure is heard from a side that ended without reading what was sent to it") {
  auto ends = runtime::open_handshake();
  REQUIRE(ends);
  auto& [ours, theirs] = *ends;
  REQUIRE(runtime::send_message(ours.get(), Message::kStart));
  REQUIRE(runtime::send_failure(theirs.get(), 7, not_found("no such program")));
  theirs.reset();
  const auto failed = runtime::receive_message(ours.get());
  REQUIRE(failed);
  CHECK(failed->message == Message::kFailed);
  CHECK(failed->step == 7);
  const auto end = runtime::receive_message(ours.get());
  REQUIRE(end);
  CHECK(end->message == Message::kEndOfFile);
}

TEST_CASE("a side that has failed can't be told anything, but its failure is heard") {
  auto ends = runtime::open_handshake();
  REQUIRE(ends);
  auto& [ours, theirs] = *ends;
  REQUIRE(runtime::send_failure(theirs.get(), 7, not_found("no such program")));
  theirs.reset();
  CHECK_FALSE(runtime::send_message(ours.get(), Message::kStart));
  const auto failed = runtime::receive_message(ours.get());
  REQUIRE(failed);
  CHECK(failed->message == Message::kFailed);
}
