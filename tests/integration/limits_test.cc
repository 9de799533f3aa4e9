// Limits that the kernel enforces, whichever version of cgroups it has: here v1, in the VM v2.
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/running_program.h"

namespace {

// A file of the container's own cgroup as it sees it: on v2 directly below /sys/fs/cgroup, on v1 in a
// controller's directory there. Null when it has none.
Json cgroup_file(const Json& report, const std::string& v1, const std::string& v2) {
  const Json& files = report["cgroup"]["files"];
  for (const auto& path : {"/sys/fs/cgroup/" + v1, "/sys/fs/cgroup/" + v2})
    if (files.contains(path)) return files[path];
  return nullptr;
}

double number_of(const Json& value) {
  return value.get<double>();
}

}  // namespace

TEST_CASE("a container that uses more memory than it may is killed, and inspect says so") {
  const Vial vial;
  CHECK(vial.run({"run", "--rm", "-m", "32m", "busybox", "tail", "/dev/zero"}).code == 137);
  CHECK(vial.run({"run", "--name", "eater", "-m", "32m", "busybox", "tail", "/dev/zero"}).code == 137);
  CHECK(vial.run({"inspect", "--format", "{{.State.OOMKilled}} {{.State.ExitCode}}", "eater"}).out ==
        "true 137\n");
  CHECK(vial.run({"rm", "eater"}).code == 0);
  // Only a child is killed: pid 1 goes on, and the kernel's word is kept all the same.
  CHECK(vial.run({"run", "--name", "parent", "-m", "32m", "busybox", "sh", "-c", "tail /dev/zero; echo $?"})
            .out == "137\n");
  CHECK(vial.run({"inspect", "--format", "{{.State.OOMKilled}} {{.State.ExitCode}}", "parent"}).out ==
        "true 0\n");
  CHECK(vial.run({"rm", "parent"}).code == 0);
  // And one that ends by itself was not killed.
  CHECK(vial.run({"run", "--name", "modest", "-m", "32m", "busybox", "true"}).code == 0);
  CHECK(vial.run({"inspect", "--format", "{{.State.OOMKilled}}", "modest"}).out == "false\n");
  CHECK(vial.run({"rm", "modest"}).code == 0);
}

TEST_CASE("a container may use the memory that it was given") {
  const Vial vial;
  CHECK(vial.inside({"-m", "64m"}, {"eat-memory", "40"})["eaten_mb"] == 40);
}

TEST_CASE("fork is refused at the limit of processes") {
  const Vial vial;
  // The probe is one of them.
  const Json ten = [&] {
    const Outcome outcome = vial.run({"run", "--rm", "--pids-limit", "10", "-v",
                                      probe_program() + ":/probe:ro", "busybox", "/probe", "fork", "50"});
    CHECK(outcome.code == 1);
    const auto report = parse_json(outcome.out);
    REQUIRE(report);
    return *report;
  }();
  CHECK(ten["forked"] == 9);
  CHECK(ten["error"] == "EAGAIN");
  CHECK(vial.inside({}, {"fork", "50"})["forked"] == 50);
}

TEST_CASE("the limit of processes is 4096 unless another is given") {
  const Vial vial;
  CHECK(cgroup_file(vial.inside({}), "pids/pids.max", "pids.max") == "4096");
  CHECK(cgroup_file(vial.inside({"--pids-limit", "7"}), "pids/pids.max", "pids.max") == "7");
  CHECK(cgroup_file(vial.inside({"--pids-limit", "-1"}), "pids/pids.max", "pids.max") == "max");
}

TEST_CASE("processor time is held to the quota") {
  const Vial vial;
  const auto share = [&](const Words& options, const char* seconds) {
    const Json burned = vial.inside(options, {"burn", seconds});
    return number_of(burned["cpu_seconds"]) / number_of(burned["wall_seconds"]);
  };
  // A virtual machine whose host takes the processor away counts that time as the container's. No such
  // accident makes it less: of six tries one must be right. Without the quota all would be near 1.
  const auto least_share = [&](const Words& options, double most) {
    double least = 1;
    for (int tries = 0; tries < 6 && least >= most; ++tries)
      least = std::min(least, share(options, "3"));
    return least;
  };
  const double fifth = least_share({"--cpus", "0.2"}, 0.22);
  CHECK(fifth < 0.22);
  CHECK(fifth > 0.15);  // a machine that is busy elsewhere gives less than the quota
  CHECK(least_share({"--cpu-period", "50000", "--cpu-quota", "15000"}, 0.33) < 0.33);
  // The control: without a limit it gets more than that.
  CHECK(share({}, "1") > 0.25);
}

TEST_CASE("a container sees its limits as it was given them") {
  const Vial vial;
  const Json report = vial.inside(
      {"-m", "64m", "--memory-swap", "64m", "--cpus", "0.5", "--cpuset-cpus", "0", "--pids-limit", "100"});
  CHECK(cgroup_file(report, "memory/memory.limit_in_bytes", "memory.max") == "67108864");
  CHECK(cgroup_file(report, "pids/pids.max", "pids.max") == "100");
  CHECK(cgroup_file(report, "cpuset/cpuset.cpus", "cpuset.cpus") == "0");
  const Json swap = cgroup_file(report, "memory/memory.memsw.limit_in_bytes", "memory.swap.max");
  CHECK((swap == "67108864" || swap == "0"));  // v1 counts both together, v2 swap alone
  const Json quota = cgroup_file(report, "cpu/cpu.cfs_quota_us", "cpu.max");
  CHECK((quota == "50000" || quota == "50000 100000"));
  for (const char* file : {"memory.max", "memory/memory.limit_in_bytes", "pids.max", "pids/pids.max"}) {
    const std::string path = std::string("/sys/fs/cgroup/") + file;
    const Json tried = vial.inside({"-m", "64m"}, {"try", "write:" + path});
    INFO(path);
    CHECK((tried["write:" + path] == "EROFS" || tried["write:" + path] == "ENOENT"));
  }
}

