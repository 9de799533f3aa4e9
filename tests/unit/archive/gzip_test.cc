// The gzip reader and writer, on the edges of their buffers.
#include "image/archive/gzip.h"

#include <catch2/catch.hpp>
#include <optional>

#include "tests/unit/archive/scratch.h"

namespace {

// nullopt: refused, or truncated.
std::optional<std::string> unpack(std::string_view bytes, size_t piece) {
  image::Gunzip gunzip;
  std::string out;
  for (;;) {
    const auto next = gunzip.next();
    if (!next) return std::nullopt;
    out += *next;
    if (!next->empty()) continue;
    if (bytes.empty()) break;
    gunzip.give(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  if (!gunzip.at_end()) return std::nullopt;
  return out;
}

std::string mixed(size_t size) {
  std::string text;
  uint32_t state = 1;
  while (text.size() < size) {
    state = state * 1664525 + 1013904223;
    text += state % 3 == 0 ? "the same again and again " : std::to_string(state);
  }
  text.resize(size);
  return text;
}

}  // namespace

TEST_CASE("gzip files are unpacked whatever pieces they come in") {
  const std::string text = mixed(700'000);
  for (const char* level : {"-1", "-9"}) {
    const std::string packed = gzipped(text, level);
    for (const size_t piece : {packed.size(), size_t{1}, size_t{7}, size_t{4096}, size_t{65537}}) {
      INFO(level << " " << piece);
      CHECK(unpack(packed, piece) == text);
    }
  }
  CHECK(unpack(gzipped(""), 100) == "");
  CHECK(unpack(gzipped(std::string(3'000'000, '\0')), 100) == std::string(3'000'000, '\0'));
}

TEST_CASE("members follow each other, padding after the last is passed over") {
  const std::string one = gzipped(mixed(100'000));
  const std::string two = gzipped("two");
  for (const size_t piece : {size_t{1}, size_t{2}, size_t{3}, size_t{100}, one.size() - 1, one.size(),
                             one.size() + 1, one.size() + 10, size_t{1} << 20U}) {
    INFO(piece);
    CHECK(unpack(one + two + one, piece) == mixed(100'000) + "two" + mixed(100'000));
    CHECK(unpack(two + std::string(1000, '\0'), piece) == "two");
  }
}

TEST_CASE("damaged and truncated gzip is refused at every byte") {
  const std::string packed = gzipped(mixed(2000));
  for (size_t length = 0; length < packed.size(); ++length) {
    INFO(length);
    REQUIRE_FALSE(unpack(packed.substr(0, length), 64));
  }
  size_t accepted = 0;
  for (size_t i = 10; i < packed.size(); ++i) {  // the first ten say nothing about the content
    std::string damaged = packed;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    if (unpack(damaged, 64)) ++accepted;
  }
  CHECK(accepted == 0);
}

// RFC 1952, 2.3.1.2: who does not know what a bit says must not go on.
TEST_CASE("a member with reserved flags is refused, in whatever pieces it comes") {
  const std::string plain = gzipped("two");
  for (const int bit : {0x20, 0x40, 0x80}) {
    std::string reserved = plain;
    reserved[3] = static_cast<char>(reserved[3] | bit);
    for (const size_t piece : {size_t{1}, size_t{2}, size_t{3}, size_t{4}, size_t{5}, size_t{1000}}) {
      INFO(bit << " " << piece);
      CHECK_FALSE(unpack(reserved, piece));
      CHECK_FALSE(unpack(plain + reserved, piece));
      CHECK(unpack(plain + plain, piece) == "twotwo");
    }
  }
}

TEST_CASE("what we pack, gzip and we unpack") {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{300'000}, size_t{2'000'000}}) {
    const std::string text = mixed(size);
    image::Gzip gzip;
    std::string packed;
    for (size_t done = 0; done < text.size(); done += 50'000)
      packed += *gzip.pack(std::string_view(text).substr(done, 50'000));
    packed += *gzip.finish();
    INFO(size);
    CHECK(unpack(packed, 10'000) == text);
    CHECK(run_command({"gzip", "-dc"}, packed)->out == text);
  }
}
