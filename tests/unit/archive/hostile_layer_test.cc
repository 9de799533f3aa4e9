// Layers that try to get out of their directory, or to be more than this machine can take. A canary beside
// the layer is compared before and after each.
#include <catch2/catch.hpp>

#include "base/process.h"
#include "tests/unit/archive/scratch.h"
#include "tests/unit/archive/tar_writer.h"

namespace {

struct Attack {
  std::string name;
  std::vector<TarEntry> entries;
  std::string error;  // part of it; empty: accepted, but contained
};

TarEntry with_pax(TarEntry entry, const std::string& key, const std::string& value) {
  entry.pax.emplace_back(key, value);
  return entry;
}

std::vector<Attack> escapes(const std::string& canary) {
  const std::string out = "../../canary/secret";
  return {
      {"dotdot", {file(out, "owned")}, "\"..\""},
      {"dotdot inside", {directory("a/"), file("a/../../canary/secret", "owned")}, "\"..\""},
      {"dotdot directory", {directory("../")}, "\"..\""},
      {"dotdot by pax", {with_pax(file("f", "owned"), "path", out)}, "\"..\""},
      {"absolute", {file(canary + "/secret", "owned")}, ""},
      {"absolute link, then through it", {symlink_to("l", canary), file("l/secret", "owned")}, ""},
      {"relative link, then through it", {symlink_to("l", "../../canary"), file("l/secret", "owned")}, ""},
      {"link, then directory entry of it",
       {symlink_to("l", canary), directory("l/", 0777), file("l/new")},
       ""},
      {"link, then file of its name", {symlink_to("l", canary + "/secret"), file("l", "owned")}, ""},
      {"chain of links", {symlink_to("a", "b"), symlink_to("b", canary), file("a/secret", "owned")}, ""},
      {"hard link outside",
       {hard_link_to("h", canary + "/secret"), file("h", "owned")},
       "no file of this layer"},
      {"hard link upwards", {hard_link_to("h", out)}, "\"..\""},
      {"hard link through a link",
       {symlink_to("l", canary), hard_link_to("h", "l/secret")},
       "no file of this layer"},
      {"hard link to a link, then write",
       {symlink_to("l", canary + "/secret"), hard_link_to("h", "l"), file("h", "o")},
       ""},
      {"hard link to a directory", {directory("d/"), hard_link_to("h", "d")}, "no file of this layer"},
      {"hard link to itself", {file("h"), hard_link_to("h", "h")}, "itself"},
      {"hard link to nothing", {hard_link_to("h", "gone")}, "no file of this layer"},
      {"whiteout through a link", {symlink_to("l", canary), file("l/.wh.secret", "")}, ""},
      {"opaque through a link", {symlink_to("l", canary), file("l/.wh..wh..opq", "")}, ""},
      {"whiteout of ..", {file(".wh...", "")}, "not a valid whiteout"},
      {"whiteout of .", {file(".wh..", "")}, "not a valid whiteout"},
      {"whiteout of nothing", {file(".wh.", "")}, "not a valid whiteout"},
      {"whiteout in a path", {file(".wh.a/b", "")}, "not a valid whiteout"},
      {"whiteout as a directory", {directory(".wh.a/")}, "is a directory"},
      {"whiteout with dotdot", {file("../../canary/.wh.secret", "")}, "\"..\""},
      {"the root as a link", {symlink_to("./", canary), file("secret", "owned")}, "must be a directory"},
      {"the root as a link by slash", {symlink_to("/", canary)}, "must be a directory"},
      {"the root as a file", {file(".", "owned")}, "must be a directory"},
      {"a file as a parent", {file("f"), file("f/secret")}, "is a file"},
  };
}

}  // namespace

TEST_CASE("no layer reaches out of its directory") {
  Scratch scratch;
  const std::string before = scratch.canary_state();
  for (const auto& attack : escapes(scratch.canary())) {
    INFO(attack.name);
    const auto unpacked = scratch.unpack(tar_of(attack.entries));
    CHECK(scratch.canary_state() == before);
    CHECK(unpacked.has_value() == attack.error.empty());
    if (!unpacked) CHECK_THAT(unpacked.error().text(), Catch::Contains(attack.error));
  }
}

TEST_CASE("a link in the way of a path becomes a directory of the layer") {
  Scratch scratch;
  REQUIRE(scratch.unpack(tar_of({symlink_to("l", scratch.canary()), file("l/secret", "inside")})));
  CHECK(S_ISDIR(stat_of(scratch.layer() + "/l").st_mode));
  CHECK(content_of(scratch.layer() + "/l/secret") == "inside");
}

