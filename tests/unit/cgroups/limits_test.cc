#include "cgroups/limits.h"

#include <catch2/catch.hpp>

using cgroups::LimitWrite;
using cgroups::Resources;

namespace {

// "file=text" of each write, for short comparisons.
std::vector<std::string> spelled(const Result<std::vector<LimitWrite>>& writes) {
  REQUIRE(writes);
  std::vector<std::string> result;
  for (const LimitWrite& write : *writes)
    result.push_back(write.file + "=" + write.text);
  return result;
}

using Lines = std::vector<std::string>;

cgroups::Layout pure_v2() {
  return *cgroups::parse_layout("41 31 0:38 / /cg rw - cgroup2 cgroup2 rw\n", "0::/\n",
                                "cpuset cpu io memory hugetlb pids");
}

cgroups::Layout hybrid() {
  return *cgroups::parse_layout(
      "41 31 0:38 / /cg/unified rw - cgroup2 cgroup2 rw\n"
      "42 31 0:39 / /cg/memory rw - cgroup cgroup rw,memory\n"
      "43 31 0:40 / /cg/cpu rw - cgroup cgroup rw,cpu\n",
      "2:memory:/\n1:cpu:/\n0::/\n", "hugetlb");
}

}  // namespace

TEST_CASE("nothing given, nothing written") {
  CHECK(spelled(cgroups::v2_limits({})).empty());
  CHECK(spelled(cgroups::v1_limits({})).empty());
}

// spec: config-linux.md#resources.memory
TEST_CASE("memory: v2 counts swap alone, v1 the sum") {
  Resources resources;
  resources.memory.limit_bytes = 64 << 20;
  resources.memory.swap_bytes = 96 << 20;
  resources.memory.reservation_bytes = 1 << 20;
  CHECK(spelled(cgroups::v2_limits(resources)) ==
        Lines{"memory.max=67108864", "memory.swap.max=33554432", "memory.low=1048576"});
  CHECK(spelled(cgroups::v1_limits(resources)) == Lines{"memory.limit_in_bytes=67108864",
                                                        "memory.memsw.limit_in_bytes=100663296",
                                                        "memory.soft_limit_in_bytes=1048576"});
  resources.memory.swap_bytes = resources.memory.limit_bytes;  // no swap at all
  CHECK(spelled(cgroups::v2_limits(resources))[1] == "memory.swap.max=0");
  resources.memory.limit_bytes = -1;
  resources.memory.swap_bytes = -1;
  CHECK(spelled(cgroups::v2_limits(resources)) ==
        Lines{"memory.max=max", "memory.swap.max=max", "memory.low=1048576"});
  CHECK(spelled(cgroups::v1_limits(resources))[0] == "memory.limit_in_bytes=-1");
}

TEST_CASE("memory: what can't be is refused before anything is written") {
  Resources resources;
  resources.memory.swap_bytes = 1 << 20;
  CHECK(cgroups::v2_limits(resources).error().kind() == ErrorKind::kInvalid);
  resources.memory.limit_bytes = 2 << 20;
  CHECK(cgroups::v1_limits(resources).error().kind() == ErrorKind::kInvalid);
  resources.memory = {};
  resources.memory.limit_bytes = -2;
  CHECK_FALSE(cgroups::v2_limits(resources));
  resources.memory = {};
  resources.memory.swappiness = 60;
  CHECK(cgroups::v2_limits(resources).error().kind() == ErrorKind::kUnsupported);
  CHECK(spelled(cgroups::v1_limits(resources)) == Lines{"memory.swappiness=60"});
  resources.memory.swappiness = 101;
  CHECK(cgroups::v1_limits(resources).error().kind() == ErrorKind::kInvalid);
  resources.memory = {};
  resources.memory.disable_oom_killer = false;  // docker always says so
  CHECK(spelled(cgroups::v2_limits(resources)).empty());
  resources.memory.disable_oom_killer = true;
  CHECK(cgroups::v2_limits(resources).error().kind() == ErrorKind::kUnsupported);
  CHECK(spelled(cgroups::v1_limits(resources)) == Lines{"memory.oom_control=1"});
}

