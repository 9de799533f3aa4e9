#include "base/process.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "tests/unit/in_child.h"

TEST_CASE("a process has executed a program or has only been forked") {
  CHECK(has_executed(::getpid()).value_or(false));
  const auto child = [] {
    return std::string(has_executed(::getpid()).value_or(true) ? "executed" : "forked");
  };
  CHECK(in_child(child) == "forked");
  const pid_t gone = ::fork();
  if (gone == 0) ::_exit(0);
  CHECK(::waitpid(gone, nullptr, 0) == gone);
  CHECK(has_executed(gone).error().kind() == ErrorKind::kNotFound);
}
