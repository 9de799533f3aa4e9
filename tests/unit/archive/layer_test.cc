// What a layer becomes on disk, through the whole way: feeder, sandbox, libarchive, writer.
#include <catch2/catch.hpp>

#include "base/process.h"
#include "tests/unit/archive/scratch.h"
#include "tests/unit/archive/tar_writer.h"

namespace {

constexpr mode_t kPermissions = 07777;

mode_t mode_of(const std::string& path) {
  return stat_of(path).st_mode & kPermissions;
}

}  // namespace

TEST_CASE("files, directories, links and nodes arrive with their metadata") {
  Scratch scratch;
  auto owned = file("etc/shadow", "root:*", 0640);
  owned.uid = 7;
  owned.gid = 42;
  auto device = TarEntry{.name = "dev/loop0", .type = '4', .mode = 0660, .major = 7, .minor = 1};
  auto null = TarEntry{.name = "dev/null", .type = '3', .mode = 0666, .major = 1, .minor = 3};
  auto fifo = TarEntry{.name = "run/fifo", .type = '6', .mode = 0600};
  auto root = directory("./", 0711);
  root.mtime = 5;
  const auto unpacked = scratch.unpack(
      tar_of({root, directory("etc/", 0750), owned, symlink_to("etc/mtab", "../proc/mounts"), device, null,
              fifo, file("./bin/su", "#!", 04755), hard_link_to("bin/su2", "./bin/su")}));
  REQUIRE(unpacked);
  CHECK(unpacked->answer.size_bytes == 8);
  const std::string fs = scratch.layer();
  CHECK(mode_of(fs) == 0711);
  CHECK(stat_of(fs).st_mtim.tv_sec == 5);
  CHECK(mode_of(fs + "/etc") == 0750);
  CHECK(stat_of(fs + "/etc").st_mtim.tv_sec == 1'000'000'000);
  CHECK(content_of(fs + "/etc/shadow") == "root:*");
  CHECK(mode_of(fs + "/etc/shadow") == 0640);
  CHECK(stat_of(fs + "/etc/shadow").st_uid == 7);
  CHECK(stat_of(fs + "/etc/shadow").st_gid == 42);
  CHECK(stat_of(fs + "/etc/shadow").st_mtim.tv_sec == 1'000'000'000);
  CHECK(link_of(fs + "/etc/mtab") == "../proc/mounts");
  CHECK(S_ISBLK(stat_of(fs + "/dev/loop0").st_mode));
  CHECK(mode_of(fs + "/dev/loop0") == 0660);
  CHECK(S_ISCHR(stat_of(fs + "/dev/null").st_mode));
  CHECK(S_ISFIFO(stat_of(fs + "/run/fifo").st_mode));
  CHECK(mode_of(fs + "/bin/su") == 04755);
  CHECK(stat_of(fs + "/bin/su").st_ino == stat_of(fs + "/bin/su2").st_ino);
  CHECK(mode_of(fs + "/bin") == 0755);
}

TEST_CASE("a set-user-ID file keeps its bits for another owner and through a hard link") {
  Scratch scratch;
  auto program = file("su", "#!", 06755);
  program.uid = 9;
  auto link = hard_link_to("su2", "su");
  link.mode = 0644;
  REQUIRE(scratch.unpack(tar_of({program, link})));
  CHECK(mode_of(scratch.layer() + "/su") == 06755);
}

TEST_CASE("allowed extended attributes arrive, dangerous ones do not") {
  Scratch scratch;
  auto entry = file("f");
  // VFS_CAP_REVISION_2, cap_net_raw+ep
  const std::string capability("\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  entry.pax = {{"SCHILY.xattr.user.note", "mine"},
               {"SCHILY.xattr.security.capability", capability},
               {"SCHILY.xattr.user.overlay.opaque", "y"},
               {"SCHILY.xattr.security.selinux", "label"}};
  auto redirect = directory("d/");
  redirect.pax = {{"SCHILY.xattr.trusted.overlay.redirect", "/etc"},
                  {"SCHILY.xattr.trusted.overlay.opaque", "y"}};
  REQUIRE(scratch.unpack(tar_of({entry, redirect})));
  CHECK(xattr_of(scratch.layer() + "/f", "user.note") == "mine");
  CHECK(xattr_of(scratch.layer() + "/f", "security.capability") == capability);
  CHECK(xattr_of(scratch.layer() + "/f", "user.overlay.opaque") == "<none>");
  CHECK(xattr_of(scratch.layer() + "/f", "security.selinux") == "<none>");
  CHECK(xattr_of(scratch.layer() + "/d", "trusted.overlay.redirect") == "<none>");
  CHECK_FALSE(is_opaque(scratch.layer() + "/d"));
}

TEST_CASE("whiteouts hide what is below, entries of the same layer win in any order") {
  Scratch scratch;
  REQUIRE(scratch.unpack(tar_of({file("a"), file("b"), directory("d/"), file("d/old"), file("e/old")})));
  REQUIRE(
      scratch.unpack(tar_of({file(".wh.a", ""), file("b", "new"), file(".wh.b", ""),
                             file("d/.wh..wh..opq", ""), file("d/new"), file("e/new"), file(".wh.e", ""),
                             file("gone/.wh.x", ""), file(".wh..wh.plnk", ""), file(".wh..wh.orph/1", "")})));
  const std::string fs = scratch.layer();
  CHECK(is_whiteout(fs + "/a"));
  CHECK(content_of(fs + "/b") == "new");
  CHECK(is_opaque(fs + "/d"));
  CHECK(content_of(fs + "/d/new") == "x");
  CHECK(is_opaque(fs + "/e"));  // removed and made again in one layer
  CHECK(content_of(fs + "/e/new") == "x");
  CHECK(is_whiteout(fs + "/gone/x"));
  CHECK_FALSE(is_opaque(fs + "/gone"));
  CHECK(stat_of(fs + "/.wh..wh.plnk").st_mode == 0);
  CHECK(stat_of(fs + "/.wh..wh.orph").st_mode == 0);
}

TEST_CASE("an opaque root hides every name of the layers below") {
  Scratch scratch;
  REQUIRE(scratch.unpack(tar_of({file("a"), directory("d/"), file("keep/old")})));
  REQUIRE(scratch.unpack(tar_of({file(".wh..wh..opq", ""), file("keep/new"), file("own")})));
  const std::string fs = scratch.layer();
  CHECK(is_whiteout(fs + "/a"));
  CHECK(is_whiteout(fs + "/d"));
  CHECK(is_opaque(fs + "/keep"));
  CHECK(content_of(fs + "/own") == "x");
}

TEST_CASE("a directory that no entry describes has the owner and mode that it has below") {
  Scratch scratch;
  auto home = directory("srv/user/", 0700);
  home.uid = 1000;
  REQUIRE(scratch.unpack(tar_of({home, directory("tmp/", 01777)})));
  REQUIRE(scratch.unpack(tar_of({file("other")})));
  REQUIRE(scratch.unpack(tar_of({file("srv/user/f"), file("tmp/f"), file("fresh/f")})));
  const std::string fs = scratch.layer();
  CHECK(mode_of(fs + "/srv/user") == 0700);
  CHECK(stat_of(fs + "/srv/user").st_uid == 1000);
  CHECK(mode_of(fs + "/tmp") == 01777);
  CHECK(mode_of(fs + "/fresh") == 0755);
}

TEST_CASE("the last of several entries of one name wins, whatever their types") {
  Scratch scratch;
  REQUIRE(scratch.unpack(tar_of({file("a", "old"), file("a", "new"), file("b"), directory("b/"), file("b/in"),
                                 directory("c/"), file("c/in/deep"), file("c", "file"), directory("d/"),
                                 symlink_to("d", "a"), symlink_to("e", "a"), file("e", "own"), file("g"),
                                 symlink_to("g", "gone"), directory("d/", 0700)})));
  const std::string fs = scratch.layer();
  CHECK(content_of(fs + "/a") == "new");
  CHECK(content_of(fs + "/b/in") == "x");
  CHECK(content_of(fs + "/c") == "file");
  CHECK(mode_of(fs + "/d") == 0700);
  CHECK(content_of(fs + "/e") == "own");
  CHECK(link_of(fs + "/g") == "gone");
}

TEST_CASE("names of any bytes and of any length that a path may have") {
  Scratch scratch;
  const std::string part(200, 'n');
  const std::string deep = part + "/" + part + "/" + part + "/file";
  auto pax_name =
      TarEntry{.name = "short", .content = "pax", .pax = {{"path", "gr\xc3\xbc\xc3\x9f/\xe6\x97\xa5"}}};
  REQUIRE(scratch.unpack(
      tar_of({file(deep, "deep"), file("new\nline"), file("not\xff\xfeutf8", "raw"), pax_name})));
  CHECK(content_of(scratch.layer() + "/" + deep) == "deep");
  CHECK(content_of(scratch.layer() + "/new\nline") == "x");
  CHECK(content_of(scratch.layer() + "/not\xff\xfeutf8") == "raw");
  CHECK(content_of(scratch.layer() + "/gr\xc3\xbc\xc3\x9f/\xe6\x97\xa5") == "pax");
}

TEST_CASE("a sparse file has its size and no blocks") {
  Scratch scratch;
  REQUIRE(scratch.unpack(sparse_entry("hole", 64U << 20U) + tar_of({file("after")})));
  CHECK(stat_of(scratch.layer() + "/hole").st_size == 64 << 20);
  CHECK(stat_of(scratch.layer() + "/hole").st_blocks < 100);
  CHECK(content_of(scratch.layer() + "/after") == "x");
}

TEST_CASE("compression is told by the content") {
  const std::string tar = tar_of({file("f", "content")});
  for (const char* program : {"gzip", "zstd", "xz", "bzip2"}) {
    INFO(program);
    Scratch scratch;
    const auto packed = run_command({program, "-c"}, tar);
    REQUIRE(packed);
    const auto unpacked = scratch.unpack(packed->out);
    REQUIRE(unpacked);
    CHECK(content_of(scratch.layer() + "/f") == "content");
    Scratch plain;
    CHECK(plain.unpack(tar)->diff_id == unpacked->diff_id);
  }
}

TEST_CASE("several gzip members are one stream") {
  const std::string tar = tar_of({file("f", std::string(5000, 'a')), file("g", "end")});
  const auto first = run_command({"gzip", "-c"}, tar.substr(0, 700));
  const auto second = run_command({"gzip", "-c"}, tar.substr(700));
  Scratch scratch;
  REQUIRE(scratch.unpack(first->out + second->out));
  CHECK(content_of(scratch.layer() + "/g") == "end");
}

TEST_CASE("an empty layer, and bytes behind the end") {
  Scratch scratch;
  CHECK(scratch.unpack(""));
  CHECK(scratch.unpack(tar_of({})));
  const std::string tar = tar_of({file("f")});
  const auto clean = scratch.unpack(tar);
  const auto more = scratch.unpack(tar + std::string(100'000, 'g'));
  REQUIRE(clean);
  REQUIRE(more);
  CHECK(clean->diff_id != more->diff_id);
  CHECK(content_of(scratch.layer() + "/f") == "x");
}
