// Resolution inside a hostile rootfs, against the real kernel: a canary outside must never be reached.
#include "namespaces/rootfs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "tests/unit/temporary_directory.h"

using namespaces::open_in_root;
using namespaces::open_target;
using namespaces::Symlinks;
using namespaces::TargetType;

namespace {

// <dir>/root is the rootfs, <dir>/canary what it must not reach.
class HostileRoot {
 public:
  HostileRoot() {
    REQUIRE(make_directories(directory + "/root", 0755));
    REQUIRE(make_directories(directory + "/canary", 0755));
    root = sys::open((directory + "/root").c_str(), O_PATH | O_DIRECTORY).value();
  }

  void link(const std::string& target, const std::string& name) const {
    REQUIRE(sys::symlinkat(target.c_str(), AT_FDCWD, (directory + "/root/" + name).c_str()));
  }
  bool canary_is_empty() const { return list_directory(directory + "/canary").value().empty(); }

  TemporaryDirectory temporary;
  std::string directory = temporary.path();
  Fd root;
};

}  // namespace

TEST_CASE("paths are cleaned lexically") {
  CHECK(namespaces::clean_path("/a//b/./c/..") == "/a/b");
  CHECK(namespaces::clean_path("../../x") == "/x");
  CHECK(namespaces::clean_path("") == "/");
  CHECK(namespaces::is_below("/proc/sys", "/proc"));
  CHECK_FALSE(namespaces::is_below("/process", "/proc"));
}

TEST_CASE("links to the outside are resolved inside") {
  const HostileRoot hostile;
  hostile.link(hostile.directory + "/canary", "absolute");
  hostile.link("../canary", "relative");
  hostile.link("/proc/self/root", "magic");
  for (const char* name : {"/absolute/made", "/relative/made"}) {
    CHECK(open_target(hostile.root.get(), name, TargetType::kFile, Symlinks::kInRoot));
    CHECK(hostile.canary_is_empty());
    auto refused = open_target(hostile.root.get(), name, TargetType::kDirectory, Symlinks::kRefuse);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().error_number() == ELOOP);
  }
  CHECK_FALSE(open_in_root(hostile.root.get(), "/magic/etc/passwd", Symlinks::kInRoot));
  CHECK(hostile.canary_is_empty());
}

// As in images made for systemd-resolved: /etc/resolv.conf leads to a file that only a running system has.
TEST_CASE("a link to what is missing is followed, and what is missing is made") {
  const HostileRoot hostile;
  const auto made = [&](const char* path, TargetType type) {
    const auto target = open_target(hostile.root.get(), path, type, Symlinks::kInRoot);
    return target ? "" : target.error().text();
  };
  const std::string inside = hostile.directory + "/root";
  REQUIRE(make_directories(inside + "/etc/deep", 0755));
  hostile.link("../run/resolve/stub.conf", "etc/resolv.conf");
  CHECK(made("/etc/resolv.conf", TargetType::kFile).empty());
  CHECK(path_exists(inside + "/run/resolve/stub.conf"));
  hostile.link("/first", "chain");
  hostile.link("../../../../second", "first");
  CHECK(made("/chain/below/it", TargetType::kDirectory).empty());
  CHECK(path_exists(inside + "/second/below/it"));
  hostile.link("/new-directory", "to-directory");
  CHECK(made("/to-directory", TargetType::kDirectory).empty());
  CHECK(path_exists(inside + "/new-directory"));
  // Up from a directory that a link leads to: ".." is not what it looks like.
  hostile.link("etc/deep", "aside");
  hostile.link("../up", "etc/deep/to-up");
  CHECK(contains(made("/aside/to-up", TargetType::kFile), "Too many levels of symbolic links"));
  CHECK_FALSE(path_exists(inside + "/up"));
  hostile.link("loop", "loop");
  CHECK(contains(made("/loop/x", TargetType::kFile), "Too many levels of symbolic links"));
  CHECK(hostile.canary_is_empty());
}

TEST_CASE("a link whose target exists inside is followed there") {
  const HostileRoot hostile;
  REQUIRE(make_directories(hostile.directory + "/root/real", 0755));
  hostile.link("/real", "link");
  REQUIRE(open_target(hostile.root.get(), "/link/sub/file", TargetType::kFile, Symlinks::kInRoot));
  CHECK(path_exists(hostile.directory + "/root/real/sub/file"));
}

TEST_CASE("missing targets are made, existing ones of the other type refused") {
  const HostileRoot hostile;
  REQUIRE(open_target(hostile.root.get(), "/a/b/c", TargetType::kDirectory, Symlinks::kRefuse));
  REQUIRE(open_target(hostile.root.get(), "/a/b/f", TargetType::kFile, Symlinks::kRefuse));
  CHECK(open_target(hostile.root.get(), "/a/b/c", TargetType::kFile, Symlinks::kRefuse).error().kind() ==
        ErrorKind::kInvalid);
  CHECK(open_target(hostile.root.get(), "/a/b/f", TargetType::kDirectory, Symlinks::kRefuse).error().text() ==
        "/a/b/f: not a directory");
  // In both cases: dockerd adds a hint to this text. docker takes "is a directory" for a command that is one
  // (126).
  const auto text =
      open_target(hostile.root.get(), "/a/b/c", TargetType::kFile, Symlinks::kRefuse).error().text();
  CHECK(contains(text, "not a directory"));
  CHECK_FALSE(contains(text, "is a directory"));
}
