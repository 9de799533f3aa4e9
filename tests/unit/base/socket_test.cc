#include "base/socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdlib>

#include "base/file.h"
#include "base/syscalls.h"

TEST_CASE("a unix socket is found at a path of any length") {
  std::string base = "/tmp/socket-test.XXXXXX";
  REQUIRE(::mkdtemp(base.data()) != nullptr);
  for (const size_t depth : {size_t{1}, size_t{200}}) {
    const std::string directory = base + "/" + std::string(depth, 'd');
    REQUIRE(::mkdir(directory.c_str(), 0700) == 0);
    const auto dir_fd = sys::open(directory.c_str(), O_PATH | O_DIRECTORY);
    const auto listener = unix_socket(SOCK_STREAM);
    REQUIRE(listener);
    REQUIRE(bind_at(listener->get(), dir_fd->get(), "name"));
    const auto early = connect_to_path(directory + "/name");
    REQUIRE_FALSE(early);
    CHECK(early.error().error_number() == ECONNREFUSED);
    REQUIRE(::listen(listener->get(), 1) == 0);
    CHECK(connect_to_path(directory + "/name"));
    const auto missing = connect_to_path(directory + "/other");
    REQUIRE_FALSE(missing);
    CHECK(missing.error().error_number() == ENOENT);
  }
  const auto socket = unix_socket(SOCK_SEQPACKET);
  const auto long_name = connect_at(socket->get(), AT_FDCWD, std::string(120, 'n').c_str());
  REQUIRE_FALSE(long_name);
  CHECK(long_name.error().error_number() == ENAMETOOLONG);
  CHECK(remove_tree(base));
}
