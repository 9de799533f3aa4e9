// The container's file system: root, mounts, propagation, devices, masked and read-only paths.
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/oci_fixture.h"

namespace {

// The last mount at `point`; null when there is none.
Json mount_at(const Json& report, const std::string& point) {
  Json found;
  for (const Json& mount : report["mounts"])
    if (mount["point"] == point) found = mount;
  return found;
}

bool has(const Json& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

std::string device_line(const Json& device) {
  return device["type"].get<std::string>() + " " + dump_json(device["major"]) + ":" +
         dump_json(device["minor"]);
}

// A directory of the host with a file in it and a tmpfs below it.
class HostTree {
 public:
  explicit HostTree(const OciBundle& oci) : path_(oci.directory() + "/host") {
    REQUIRE(make_directories(path_ + "/below", 0755));
    REQUIRE(create_file(path_ + "/file", "of the host\n", 0644));
    REQUIRE(::mount("tmpfs", (path_ + "/below").c_str(), "tmpfs", 0, nullptr) ==
            0);  // NOLINT: the host's doing
    REQUIRE(create_file(path_ + "/below/deep", "of the tmpfs\n", 0644));
  }
  ~HostTree() { (void)::umount2((path_ + "/below").c_str(), MNT_DETACH); }
  HostTree(const HostTree&) = delete;
  HostTree& operator=(const HostTree&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

Json bind(const std::string& source, const Words& options) {
  return {{"destination", "/mnt"}, {"type", "bind"}, {"source", source}, {"options", options}};
}

}  // namespace

// spec: config.md#root readonly: the root file system MUST be read-only inside the container
TEST_CASE("the root is read-only when wanted and only then") {
  OciBundle oci;
  CHECK(oci.report()["writable"]["/"] == "ok");
  oci.spec["root"]["readonly"] = true;
  const Json report = oci.report();
  CHECK(report["writable"]["/"] == "EROFS");
  CHECK(report["writable"]["/tmp"] == "EROFS");
  CHECK(report["writable"]["/dev/shm"] == "ok");
}

// spec: config.md#root path: absolute or relative to the bundle; a directory MUST exist
TEST_CASE("the root is found by its path") {
  OciBundle oci;
  CHECK(oci.run({"true"}).code == 0);
  oci.spec["root"]["path"] = oci.rootfs();
  CHECK(oci.run({"true"}).code == 0);
  oci.spec["root"]["path"] = "config.json";
  CHECK(oci.run({"true"}).code != 0);
}

// spec: config.md#mounts the runtime MUST mount entries in the listed order; options
TEST_CASE("mounts have their type, source and options") {
  OciBundle oci;
  oci.spec["mounts"].push_back(
      {{"destination", "/mnt"},
       {"type", "tmpfs"},
       {"source", "scratch"},
       {"options", {"nosuid", "nodev", "noexec", "noatime", "size=1m", "mode=711"}}});
  oci.spec["mounts"].push_back(
      {{"destination", "/mnt/inner"}, {"type", "tmpfs"}, {"source", "inner"}, {"options", {"ro"}}});
  const Json report = oci.report();
  const Json outer = mount_at(report, "/mnt");
  CHECK(outer["type"] == "tmpfs");
  for (const char* option : {"rw", "nosuid", "nodev", "noexec", "noatime"})
    CHECK(has(outer["options"], option));
  CHECK(has(outer["super_options"], "size=1024k"));
  CHECK(has(outer["super_options"], "mode=711"));
  CHECK(has(mount_at(report, "/mnt/inner")["options"], "ro"));
  for (const auto& [point, type] :
       {std::pair{"/proc", "proc"}, std::pair{"/sys", "sysfs"}, std::pair{"/dev", "tmpfs"},
        std::pair{"/dev/pts", "devpts"}, std::pair{"/dev/mqueue", "mqueue"}})
    CHECK(mount_at(report, point)["type"] == type);
  CHECK_FALSE(path_exists(oci.rootfs("/mnt/inner")));
}

// spec: config.md#mounts bind and rbind
TEST_CASE("bind takes a directory, rbind what is mounted below it, too") {
  OciBundle oci;
  const HostTree host(oci);
  const Words list = {"sh", "-c", "cat /mnt/file; ls /mnt/below"};
  SECTION("bind") {
    oci.spec["mounts"].push_back(bind(host.path(), {"bind"}));
    CHECK(oci.run(list).out == "of the host\n");
  }
  SECTION("rbind") {
    oci.spec["mounts"].push_back(bind(host.path(), {"rbind"}));
    CHECK(oci.run(list).out == "of the host\ndeep\n");
  }
  SECTION("a file over a file") {
    oci.spec["mounts"].push_back(bind(host.path() + "/file", {"bind", "ro"}));
    oci.spec["mounts"].back()["destination"] = "/etc/passwd";
    CHECK(oci.run({"cat", "/etc/passwd"}).out == "of the host\n");
  }
  SECTION("a destination that is not there") {
    oci.spec["mounts"].push_back(bind(host.path() + "/file", {"bind"}));
    oci.spec["mounts"].back()["destination"] = "/new/place/file";
    CHECK(oci.run({"cat", "/new/place/file"}).out == "of the host\n");
  }
}

// spec: config.md#mounts ro of a bind mount is that mount's alone; the recursive options (rro) are all
// mounts' below
TEST_CASE("a read-only bind mount can't be written, and below it only with rro") {
  OciBundle oci;
  const HostTree host(oci);
  const Words touch = {"sh", "-c", "touch /mnt/new; echo $?; touch /mnt/below/new; echo $?"};
  oci.spec["mounts"].push_back(bind(host.path(), {"rbind", "ro"}));
  CHECK(oci.run(touch).out == "1\n0\n");
  oci.spec["mounts"].back()["options"] = {"rbind", "rro"};
  CHECK(oci.run(touch).out == "1\n1\n");
  CHECK_FALSE(path_exists(host.path() + "/new"));
}

// spec: config-linux.md#rootfs-mount-propagation shared, slave, private, unbindable
TEST_CASE("the propagation of the root's mount is the configuration's") {
  OciBundle oci;
  const std::string wanted = GENERATE("shared", "slave", "private", "unbindable");
  INFO(wanted);
  if (oci_runtime_name() == "runc" && (wanted == "shared" || wanted == "unbindable"))
    return;  // 1.1 makes it private
  oci.spec["linux"]["rootfsPropagation"] = wanted;
  const Json tags = mount_at(oci.report(), "/")["propagation"];
  INFO(dump_json(tags));
  const auto starts = [&](const char* with) {
    return std::any_of(tags.begin(), tags.end(),
                       [&](const Json& tag) { return tag.get<std::string>().starts_with(with); });
  };
  CHECK(starts("shared:") == (wanted == "shared"));
  CHECK(starts("unbindable") == (wanted == "unbindable"));
  if (wanted == "private" || wanted == "unbindable") CHECK_FALSE(starts("master:"));
}

// spec: config.md#mounts propagation options of one mount
TEST_CASE("a mount has the propagation that its options say") {
  OciBundle oci;
  const HostTree host(oci);
  oci.spec["mounts"].push_back(bind(host.path(), {"rbind", "rprivate"}));
  CHECK(mount_at(oci.report(), "/mnt")["propagation"].empty());
  oci.spec["mounts"].back()["options"] = {"rbind", "rslave"};
  oci.spec["linux"]["rootfsPropagation"] = "rslave";  // as callers say it who want this
  const Json tags = mount_at(oci.report(), "/mnt")["propagation"];
  REQUIRE(tags.size() == 1);
  CHECK(tags[0].get<std::string>().starts_with("master:"));
}

// spec: config-linux.md#default-devices MUST be supplied: null zero full random urandom tty ptmx, console
// with a terminal
TEST_CASE("the default devices and links are there") {
  OciBundle oci;
  const Json devices = oci.report()["devices"];
  CHECK(device_line(devices["null"]) == "char 1:3");
  CHECK(device_line(devices["zero"]) == "char 1:5");
  CHECK(device_line(devices["full"]) == "char 1:7");
  CHECK(device_line(devices["random"]) == "char 1:8");
  CHECK(device_line(devices["urandom"]) == "char 1:9");
  CHECK(device_line(devices["tty"]) == "char 5:0");
  for (const char* name : {"null", "zero", "full", "random", "urandom", "tty"})
    CHECK(devices[name]["mode"] == 0666);
  CHECK(devices["ptmx"]["target"].get<std::string>().ends_with("pts/ptmx"));
  CHECK(devices["fd"]["target"] == "/proc/self/fd");
  CHECK(devices["stdin"]["target"] == "/proc/self/fd/0");
  CHECK(devices["stdout"]["target"] == "/proc/self/fd/1");
  CHECK(devices["stderr"]["target"] == "/proc/self/fd/2");
}

// spec: config-linux.md#devices type, path, major, minor, fileMode, uid, gid MUST be available in the
// container
TEST_CASE("devices of the configuration are made as it says") {
  OciBundle oci;
  oci.spec["linux"]["devices"] =
      Json::array({{{"type", "c"},
                    {"path", "/dev/own"},
                    {"major", 10},
                    {"minor", 229},
                    {"fileMode", 0640},
                    {"uid", 11},
                    {"gid", 22}},
                   {{"type", "b"}, {"path", "/dev/block"}, {"major", 8}, {"minor", 66}, {"fileMode", 0600}},
                   {{"type", "p"}, {"path", "/dev/pipe"}, {"fileMode", 0622}}});
  const Json devices = oci.report()["devices"];
  CHECK(device_line(devices["own"]) == "char 10:229");
  CHECK(devices["own"]["mode"] == 0640);
  CHECK(devices["own"]["uid"] == 11);
  CHECK(devices["own"]["gid"] == 22);
  CHECK(device_line(devices["block"]) == "block 8:66");
  CHECK(devices["pipe"]["type"] == "fifo");
  CHECK(devices["pipe"]["mode"] == 0622);
}

// As inside of a container of podman, which does not give it by default.
TEST_CASE("without CAP_MKNOD the devices are those of the runtime's own /dev, if they are the same") {
  OciBundle oci;
  const auto run = [&](const Json& devices) {
    oci.spec["linux"]["devices"] = devices;
    oci.spec["process"]["args"] = {"sh", "-c", "stat -c '%F %t:%T' /dev/null /dev/full; echo x > /dev/null"};
    oci.write_config();
    Words words = {"setpriv", "--bounding-set", "-mknod", "--inh-caps", "-mknod"};
    for (const auto& word : oci.command_line({"run", "--bundle", oci.bundle(), oci.id()}))
      words.push_back(word);
    return run_into_files(words, oci.directory());
  };
  for (const bool maps_users : {false, true}) {
    if (maps_users) {
      oci.spec["linux"]["namespaces"].push_back({{"type", "user"}});
      for (const char* name : {"uidMappings", "gidMappings"})
        oci.spec["linux"][name] = Json::array({{{"containerID", 0}, {"hostID", 100000}, {"size", 3000}}});
    }
    const Outcome good = run(Json::array());
    INFO(good.err);
    CHECK(good.code == 0);
    CHECK(good.out == "character special file 1:3\ncharacter special file 1:7\n");
    if (!is_vial_oci()) continue;  // runc binds whatever has the name
    for (const char* path : {"/dev/zero", "/dev/vial-not-there"}) {
      const Outcome bad = run(Json::array({{{"type", "c"}, {"path", path}, {"major", 1}, {"minor", 11}}}));
      CHECK(bad.code == 1);
      CHECK(bad.err.find(std::string(path) + ": mknod") != std::string::npos);
      CHECK(bad.err.find("Operation not permitted") != std::string::npos);
    }
  }
}

// spec: config-linux.md#masked-paths MUST NOT be readable inside the container
TEST_CASE("masked paths are there and empty") {
  OciBundle oci;
  REQUIRE(make_directories(oci.rootfs("/secret/dir"), 0755));
  REQUIRE(create_file(oci.rootfs("/secret/dir/inside"), "secret\n", 0644));
  REQUIRE(create_file(oci.rootfs("/secret/file"), "secret\n", 0644));
  oci.spec["linux"]["maskedPaths"] = {"/secret/dir", "/secret/file", "/not/there", "/proc/kallsyms"};
  const Outcome outcome =
      oci.shell("ls /secret/dir | wc -l; cat /secret/file /proc/kallsyms | wc -c; ls -d /not/there 2>&1");
  CHECK(outcome.out.starts_with("0\n0\n"));
  CHECK(outcome.out.find("No such file") != std::string::npos);
}

// spec: config-linux.md#readonly-paths MUST be set as read-only inside the container
TEST_CASE("read-only paths can't be written") {
  OciBundle oci;
  REQUIRE(make_directories(oci.rootfs("/fixed/dir"), 0755));
  REQUIRE(create_file(oci.rootfs("/fixed/file"), "", 0644));
  oci.spec["linux"]["readonlyPaths"] = {"/fixed/dir", "/fixed/file", "/not/there", "/proc/sys"};
  const Outcome outcome =
      oci.shell("touch /fixed/dir/x; echo $?; echo x >/fixed/file; echo $?; touch /fixed/other; echo $?");
  INFO(outcome.err);
  CHECK(outcome.out == "1\n1\n0\n");
  CHECK(has(mount_at(oci.report(), "/proc/sys")["options"], "ro"));
}

// spec: config-linux.md#default-filesystems; a mount may not leave the root through a link of the image
TEST_CASE("a link in the rootfs leads no mount out of it") {
  OciBundle oci;
  const std::string outside = oci.directory() + "/outside";
  REQUIRE(make_directories(outside, 0755));
  REQUIRE(::symlink(outside.c_str(), oci.rootfs("/out").c_str()) == 0);
  oci.spec["mounts"].push_back(
      {{"destination", "/out/deep"}, {"type", "tmpfs"}, {"source", "tmpfs"}, {"options", {"size=1m"}}});
  (void)oci.run({"true"});
  CHECK(list_directory(outside).value_or({"?"}).empty());
}

TEST_CASE("an overlay's directories are taken from the bundle when they are relative") {
  OciBundle oci;
  if (oci_runtime_name() == "runc") return;  // it looks for them where it was called
  for (const char* name : {"one", "two", "upper", "work"})
    REQUIRE(make_directories(oci.bundle() + "/" + name, 0755));
  REQUIRE(create_file(oci.bundle() + "/one/first", "", 0644));
  REQUIRE(create_file(oci.bundle() + "/two/second", "", 0644));
  oci.spec["mounts"].push_back({{"destination", "/merged"},
                                {"type", "overlay"},
                                {"source", "overlay"},
                                {"options", {"lowerdir=one:two", "upperdir=upper", "workdir=work"}}});
  const Outcome outcome = oci.shell("ls /merged; touch /merged/third");
  INFO(outcome.err);
  CHECK(outcome.out == "first\nsecond\n");
  CHECK(path_exists(oci.bundle() + "/upper/third"));
}

// spec: config.md#mounts uidMappings and gidMappings: an idmapped mount
TEST_CASE("a mount with mappings shows other owners") {
  OciBundle oci;
  if (!is_vial_oci()) return;  // newer than runc 1.1
  const std::string tree = oci.directory() + "/mapped";
  REQUIRE(make_directories(tree, 0755));
  REQUIRE(create_file(tree + "/file", "", 0644));
  oci.spec["mounts"].push_back(bind(tree, {"bind", "idmap"}));
  for (const char* name : {"uidMappings", "gidMappings"})
    oci.spec["mounts"].back()[name] = Json::array({{{"containerID", 0}, {"hostID", 7000}, {"size", 10}}});
  const Outcome outcome = oci.shell("stat -c %u:%g /mnt/file");
  // A file system that can't be mapped (a tmpfs before Linux 6.3) is an error, never a silent nothing.
  INFO(outcome.err);
  CHECK((outcome.out == "7000:7000\n" ||
         (outcome.code != 0 && outcome.err.find("id-mapped") != std::string::npos)));
}
