#include "namespaces/mounts.h"

#include <sys/mount.h>

#include <catch2/catch.hpp>

#include "namespaces/mount_steps.h"

using namespaces::Mount;
using namespaces::parse_mount_options;

// spec: config.md#mounts.options.attributes
TEST_CASE("mount options fall into attributes, propagation, switches and data") {
  const auto options =
      parse_mount_options({"nosuid", "ro", "rbind", "rprivate", "mode=755", "size=64k", "rro", "newinstance"})
          .value();
  CHECK(options.set == (MOUNT_ATTR_NOSUID | MOUNT_ATTR_RDONLY));
  CHECK(options.recursive_set == MOUNT_ATTR_RDONLY);
  CHECK(options.propagation == (static_cast<unsigned long>(MS_PRIVATE) | MS_REC));
  CHECK(options.bind);
  CHECK(options.recursive_bind);
  REQUIRE(options.data.size() == 3);
  CHECK(options.data[0] == std::pair<std::string, std::string>("mode", "755"));
  CHECK(options.data[2] == std::pair<std::string, std::string>("newinstance", ""));
}

TEST_CASE("the last of two contradicting options wins") {
  const auto options = parse_mount_options({"ro", "rw", "exec", "noexec"}).value();
  CHECK(options.set == MOUNT_ATTR_NOEXEC);
  CHECK(options.clear == MOUNT_ATTR_RDONLY);
}

TEST_CASE("an access-time option clears the whole field") {
  CHECK(parse_mount_options({"noatime"}).value().set == MOUNT_ATTR_NOATIME);
  CHECK(parse_mount_options({"noatime"}).value().clear == MOUNT_ATTR__ATIME);
  CHECK(parse_mount_options({"noatime", "strictatime"}).value().set == MOUNT_ATTR_STRICTATIME);
}

TEST_CASE("what mount(2) takes is told as its flags and data") {
  const auto call = [](const std::vector<std::string>& options) {
    return namespaces::mount_call(parse_mount_options(options).value());
  };
  REQUIRE(call({"nosuid", "strictatime", "mode=755", "size=65536k", "newinstance"}));
  CHECK(call({"nosuid", "strictatime", "mode=755"})->flags ==
        (MS_NOSUID | static_cast<unsigned long>(MS_STRICTATIME)));
  CHECK(call({"noexec", "nodev", "noatime", "nodiratime"})->flags ==
        (MS_NOEXEC | MS_NODEV | MS_NOATIME | static_cast<unsigned long>(MS_NODIRATIME)));
  CHECK(call({"nosuid", "mode=755", "newinstance"})->data == "mode=755,newinstance");
  REQUIRE(call({}));
  CHECK(call({})->flags == 0);
  CHECK(call({})->data.empty());
  CHECK_FALSE(call({"ro"}));
  CHECK_FALSE(call({"rprivate"}));
  CHECK_FALSE(call({"rro"}));
  CHECK_FALSE(call({"rrw"}));
  CHECK_FALSE(call({"mpol=bind:0,1"}));
  CHECK(call({"x=" + std::string(4093, 'y')}));
  CHECK_FALSE(call({"x=" + std::string(4094, 'y')}));
}

TEST_CASE("broken options are refused") {
  CHECK_FALSE(parse_mount_options({"=x"}));
  CHECK_FALSE(parse_mount_options({std::string("a\0b", 3)}));
}

TEST_CASE("mounts over /proc are refused, but for the files that are meant to be replaced") {
  const auto bind = [](const char* to) {
    return namespaces::mount_step(Mount{to, "bind", "/etc/hosts", {"bind"}, {}, {}});
  };
  CHECK(bind("/etc/hosts"));
  CHECK(bind("/proc/meminfo"));
  CHECK(bind("/proc/../etc/x"));
  CHECK(namespaces::mount_step(Mount{"/proc", "proc", "proc", {}, {}, {}}));
  for (const char* to : {"/proc", "/proc/", "/proc/self/attr", "/proc/sys", "//proc//sys/kernel",
                         "/x/../proc/1", "relative", "/", ""}) {
    INFO(to);
    CHECK_FALSE(bind(to));
  }
  CHECK_FALSE(namespaces::mount_step(Mount{"/proc", "tmpfs", "tmpfs", {}, {}, {}}));
  CHECK_FALSE(namespaces::mount_step(Mount{"/data", "bind", "", {}, {}, {}}));
}