// spec: config-linux.md#resources.cpu
TEST_CASE("cpu") {
  Resources resources;
  resources.cpu.quota_us = 150'000;
  resources.cpu.shares = 1024;
  resources.cpu.burst_us = 1000;
  CHECK(spelled(cgroups::v2_limits(resources)) ==
        Lines{"cpu.weight=100", "cpu.max=150000 100000", "cpu.max.burst=1000"});
  CHECK(spelled(cgroups::v1_limits(resources)) ==
        Lines{"cpu.shares=1024", "cpu.cfs_quota_us=150000", "cpu.cfs_burst_us=1000"});
  resources.cpu = {};
  resources.cpu.quota_us = -1;
  resources.cpu.period_us = 50'000;
  CHECK(spelled(cgroups::v2_limits(resources)) == Lines{"cpu.max=max 50000"});
  CHECK(spelled(cgroups::v1_limits(resources)) == Lines{"cpu.cfs_period_us=50000", "cpu.cfs_quota_us=-1"});
  resources.cpu = {};
  resources.cpu.idle = 1;
  resources.cpu.shares = 512;  // an idle group takes no weight
  CHECK(spelled(cgroups::v2_limits(resources)) == Lines{"cpu.idle=1"});
  resources.cpu = {};
  resources.cpu.realtime_runtime_us = 1000;
  CHECK(cgroups::v2_limits(resources).error().kind() == ErrorKind::kUnsupported);
  CHECK(spelled(cgroups::v1_limits(resources)) == Lines{"cpu.rt_runtime_us=1000"});
  for (const uint64_t period : {999U, 1'000'001U}) {
    resources.cpu = {};
    resources.cpu.period_us = period;
    CHECK_FALSE(cgroups::v2_limits(resources));
  }
}