TEST_CASE("entries that no file can be are refused and named") {
  auto minus_one = file("f");
  minus_one.uid = 4294967295;
  auto negative = file("f");
  negative.pax = {{"uid", "-5"}};
  auto late = file("f");
  late.mtime = int64_t{1} << 60;
  auto old = file("old");
  old.mtime = -1;
  const std::vector<Attack> attacks = {
      {"whiteout device", {{.name = "f", .type = '3'}}, "0:0"},
      {"owner -1", {minus_one}, "owner"},
      {"time", {late}, "time"},
      {"before 1970", {old}, ""},
      {"empty link", {symlink_to("l", "")}, "link to nothing"},
      {"component of 256", {file(std::string(256, 'n'))}, "256 bytes"},
      {"path of 5000", {file(std::string(2500, 'n') + "/" + std::string(2500, 'm'))}, "longer than any path"},
      {"attributes", {with_pax(file("f"), "SCHILY.xattr.user.big", std::string(70'000, 'x'))}, "attributes"},
  };
  for (const auto& attack : attacks) {
    INFO(attack.name);
    Scratch scratch;
    const auto unpacked = scratch.unpack(tar_of(attack.entries));
    CHECK(unpacked.has_value() == attack.error.empty());
    if (!unpacked) CHECK_THAT(unpacked.error().text(), Catch::Contains(attack.error));
  }
}

TEST_CASE("depth is limited", "[slow]") {
  std::string name;
  for (int i = 0; i < 1500; ++i)
    name += "d/";
  Scratch scratch;
  const auto unpacked = scratch.unpack(tar_of({file(name + "f")}));
  REQUIRE_FALSE(unpacked);
  CHECK_THAT(unpacked.error().text(), Catch::Contains("directories deep"));
  CHECK(scratch.unpack(tar_of({file(name.substr(0, 2000) + "f")})));  // 1000 directories
}

TEST_CASE("what is no tar, or not whole, is refused") {
  Scratch scratch;
  const std::string tar = tar_of({file("f", std::string(5000, 'c')), file("g")});
  auto huge = file("f");
  huge.claimed_size = uint64_t{1} << 60;
  auto longer = file("f");
  longer.claimed_size = 100'000;
  std::string flipped = tar;
  flipped[30] = 'Z';  // the header's checksum is wrong now
  const auto gzip = run_command({"gzip", "-c"}, tar);
  REQUIRE(gzip);
  std::string damaged = gzip->out;
  damaged[damaged.size() / 2] = static_cast<char>(~damaged[damaged.size() / 2]);
  CHECK_FALSE(scratch.unpack("this is no tar at all, whatever its name says" + std::string(2000, '.')));
  CHECK_FALSE(scratch.unpack(tar.substr(0, 3000)));
  CHECK_FALSE(scratch.unpack(tar.substr(0, 600)));
  CHECK_FALSE(scratch.unpack(tar_of({longer})));
  CHECK_FALSE(scratch.unpack(flipped));
  CHECK_FALSE(scratch.unpack(damaged));
  CHECK_FALSE(scratch.unpack(gzip->out.substr(0, gzip->out.size() / 2)));
  const auto too_big = scratch.unpack(tar_of({huge}));
  REQUIRE_FALSE(too_big);
  CHECK_THAT(too_big.error().text(), Catch::Contains("--max-bytes"));
}

TEST_CASE("formats that are no tar are not read") {
  Scratch scratch;
  write_test_file(scratch.path() + "/f", "content");
  const std::vector<std::vector<std::string>> commands = {
      {"bsdtar", "-cf", "-", "--format=newc", "-C", scratch.path(), "f"},
      {"bsdtar", "-cf", "-", "--format=zip", "-C", scratch.path(), "f"},
      {"bsdtar", "-cf", "-", "--format=7zip", "-C", scratch.path(), "f"},
      {"bsdtar", "-cf", "-", "--format=xar", "-C", scratch.path(), "f"},
      {"bsdtar", "-cf", "-", "--format=mtree", "-C", scratch.path(), "f"},
  };
  for (const auto& command : commands) {
    const auto packed = run_command(command);
    REQUIRE(packed);
    if (packed->status.shell_code() != 0) continue;  // bsdtar is not installed here, or can't write that
    INFO(command[3]);
    CHECK_FALSE(scratch.unpack(packed->out));
  }
}

TEST_CASE("bombs are stopped by limits before they fill the disk", "[slow]") {
  Scratch scratch;
  const auto sparse = scratch.unpack(sparse_entry("bomb", uint64_t{1} << 50) + tar_of({}));
  REQUIRE_FALSE(sparse);
  CHECK_THAT(sparse.error().text(), Catch::Contains("--max-bytes"));
  CHECK(stat_of(scratch.layer() + "/bomb").st_mode == 0);

  const auto zeros = run_command({"gzip", "-c"}, tar_of({file("zeros", std::string(32U << 20U, '\0'))}));
  REQUIRE(zeros);
  image::Limits ratio;
  ratio.ratio_free_bytes = 1U << 20U;
  const auto inflated = scratch.unpack(zeros->out, ratio);
  REQUIRE_FALSE(inflated);
  CHECK_THAT(inflated.error().text(), Catch::Contains("--max-ratio"));
  image::Limits bytes;
  bytes.max_bytes = 10U << 20U;
  const auto large = scratch.unpack(zeros->out, bytes);
  REQUIRE_FALSE(large);
  CHECK_THAT(large.error().text(), Catch::Contains("--max-bytes"));
  CHECK(scratch.unpack(zeros->out));

  image::Limits entries;
  entries.max_entries = 100;
  std::vector<TarEntry> many;
  for (int i = 0; i < 101; ++i)
    many.push_back(file("f" + std::to_string(i), ""));
  const auto crowd = scratch.unpack(tar_of(many), entries);
  REQUIRE_FALSE(crowd);
  CHECK_THAT(crowd.error().text(), Catch::Contains("100 entries"));
}