TEST_CASE("shares become what the kernel's version calls them") {
  const Vial vial;
  const Json shares = cgroup_file(vial.inside({"--cpu-shares", "512"}), "cpu/cpu.shares", "cpu.weight");
  CHECK((shares == "512" || shares == "20" || shares == "59"));
}

TEST_CASE("a limit that can't be enforced is an error that names the controller, and nothing runs") {
  const Vial vial;
  // Offline or missing processors, a device that is none, and a reservation above the limit.
  const Outcome cpus = vial.run({"run", "--rm", "--cpuset-cpus", "4000", "busybox", "echo", "ran"});
  INFO(cpus.err);
  CHECK(cpus.code == 125);
  CHECK(cpus.out.empty());
  CHECK(contains(cpus.err, "Requested CPUs are not available - requested 4000, available: 0"));
  const Outcome nodes = vial.run({"run", "--rm", "--cpuset-mems", "77", "busybox", "true"});
  CHECK(nodes.code == 125);
  CHECK(contains(nodes.err, "77"));
  const Outcome device =
      vial.run({"run", "--rm", "--device-read-bps", "/dev/nix:1mb", "busybox", "echo", "ran"});
  CHECK(device.code == 125);
  CHECK(contains(device.err, "/dev/nix"));
  const Outcome huge = vial.run({"run", "--rm", "--cpus", "4000", "busybox", "echo", "ran"});
  CHECK(huge.code == 125);
  const Outcome tiny = vial.run({"run", "--rm", "-m", "1m", "busybox", "echo", "ran"});
  CHECK(tiny.code == 125);
  CHECK(contains(tiny.err, "6MB"));
}

TEST_CASE("a weight of block devices is enforced or refused with the controller's name") {
  const Vial vial;
  const Outcome outcome = vial.run({"run", "--rm", "--blkio-weight", "300", "busybox", "true"});
  INFO(outcome.err);
  if (outcome.code != 0) {
    CHECK(outcome.code == 125);
    CHECK((contains(outcome.err, "io") && contains(outcome.err, "weight")));
    return;
  }
  // What is said to be enforced is there: by the file of one scheduler or the other, in its scale.
  const Json report = vial.inside({"--blkio-weight", "300"});
  std::string found;
  for (const char* name : {"blkio/blkio.weight", "blkio/blkio.bfq.weight", "io.weight", "io.bfq.weight"}) {
    const Json& files = report["cgroup"]["files"];
    const auto file = files.find(std::string("/sys/fs/cgroup/") + name);
    if (file != files.end()) found += file->get<std::string>() + ";";
  }
  INFO(found);
  CHECK((contains(found, "300") || contains(found, "default 2930")));
}

TEST_CASE("rates of a disk are those that were asked for") {
  const Vial vial;
  std::string disk;
  for (const auto& name : list_directory("/sys/block").value_or({}))
    if (path_exists("/dev/" + name)) disk = "/dev/" + name;
  if (in_vm()) REQUIRE(disk == "/dev/vda");
  if (disk.empty()) return;
  struct stat status = {};
  REQUIRE(::stat(disk.c_str(), &status) == 0);
  const std::string number =
      std::to_string(major(status.st_rdev)) + ":" + std::to_string(minor(status.st_rdev)) + " ";
  const Json report =
      vial.inside({"--device-read-bps", disk + ":1mb", "--device-write-bps", disk + ":2mb",
                   "--device-read-iops", disk + ":300", "--device-write-iops", disk + ":400"});
  if (const Json all = cgroup_file(report, "", "io.max"); !all.is_null()) {
    CHECK(all == number + "rbps=1048576 wbps=2097152 riops=300 wiops=400");
  } else {
    CHECK(cgroup_file(report, "blkio/blkio.throttle.read_bps_device", "") == number + "1048576");
    CHECK(cgroup_file(report, "blkio/blkio.throttle.write_bps_device", "") == number + "2097152");
    CHECK(cgroup_file(report, "blkio/blkio.throttle.read_iops_device", "") == number + "300");
    CHECK(cgroup_file(report, "blkio/blkio.throttle.write_iops_device", "") == number + "400");
  }
  if (!in_vm()) return;  // nobody's disk is written to but the machine's that is thrown away
  const std::string copy = "dd if=/dev/zero of=" + disk + " bs=256k count=8 oflag=direct 2> /dev/null";
  const auto seconds = [&](const Words& options) {
    Words words = {"--device", disk};
    words.insert(words.end(), options.begin(), options.end());
    const int64_t begin = monotonic_ms();
    CHECK(vial.shell(words, copy).code == 0);
    return static_cast<double>(monotonic_ms() - begin) / 1000.0;
  };
  const double unlimited = seconds({});
  CHECK(seconds({"--device-write-bps", disk + ":1mb"}) > unlimited + 0.8);
}

TEST_CASE("a container lies in the parent that was asked for, and leaves nothing there") {
  const Vial vial;
  const Json report = vial.inside({"--cgroup-parent", "/vial-test-parent", "--cgroupns", "host"});
  bool found = false;
  for (const auto& line : report["cgroup"]["self"])
    found = found || contains(line.get<std::string>(), ":/vial-test-parent/");
  CHECK(found);
}
