// Options that bring files, devices and kernel settings of the host in.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <set>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/vial_fixture.h"

namespace {

std::set<std::string> options_at(const Json& report, const std::string& point) {
  for (const auto& mount : report["mounts"])
    if (mount["point"] == point) return mount["options"].get<std::set<std::string>>();
  return {};
}

}  // namespace

TEST_CASE("a directory of the host is bound, for writing or not") {
  const Vial vial;
  const std::string directory = vial.directory() + "/d";
  REQUIRE(make_directories(directory));
  CHECK(vial.shell({"-v", directory + ":/mnt/deep"}, "echo hi > /mnt/deep/f").code == 0);
  CHECK(read_file(directory + "/f").value_or("") == "hi\n");
  const Outcome refused = vial.shell({"-v", directory + ":/mnt:ro"}, "cat /mnt/f; echo no > /mnt/f");
  CHECK(refused.code == 1);
  CHECK(refused.out == "hi\n");
  CHECK(contains(refused.err, "Read-only file system"));
  CHECK(read_file(directory + "/f").value_or("") == "hi\n");
}

TEST_CASE("read-only is read-only for the mounts below as well") {
  const Vial vial;
  const std::string directory = vial.directory() + "/d";
  REQUIRE(make_directories(directory + "/below"));
  REQUIRE(::mount("below", (directory + "/below").c_str(), "tmpfs", 0, nullptr) == 0);
  const Json report =
      vial.inside({"-v", directory + ":/mnt:ro"}, {"try", "write:/mnt/below/f", "write:/mnt"});
  const Json mounts = vial.inside({"-v", directory + ":/mnt:ro"});
  CHECK(options_at(mounts, "/mnt").count("ro") == 1);
  CHECK(options_at(mounts, "/mnt/below").count("ro") == 1);
  CHECK(options_at(vial.inside({"-v", directory + ":/mnt"}), "/mnt/below").count("rw") == 1);
  CHECK(::umount2((directory + "/below").c_str(), MNT_DETACH) == 0);
}

TEST_CASE("a file is bound on a file, and a missing source is made a directory") {
  const Vial vial;
  const std::string file = vial.directory() + "/f";
  REQUIRE(create_file(file, "content\n"));
  CHECK(vial.shell({"-v", file + ":/etc/motd"}, "cat /etc/motd").out == "content\n");
  const std::string missing = vial.directory() + "/a/b";
  CHECK(vial.shell({"-v", missing + ":/m"}, "touch /m/x").code == 0);
  CHECK(path_exists(missing + "/x"));
  // --mount does not make it.
  const Outcome refused = vial.run(
      {"run", "--rm", "--mount", "type=bind,src=" + vial.directory() + "/nix,dst=/m", "busybox", "true"});
  CHECK(refused.code == 125);
  CHECK(contains(refused.err, "bind source path does not exist"));
}

TEST_CASE("a volume option that makes no sense is refused") {
  const Vial vial;
  for (const char* wrong : {"/a:/b:wr", "/a:b", "/a:/b:ro:x", ":/b", "/tmp:/"}) {
    const Outcome outcome = vial.run({"run", "--rm", "-v", wrong, "busybox", "true"});
    INFO(wrong << ": " << outcome.err);
    CHECK(outcome.code == 125);
  }
}

