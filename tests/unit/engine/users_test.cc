#include "engine/users.h"

#include <catch2/catch.hpp>

using engine::AccountFiles;
using engine::find_user;

namespace {

const AccountFiles kFiles = {
    "root:x:0:0:root:/root:/bin/sh\n"
    "# comment\n"
    "short:line\n"
    "web:x:33:34:web:/srv/web:/bin/false\n"
    "12:x:77:77::/:/bin/sh\n"
    "big:x:4294967296:0::/:/bin/sh\n"
    "minus:x:-1:0::/:/bin/sh\n"
    "norm:x:5:x5::/:/bin/sh\n",
    "root:x:0:\n"
    "wheel:x:10:root\n"
    "web:x:34:\n"
    "log:x:35:web,other\n"
    "bad:x:99999999999:evil\n"};

std::string refusal(const std::string& user) {
  const auto found = find_user(user, {}, kFiles);
  return found ? "accepted as " + std::to_string(found->uid) : found.error().text();
}

}  // namespace

TEST_CASE("no user is root, with root's groups and home") {
  const auto user = find_user("", {}, kFiles);
  REQUIRE(user);
  CHECK(user->uid == 0);
  CHECK(user->home == "/root");
  CHECK(user->additional_gids == std::vector<uint32_t>{0, 10});
}

TEST_CASE("a name brings its group and supplementary groups") {
  const auto user = find_user("web", {"10", "log"}, kFiles);
  REQUIRE(user);
  CHECK(user->uid == 33);
  CHECK(user->gid == 34);
  CHECK(user->home == "/srv/web");
  CHECK(user->additional_gids == std::vector<uint32_t>{34, 35, 10});
}

TEST_CASE("a given group replaces the user's groups") {
  const auto user = find_user("web:wheel", {}, kFiles);
  REQUIRE(user);
  CHECK(user->gid == 10);
  CHECK(user->additional_gids == std::vector<uint32_t>{10});
  CHECK(find_user("web:7", {}, kFiles)->gid == 7);
}

TEST_CASE("digits are a number, never a name") {
  const auto user = find_user("12", {}, kFiles);
  REQUIRE(user);
  CHECK(user->uid == 12);
  CHECK(user->gid == 0);
  CHECK(user->home == "/");
  CHECK(find_user("1000:1000", {}, AccountFiles{})->uid == 1000);
}

TEST_CASE("what does not exist or fit is refused") {
  CHECK(refusal("nobody") == "unable to find user nobody: no matching entries in passwd file");
  CHECK(refusal("web:nogroup") == "unable to find group nogroup: no matching entries in group file");
  CHECK(refusal("-1") == "unable to find user -1: no matching entries in passwd file");
  CHECK(refusal("0x10") == "unable to find user 0x10: no matching entries in passwd file");
  for (const char* user : {"2147483648", "4294967296", "99999999999999999999999", "big", "minus", "norm",
                           "0:2147483648", "1:-1", "1:4294967296", "0:bad"}) {
    INFO(user);
    CHECK_FALSE(refusal(user).starts_with("accepted"));
  }
  CHECK(find_user("2147483647", {}, kFiles));
}