TEST_CASE("shares and weights meet at their ends and defaults") {
  CHECK(cgroups::cpu_weight_of_shares(0) == 1);
  CHECK(cgroups::cpu_weight_of_shares(2) == 1);
  CHECK(cgroups::cpu_weight_of_shares(512) == 59);  // as crun 1.27.1 wrote it in the VM
  CHECK(cgroups::cpu_weight_of_shares(1024) == 100);
  CHECK(cgroups::cpu_weight_of_shares(262'144) == 10'000);
  CHECK(cgroups::cpu_weight_of_shares(UINT64_MAX) == 10'000);
  uint64_t before = 1;
  for (uint64_t shares = 2; shares < 262'144; shares += 97) {
    const uint64_t weight = cgroups::cpu_weight_of_shares(shares);
    REQUIRE(weight >= before);
    before = weight;
  }
  CHECK(cgroups::io_weight_of_blkio(10) == 1);
  CHECK(cgroups::io_weight_of_blkio(1000) == 10'000);
  CHECK(cgroups::io_weight_of_blkio(500) == 4950);
}

TEST_CASE("cpu lists are checked and made short, and never expanded from a hostile range") {
  CHECK(cgroups::normal_cpu_list("")->empty());
  CHECK(*cgroups::normal_cpu_list("3,1,0-1,2") == "0-3");
  CHECK(*cgroups::normal_cpu_list("0,2,4-5") == "0,2,4-5");
  CHECK(*cgroups::normal_cpu_list("8191") == "8191");
  for (const char* bad : {",", "1,", "-1", "1-", "2-1", "a", " 1", "1\n", "8192", "0-4294967295", "1-2-3",
                          "99999999999999999999"}) {
    const auto refused = cgroups::normal_cpu_list(bad);
    CAPTURE(bad);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind() == ErrorKind::kInvalid);
  }
}

// spec: config-linux.md#resources.pids
TEST_CASE("pids: nothing, zero and minus one are three things") {
  Resources resources;
  resources.pids_limit = 100;
  CHECK(spelled(cgroups::v2_limits(resources)) == Lines{"pids.max=100"});
  CHECK(spelled(cgroups::v1_limits(resources)) == Lines{"pids.max=100"});
  resources.pids_limit = -1;
  CHECK(spelled(cgroups::v2_limits(resources)) == Lines{"pids.max=max"});
}

// spec: config-linux.md#resources.blockIO
TEST_CASE("block io") {
  Resources resources;
  resources.block_io.weight = 500;
  resources.block_io.write_bps.push_back({8, 16, {}, {}, 1 << 20});
  resources.block_io.read_iops.push_back({8, 0, {}, {}, 0});
  const auto v2 = cgroups::v2_limits(resources);
  CHECK(spelled(v2) ==
        Lines{"io.bfq.weight=default 500", "io.max=8:16 wbps=1048576", "io.max=8:0 riops=max"});
  CHECK(v2->front().other_file == "io.weight");
  CHECK(v2->front().other_text == "default 4950");
  CHECK(spelled(cgroups::v1_limits(resources)) == Lines{"blkio.weight=500",
                                                        "blkio.throttle.write_bps_device=8:16 1048576",
                                                        "blkio.throttle.read_iops_device=8:0 0"});
  // v1 would keep the lower 32 bits of more operations than that: 705032704, or none at all.
  for (auto& device : resources.block_io.read_iops)
    device.rate = 5'000'000'000;
  CHECK(spelled(cgroups::v1_limits(resources)).back() == "blkio.throttle.read_iops_device=8:0 4294967295");
  resources.block_io.write_bps[0].rate = 5'000'000'000;
  CHECK(spelled(cgroups::v1_limits(resources))[1] == "blkio.throttle.write_bps_device=8:16 5000000000");
  resources.block_io.weight = 9;
  CHECK_FALSE(cgroups::v2_limits(resources));
  resources.block_io = {};
  resources.block_io.read_bps.push_back({8, 16, {}, {}, {}});
  CHECK_FALSE(cgroups::v2_limits(resources));  // no rate
  resources.block_io.read_bps[0] = {-1, 0, {}, {}, 1};
  CHECK_FALSE(cgroups::v2_limits(resources));
}

// spec: config-linux.md#resources.hugepageLimits
TEST_CASE("huge pages: the size is part of a file name") {
  Resources resources;
  resources.hugepages.push_back({"2MB", 4 << 20});
  CHECK(spelled(cgroups::v2_limits(resources)) ==
        Lines{"hugetlb.2MB.max=4194304", "hugetlb.2MB.rsvd.max=4194304"});
  CHECK(spelled(cgroups::v1_limits(resources)) ==
        Lines{"hugetlb.2MB.limit_in_bytes=4194304", "hugetlb.2MB.rsvd.limit_in_bytes=4194304"});
  for (const char* bad : {"", "MB", "2", "2M", "../2MB", "02MB", "2MB/x", "2 MB", "-2MB"}) {
    resources.hugepages[0].page_size = bad;
    CHECK_FALSE(cgroups::v2_limits(resources));
  }
}

// spec: config-linux.md#resources.rdma
// spec: config-linux.md#resources.network
TEST_CASE("rdma and network") {
  Resources resources;
  resources.rdma.push_back({"mlx5_0", 3, {}});
  CHECK(spelled(cgroups::v2_limits(resources)) == Lines{"rdma.max=mlx5_0 hca_handle=3"});
  resources.rdma.push_back({"mlx5_1", {}, {}});
  CHECK(cgroups::v2_limits(resources).error().text() == "rdma: a limit without handles or objects");
  resources = {};
  resources.block_io.weight_devices.push_back({8, 0, {}, {}, {}});
  CHECK(cgroups::v2_limits(resources).error().text() == "a block io weight of a device without weight");
  resources = {};
  resources.network_class_id = 0x100001;
  resources.network_priorities.push_back({"eth0", 5});
  CHECK(spelled(cgroups::v1_limits(resources)) ==
        Lines{"net_cls.classid=1048577", "net_prio.ifpriomap=eth0 5"});
  CHECK(cgroups::v2_limits(resources).error().kind() == ErrorKind::kUnsupported);
}

// spec: config-linux.md#resources.unified
TEST_CASE("unified is v2's alone, and no way to other files") {
  Resources resources;
  resources.unified["memory.high"] = "1048576";
  CHECK(spelled(cgroups::v2_limits(resources)) == Lines{"memory.high=1048576"});
  CHECK(cgroups::v1_limits(resources).error().kind() == ErrorKind::kUnsupported);
  for (const char* bad : {"", "memory", "../memory.max", "x/memory.max", ".memory", "cgroup.procs",
                          "cgroup.kill", "cgroup.subtree_control", "memory.max\n"}) {
    Resources hostile;
    hostile.unified[bad] = "1";
    CAPTURE(bad);
    REQUIRE_FALSE(cgroups::v2_limits(hostile));
    CHECK(cgroups::v2_limits(hostile).error().kind() == ErrorKind::kInvalid);
  }
}

// spec: config-linux.md#resources.unified.lines
TEST_CASE("unified: the kernel gets a line at a time, and never nothing") {
  Resources resources;
  resources.unified["io.max"] = "259:0 rbps=2097152 wiops=120\n253:0 rbps=2097152 wiops=120\n";
  resources.unified["cpuset.cpus"] = "";
  CHECK(spelled(cgroups::v2_limits(resources)) == Lines{"cpuset.cpus=\n",
                                                        "io.max=259:0 rbps=2097152 wiops=120",
                                                        "io.max=253:0 rbps=2097152 wiops=120"});
  for (const char* nothing : {"", "\n", " "}) {
    resources.unified = {{"memory.max", nothing}};
    CHECK(cgroups::v2_limits(resources).error().text() == "unified: the value of memory.max is empty");
  }
}

TEST_CASE("each limit goes where its controller lives") {
  Resources resources;
  resources.memory.limit_bytes = 1 << 20;
  resources.hugepages.push_back({"2MB", 0});
  const auto layout = hybrid();
  const auto group = *cgroups::group_at(layout, "/vial/x");
  const auto writes = cgroups::limit_writes(layout, group, resources);
  REQUIRE(writes);
  REQUIRE(writes->size() == 3);
  CHECK((*writes)[0].directory == "/cg/unified/vial/x");
  CHECK((*writes)[0].file == "hugetlb.2MB.max");
  CHECK((*writes)[2].directory == "/cg/memory/vial/x");
  CHECK((*writes)[2].file == "memory.limit_in_bytes");
}

// spec: config-linux.md#resources.unsupported
TEST_CASE("a limit without a controller is an error that says where was looked") {
  const auto layout = hybrid();
  const auto group = *cgroups::group_at(layout, "/vial/x");
  Resources resources;
  resources.pids_limit = 10;
  const auto refused = cgroups::limit_writes(layout, group, resources);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind() == ErrorKind::kUnsupported);
  CHECK_THAT(refused.error().text(), Catch::Contains("pids") &&
                                         Catch::Contains("/cg/unified (v2: hugetlb)") &&
                                         Catch::Contains("/cg/memory"));
  resources = {};
  resources.unified["memory.high"] = "1";
  const auto on_v1 = cgroups::limit_writes(layout, group, resources);
  REQUIRE_FALSE(on_v1);
  CHECK_THAT(on_v1.error().text(), Catch::Contains("on v1 at /cg/memory"));
  resources = {};
  resources.network_class_id = 1;
  CHECK(cgroups::limit_writes(pure_v2(), *cgroups::group_at(pure_v2(), "/x"), resources).error().kind() ==
        ErrorKind::kUnsupported);
  resources = {};
  resources.memory.disable_oom_killer = false;
  resources.cpu.cpus = "0";
  CHECK(cgroups::limit_writes(pure_v2(), *cgroups::group_at(pure_v2(), "/x"), resources)->size() == 1);
}