TEST_CASE(
    "what is mounted in a container is not seen on the host, and what the host mounts later not inside") {
  const Vial vial;
  const std::string directory = vial.directory() + "/d";
  REQUIRE(make_directories(directory));
  const Outcome outcome = vial.shell(
      {"--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "-v", directory + ":/mnt"},
      "mount -t tmpfs none /mnt && touch /mnt/hidden");
  INFO(outcome.err);
  CHECK(outcome.code == 0);
  CHECK(!path_exists(directory + "/hidden"));
}

TEST_CASE("a device that was given works, in the ways that were given", "[vm]") {
  const Vial vial;
  // Character device 1:12 has no driver behind it: who may open it gets ENXIO, who may not EPERM.
  const std::string node = vial.directory() + "/node";
  REQUIRE(::mknod(node.c_str(), S_IFCHR | 0666, makedev(1, 12)) == 0);
  const Json full =
      vial.inside({"--device", node + ":/dev/mine"}, {"try", "open:/dev/mine", "write:/dev/mine"});
  CHECK(full["open:/dev/mine"] == "ENXIO");
  CHECK(full["write:/dev/mine"] == "ENXIO");
  const Json reading =
      vial.inside({"--device", node + ":/dev/mine:r"}, {"try", "open:/dev/mine", "write:/dev/mine"});
  CHECK(reading["open:/dev/mine"] == "ENXIO");
  CHECK(reading["write:/dev/mine"] == "EPERM");
  const Json other = vial.inside({"-v", node + ":/dev/mine"}, {"try", "open:/dev/mine"});
  CHECK(other["open:/dev/mine"] == "EPERM");
  const Json rule = vial.inside({"-v", node + ":/dev/mine", "--device-cgroup-rule", "c 1:12 r"},
                                {"try", "open:/dev/mine", "write:/dev/mine"});
  CHECK(rule["open:/dev/mine"] == "ENXIO");
  CHECK(rule["write:/dev/mine"] == "EPERM");
  const Outcome missing = vial.run({"run", "--rm", "--device", "/dev/nix", "busybox", "true"});
  CHECK(missing.code == 125);
  CHECK(contains(missing.err, "/dev/nix"));
}

TEST_CASE("a container can't use a device that it made itself", "[vm]") {
  const Vial vial;
  const Json tried = vial.inside({"--cap-add", "MKNOD", "--security-opt", "seccomp=unconfined"},
                                 {"try", "mknod-mem", "mknod-kmsg", "mknod-sda", "mknod-tun", "dev-null"});
  CHECK(tried["mknod-mem"] == "made, open EPERM");
  CHECK(tried["mknod-kmsg"] == "made, open EPERM");
  CHECK(tried["mknod-sda"] == "made, open EPERM");
  CHECK(tried["mknod-tun"] == "made, open EPERM");
  CHECK(tried["dev-null"] == "ok");
}

TEST_CASE("kernel settings of the container's namespaces can be set, others not") {
  const Vial vial;
  const std::string before = read_file("/proc/sys/net/core/somaxconn").value_or("");
  CHECK(vial.shell({"--sysctl", "net.core.somaxconn=77", "--sysctl", "kernel.shm_rmid_forced=1"},
                   "cat /proc/sys/net/core/somaxconn /proc/sys/kernel/shm_rmid_forced")
            .out == "77\n1\n");
  CHECK(read_file("/proc/sys/net/core/somaxconn").value_or("") == before);
  const auto refused = [&](const Words& options) {
    Words words = {"run", "--rm"};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"busybox", "true"});
    const Outcome outcome = vial.run(words);
    INFO(outcome.err);
    CHECK(outcome.code == 125);
    CHECK(contains(outcome.err, "is not allowed"));
  };
  const std::string swappiness = read_file("/proc/sys/vm/swappiness").value_or("");
  refused({"--sysctl", "vm.swappiness=1"});
  refused({"--sysctl", "kernel.core_pattern=x"});
  refused({"--network", "host", "--sysctl", "net.core.somaxconn=77"});
  refused({"--ipc", "host", "--sysctl", "kernel.shmmax=77"});
  CHECK(read_file("/proc/sys/vm/swappiness").value_or("") == swappiness);
}

TEST_CASE("hosts and name servers are what was asked for") {
  const Vial vial;
  const Outcome outcome =
      vial.shell({"--add-host", "db:10.0.0.7", "--dns", "9.9.9.9", "--dns-search", "example.org"},
                 "cat /etc/hosts /etc/resolv.conf");
  CHECK(contains(outcome.out, "10.0.0.7\tdb\n"));
  CHECK(contains(outcome.out, "nameserver 9.9.9.9\n"));
  CHECK(contains(outcome.out, "search example.org\n"));
}
