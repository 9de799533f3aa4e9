// Device programs that are kept in a bpffs, which is the test's own.
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "cgroups/devices.h"
#include "tests/unit/cgroups/test_group.h"
#include "tests/unit/in_child.h"
#include "tests/unit/temporary_directory.h"

namespace {

using Rules = std::vector<cgroups::DeviceRule>;

const Rules kNull = {{true, 'c', 1, 3, "rwm"}};
const Rules kZero = {{true, 'c', 1, 5, "rwm"}};

// A bpffs that goes with the process.
std::string own_bpffs() {
  if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return "no mount namespace; ";
  return ::mount("bpf", "/sys/fs/bpf", "bpf", 0, nullptr) == 0 ? "" : "no bpffs; ";
}

Fd open_group(const TestGroup& group) {
  auto fd = sys::open(group.group().v2_directory.c_str(), O_RDONLY | O_DIRECTORY);
  return fd ? std::move(*fd) : Fd();
}

std::string attach(const Fd& group, const Rules& rules) {
  const auto program = cgroups::device_program(rules);
  if (!program) return program.error().text();
  const auto attached = cgroups::attach_device_program(group.get(), *program);
  return attached ? "" : attached.error().text();
}

// The id of the only program that is attached; bpf(2) BPF_PROG_QUERY.
uint32_t attached_id(const Fd& group) {
  uint32_t ids[8] = {};
  union bpf_attr attributes = {};
  attributes.query.target_fd = static_cast<uint32_t>(group.get());
  attributes.query.attach_type = BPF_CGROUP_DEVICE;
  attributes.query.prog_ids = reinterpret_cast<uint64_t>(ids);
  attributes.query.prog_cnt = 8;
  const long done = ::syscall(SYS_bpf, BPF_PROG_QUERY, &attributes, sizeof attributes);
  return done == 0 && attributes.query.prog_cnt == 1 ? ids[0] : 0;
}

std::vector<std::string> kept() {
  return list_directory(cgroups::kKeptPrograms).value_or({});
}

}  // namespace

TEST_CASE("a device program is loaded once and kept", "[kernel]") {
  TestGroup one({});
  TestGroup two({});
  TestGroup three({});
  if (one.group().v2_directory.empty()) return;
  CHECK(in_child([&] {
          std::string said = own_bpffs();
          const Fd first = open_group(one);
          const Fd second = open_group(two);
          const Fd third = open_group(three);
          said += attach(first, kNull) + attach(second, kNull) + attach(third, kZero);
          said +=
              attached_id(first) != 0 && attached_id(first) == attached_id(second) ? "same, " : "loaded, ";
          said += attached_id(first) == attached_id(third) ? "same, " : "another, ";
          return said + std::to_string(kept().size()) + " kept";
        }) == "same, another, 2 kept");
}

TEST_CASE("a cgroup may be given the same device program twice", "[kernel]") {
  TestGroup group({});
  if (group.group().v2_directory.empty()) return;
  CHECK(in_child([&] {
          std::string said = own_bpffs();
          const Fd fd = open_group(group);
          said += attach(fd, kNull);
          said += attach(fd, kNull);
          return said + std::to_string(kept().size());
        }) == "1");
}

TEST_CASE("what is kept under a program's name is used only if it is that program", "[kernel]") {
  TestGroup one({});
  TestGroup two({});
  TestGroup three({});
  if (one.group().v2_directory.empty()) return;
  const std::string said = in_child([&] {
    std::string text = own_bpffs();
    const Fd first = open_group(one);
    const Fd second = open_group(two);
    const Fd third = open_group(three);
    text += attach(first, kNull);
    const auto right = kept();
    text += attach(second, kZero);
    const auto both = kept();
    if (right.size() != 1 || both.size() != 2) return text + "not kept";
    const std::string directory = cgroups::kKeptPrograms;
    const std::string wrong = both[0] == right[0] ? both[1] : both[0];
    if (::rename((directory + "/" + wrong).c_str(), (directory + "/" + right[0]).c_str()) != 0)
      return text + "no rename";
    text += attach(third, kNull);
    text += attached_id(third) == attached_id(second) ? "wrong, " : "right, ";
    return text + (kept() == right ? "replaced" : "not replaced");
  });
  CHECK(said == "right, replaced");
}

TEST_CASE("nothing is kept in a directory of others, or behind a link", "[kernel]") {
  TestGroup one({});
  TestGroup two({});
  if (one.group().v2_directory.empty()) return;
  const TemporaryDirectory elsewhere;
  for (int place = 0; place < 64; ++place)
    REQUIRE(create_file(elsewhere.path() + "/" + std::to_string(place), "", 0600));
  CHECK(in_child([&] {
          std::string said = own_bpffs();
          if (::symlink(elsewhere.path().c_str(), cgroups::kKeptPrograms) != 0) return said + "no link";
          const Fd first = open_group(one);
          said += attach(first, kNull);
          said += std::to_string(kept().size()) + " files, ";
          ::unlink(cgroups::kKeptPrograms);
          if (::mkdir(cgroups::kKeptPrograms, 0755) != 0 || ::chown(cgroups::kKeptPrograms, 1, 1) != 0)
            return said + "no directory";
          const Fd second = open_group(two);
          said += attach(second, kNull);
          said += attached_id(first) != 0 && attached_id(second) != 0 ? "attached, " : "none, ";
          return said + std::to_string(kept().size());
        }) == "64 files, attached, 0");
}

TEST_CASE("a device program is loaded where nothing can be kept", "[kernel]") {
  TestGroup group({});
  if (group.group().v2_directory.empty()) return;
  CHECK(in_child([&] {
          std::string said = own_bpffs();
          if (::mount("tmpfs", "/sys/fs/bpf", "tmpfs", 0, nullptr) != 0) said += "no tmpfs; ";
          const Fd fd = open_group(group);
          said += attach(fd, kNull);
          return said + (attached_id(fd) != 0 ? "attached, " : "none, ") + std::to_string(kept().size());
        }) == "attached, 0");
}
