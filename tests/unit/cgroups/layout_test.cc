#include "cgroups/layout.h"

#include <catch2/catch.hpp>

#include "cgroups/group.h"
#include "cgroups/sub_group.h"

namespace {

const char* const kHybridMounts =
    "23 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 master:2 - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n";
const char* const kHybridSelf =
    "4:memory:/user/one\n3:cpu,cpuacct:/\n2:name=systemd:/init:scope\n1:pids:/\n0::/init.scope\n";

}  // namespace

TEST_CASE("a hybrid host: controllers on v1, one on v2") {
  const auto layout = cgroups::parse_layout(kHybridMounts, kHybridSelf, "hugetlb\n");
  REQUIRE(layout);
  CHECK(layout->v2_mount_point == "/sys/fs/cgroup/unified");
  CHECK(layout->v2_has("hugetlb"));
  CHECK_FALSE(layout->v2_has("memory"));
  CHECK_FALSE(layout->is_pure_v2());
  REQUIRE(layout->v1.size() == 3);  // pids is bound to v1 but mounted nowhere
  REQUIRE(layout->v1_of("memory") != nullptr);
  CHECK(layout->v1_of("cpuacct")->mount_point == "/sys/fs/cgroup/cpu,cpuacct");
  CHECK(layout->v1_of("pids") == nullptr);
}

TEST_CASE("pure v2") {
  const auto layout = cgroups::parse_layout("41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "0::/\n",
                                            "cpuset cpu io memory hugetlb pids rdma misc\n");
  REQUIRE(layout);
  CHECK(layout->is_pure_v2());
  CHECK(layout->v2_controllers.size() == 8);
}

TEST_CASE("no hierarchy is an error that says what to do") {
  const auto layout = cgroups::parse_layout("23 1 254:0 / / rw - ext4 /dev/vda rw\n", "1:memory:/\n", "");
  REQUIRE_FALSE(layout);
  CHECK(layout.error().kind() == ErrorKind::kUnsupported);
  CHECK_THAT(layout.error().text(), Catch::Contains("mount -t cgroup2"));
}

TEST_CASE("of several mounts of a hierarchy the one that shows its root is taken") {
  const auto layout = cgroups::parse_layout(
      "40 1 0:38 /vial/a /var/lib/x/sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
      "41 1 0:38 / /sys/fs/cgroup\\040here rw - cgroup2 cgroup2 rw\n",
      "0::/\n", "");
  REQUIRE(layout);
  CHECK(layout->v2_mount_point == "/sys/fs/cgroup here");
}

TEST_CASE("damaged lines of mountinfo are skipped") {
  const auto layout = cgroups::parse_layout(
      "garbage\n1 2 3 - cgroup2\n - - -\n41 1 0:38 / /cg rw - cgroup2 c rw\n", "x\n0::/\n", "");
  REQUIRE(layout);
  CHECK(layout->v2_mount_point == "/cg");
}

// spec: config-linux.md#cgroupsPath
TEST_CASE("a group has the same path in every hierarchy") {
  const auto layout = cgroups::parse_layout(kHybridMounts, kHybridSelf, "");
  REQUIRE(layout);
  const auto group = cgroups::group_at(*layout, "vial//./one/");
  REQUIRE(group);
  CHECK(group->path == "/vial/one");
  CHECK(group->v2_directory == "/sys/fs/cgroup/unified/vial/one");
  CHECK(group->v1_directory_of("cpu") == "/sys/fs/cgroup/cpu,cpuacct/vial/one");
  CHECK(group->v1_directory_of("pids").empty());
  for (const std::string& bad :
       {std::string(), std::string("/"), std::string("/./"), std::string("/a/../b"), std::string("/a\nb"),
        "/" + std::string(256, 'x'), std::string("/a\0b", 4)}) {
    const auto refused = cgroups::group_at(*layout, bad);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind() == ErrorKind::kInvalid);
  }
}

TEST_CASE("what a container sees as /sys/fs/cgroup") {
  const auto hybrid = cgroups::parse_layout(kHybridMounts, kHybridSelf, "");
  const auto view = cgroups::container_view(*cgroups::group_at(*hybrid, "/vial/one"));
  REQUIRE(view.size() == 4);
  CHECK(view[1].destination == "/sys/fs/cgroup/cpu,cpuacct");
  CHECK(view[1].source == "/sys/fs/cgroup/cpu,cpuacct/vial/one");
  CHECK(view[1].links == std::vector<std::string>{"cpu", "cpuacct"});
  CHECK(view[2].links.empty());  // a named hierarchy is no controller
  CHECK(view[3].destination == "/sys/fs/cgroup/unified");
  CHECK(view[3].source == "/sys/fs/cgroup/unified/vial/one");

  const auto pure = cgroups::parse_layout("41 31 0:38 / /cg rw - cgroup2 cgroup2 rw\n", "0::/\n", "");
  const auto one = cgroups::container_view(*cgroups::group_at(*pure, "/vial/one"));
  REQUIRE(one.size() == 1);
  CHECK(one[0].destination == "/sys/fs/cgroup");
  CHECK(one[0].source == "/cg/vial/one");
}

TEST_CASE("a path below a group is for all hierarchies, or for the controllers that are named") {
  const auto layout = cgroups::parse_layout(kHybridMounts, kHybridSelf, "");
  const auto group = cgroups::group_at(*layout, "/c/web").value();
  const auto all = cgroups::group_below(group, {"a//b/"});
  REQUIRE(all);
  CHECK(all->path == "/c/web/a/b");
  CHECK(all->v2_directory == "/sys/fs/cgroup/unified/c/web/a/b");
  CHECK(all->v1_directory_of("memory") == "/sys/fs/cgroup/memory/c/web/a/b");
  CHECK(cgroups::group_below(group, {"/"})->path == "/c/web");
  CHECK(cgroups::group_below(group, {})->v1_directory_of("cpu") == "/sys/fs/cgroup/cpu,cpuacct/c/web");

  const auto some = cgroups::group_below(group, {"memory,name=systemd:/a", "cpu:b"});
  REQUIRE(some);
  CHECK(some->v2_directory == group.v2_directory);
  CHECK(some->v1_directory_of("memory") == "/sys/fs/cgroup/memory/c/web/a");
  CHECK(some->v1_directory_of("name=systemd") == "/sys/fs/cgroup/systemd/c/web/a");
  CHECK(some->v1_directory_of("cpuacct") == "/sys/fs/cgroup/cpu,cpuacct/c/web/b");
}

TEST_CASE("no path leaves the group, and no unknown controller is taken") {
  const auto layout = cgroups::parse_layout(kHybridMounts, kHybridSelf, "");
  const auto group = cgroups::group_at(*layout, "/c/web").value();
  const auto text_of = [&group](const std::vector<std::string>& words) {
    const auto below = cgroups::group_below(group, words);
    return below ? std::string("taken") : below.error().text();
  };
  CHECK(text_of({"../other"}) == "../other is not a sub cgroup path");
  CHECK(text_of({"memory:a/../../.."}) == "a/../../.. is not a sub cgroup path");
  CHECK(text_of({"a:b:c"}) == "invalid --cgroup argument: a:b:c");
  CHECK(text_of({"memory:a", "b"}) == "invalid --cgroup argument: b (missing <controller>: prefix)");
  CHECK_THAT(text_of({"pids:a"}), Catch::StartsWith("unknown controller \"pids\": "));
  CHECK_THAT(text_of({":a"}), Catch::StartsWith("unknown controller \"\": "));
}
