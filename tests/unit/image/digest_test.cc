#include "image/digest.h"

#include <array>
#include <catch2/catch.hpp>

using image::Digest;

namespace {

std::string hex(size_t count, char digit = 'a') {
  return std::string(count, digit);
}

}  // namespace

TEST_CASE("a digest is sha256 or sha512 with lower-case hex of the right length") {
  const auto digest = Digest::parse("sha256:" + hex(64));
  REQUIRE(digest);
  CHECK(digest->hex() == hex(64));
  CHECK(digest->algorithm_name() == "sha256");
  CHECK(digest->short_hex() == hex(12));
  CHECK(Digest::parse("sha512:" + hex(128)));
}

TEST_CASE("nothing else is a digest") {
  for (const auto& text :
       {std::string(), hex(64), "sha256:" + hex(63), "sha256:" + hex(65), "sha256:" + hex(64, 'A'),
        "sha512:" + hex(64), "sha256:" + hex(128), std::string("md5:../../../../etc/passwd"),
        "sha256:" + std::string(60, '.') + "/../", "sha256:" + hex(63) + std::string(1, '\0'),
        " sha256:" + hex(64), "sha384:" + hex(96)}) {
    INFO(text);
    CHECK_FALSE(Digest::parse(text));
  }
}

TEST_CASE("a digest comes from the bytes of a hash") {
  std::array<uint8_t, 32> hash = {};
  hash[0] = 0x0f;
  hash[31] = 0xe0;
  const auto digest = Digest::of_hash(hash);
  REQUIRE(digest);
  CHECK(digest->text() == "sha256:0f" + hex(60, '0') + "e0");
  CHECK_FALSE(Digest::of_hash(std::span(hash).first(20)));
}
