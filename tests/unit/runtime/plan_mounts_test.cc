// Mounts, devices and the rootfs of a plan, as the container sees them.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "tests/unit/runtime/small_rootfs.h"

namespace {

void add_bind(runtime::Spec& spec, const std::string& source, const std::string& destination,
              std::vector<std::string> options) {
  spec.mounts.push_back({destination, "bind", source, std::move(options), {}, {}});
}

void make_private_tmpfs(const std::string& path) {
  REQUIRE(make_directories(path, 0755));
  REQUIRE(sys::mount("tmpfs", path.c_str(), "tmpfs", 0, "size=1m"));
}

// In a mount namespace of the test's own child nothing would be seen by the runtime: so on the host, and gone
// at the end.
class HostMount {
 public:
  explicit HostMount(std::string path) : path_(std::move(path)) { make_private_tmpfs(path_); }
  ~HostMount() { (void)sys::umount2(path_.c_str(), MNT_DETACH); }
  HostMount(const HostMount&) = delete;
  HostMount& operator=(const HostMount&) = delete;
  HostMount(HostMount&&) = delete;
  HostMount& operator=(HostMount&&) = delete;

 private:
  std::string path_;
};

}  // namespace

// spec: config.md#mounts.uidMappings
// spec: config.md#mounts.idmap
TEST_CASE("an id-mapped bind shows other owners and changes nothing on the disk") {
  const SmallRootfs rootfs;
  const std::string source = rootfs.directory() + "/data";
  REQUIRE(make_directories(source, 0755));
  REQUIRE(create_file(source + "/file", "x", 0644));
  for (const std::string& path : {source, source + "/file"})
    REQUIRE(sys::fchownat(AT_FDCWD, path.c_str(), 1000, 2000, 0));
  auto spec = rootfs.spec({"sh", "-c", "stat -c '%u %g' /m/file; touch /m/new"});
  spec.mounts.push_back({"/m", "bind", source, {"bind"}, {{1000, 0, 1}}, {{2000, 0, 1}}});
  if (!can_map_ids()) {
    CHECK(contains(failure_of(request_of(spec, rootfs)), "can't be id-mapped on this kernel"));
    return;
  }
  const auto output = run_to_end(spec, rootfs);
  INFO(output.out);
  CHECK(output.out.starts_with("0 0\n"));
  CHECK(output.code == 0);
  struct stat status = {};
  REQUIRE(::stat((source + "/new").c_str(), &status) == 0);
  CHECK(status.st_uid == 1000);
  CHECK(status.st_gid == 2000);
}

TEST_CASE("idmap needs maps, and a bind") {
  const SmallRootfs rootfs;
  auto spec = rootfs.spec({"true"});
  add_bind(spec, rootfs.directory(), "/m", {"bind", "idmap"});
  CHECK(contains(failure_of(request_of(spec, rootfs)), "the container has no user namespace"));
  spec.mounts.back() = {"/m", "tmpfs", "tmpfs", {}, {{0, 0, 1}}, {{0, 0, 1}}};
  CHECK(contains(failure_of(request_of(spec, rootfs)), "only bind mounts can be id-mapped"));
}

// spec: config.md#mounts.tmpcopyup
TEST_CASE("tmpcopyup fills a tmpfs with what the image has there") {
  const SmallRootfs rootfs;
  const std::string data = rootfs.path() + "/data";
  REQUIRE(make_directories(data + "/deep/er", 0755));
  REQUIRE(create_file(data + "/deep/er/file", "content", 0644));
  REQUIRE(::chmod((data + "/deep/er/file").c_str(), 04755) == 0);
  REQUIRE(sys::symlinkat("/etc/passwd", AT_FDCWD, (data + "/link").c_str()));
  REQUIRE(sys::fchownat(AT_FDCWD, (data + "/deep").c_str(), 12, 34, 0));
  REQUIRE(::chmod(data.c_str(), 0711) == 0);
  auto spec = rootfs.spec({"sh", "-c",
                           "cd /data; cat deep/er/file; stat -c ' %a' deep/er/file; readlink link; "
                           "stat -c '%u %g' deep; stat -c %a .; rm -r deep; stat -f -c %T ."});
  spec.mounts.push_back({"/data", "tmpfs", "tmpfs", {"tmpcopyup", "size=1m"}, {}, {}});
  const auto output = run_to_end(spec, rootfs);
  CHECK(output.out == "content 4755\n/etc/passwd\n12 34\n711\ntmpfs\n");
  CHECK(path_exists(data + "/deep/er/file"));

  // A mode that is asked for is the directory's, whatever the image's is.
  spec.mounts.back().options.emplace_back("mode=1700");
  spec.process.args = {"stat", "-c", "%a", "/data", "/data/deep/er"};
  CHECK(run_to_end(spec, rootfs).out == "1700\n755\n");

  REQUIRE(create_file(data + "/large", std::string(2U << 20U, 'x'), 0644));
  CHECK(contains(failure_of(request_of(spec, rootfs)), "No space left on device"));
}

TEST_CASE("a tmpfs without a mode has that of the directory that it covers") {
  const SmallRootfs rootfs;
  REQUIRE(make_directories(rootfs.path() + "/covered", 0755));
  REQUIRE(::chmod((rootfs.path() + "/covered").c_str(), 0751) == 0);
  auto spec = rootfs.spec({"stat", "-c", "%a", "/covered", "/made", "/asked", "/copied"});
  spec.mounts.push_back({"/covered", "tmpfs", "tmpfs", {"ro"}, {}, {}});
  spec.mounts.push_back({"/made", "tmpfs", "tmpfs", {}, {}, {}});
  spec.mounts.push_back({"/asked", "tmpfs", "tmpfs", {"mode=700"}, {}, {}});
  spec.mounts.push_back({"/copied", "tmpfs", "tmpfs", {"tmpcopyup"}, {}, {}});
  CHECK(run_to_end(spec, rootfs).out == "751\n1777\n700\n1777\n");
}

// spec: config.md#mounts.options.recursive
TEST_CASE("recursive attributes reach what is mounted below") {
  const SmallRootfs rootfs;
  const std::string source = rootfs.directory() + "/tree";
  const HostMount outer(source);
  const HostMount inner(source + "/inner");
  auto spec = rootfs.spec({"sh", "-c",
                           "touch /a/x /a/inner/x /b/x /b/inner/x 2>&1; grep -c noexec /proc/mounts "
                           ">/dev/null; grep ' /b' /proc/mounts"});
  add_bind(spec, source, "/a", {"rbind", "ro"});
  add_bind(spec, source, "/b", {"rbind", "rro", "rnoexec", "rnosuid", "rnodev"});
  const auto output = run_to_end(spec, rootfs);
  INFO(output.out);
  CHECK(contains(output.out, "/a/x: Read-only"));
  CHECK_FALSE(contains(output.out, "/a/inner/x: Read-only"));
  CHECK(contains(output.out, "/b/x: Read-only"));
  CHECK(contains(output.out, "/b/inner/x: Read-only"));
  CHECK(contains(output.out, "/b/inner tmpfs ro,nosuid,nodev,noexec"));
}

// spec: config.md#mounts.order
// spec: config.md#mounts.source.relative
TEST_CASE(
    "mounts are made in the listed order, a relative source starts at the bundle, a file covers a file") {
  const SmallRootfs rootfs;
  REQUIRE(make_directories(rootfs.directory() + "/one", 0755));
  REQUIRE(create_file(rootfs.directory() + "/one/name", "one", 0644));
  REQUIRE(create_file(rootfs.directory() + "/file", "a file", 0644));
  auto spec = rootfs.spec({"sh", "-c", "ls /m; cat /etc/new/file"});
  spec.mounts.push_back({"/m", "tmpfs", "tmpfs", {}, {}, {}});
  add_bind(spec, "one", "/m", {"bind"});
  add_bind(spec, "file", "/etc/new/file", {"bind", "ro"});
  const auto output = run_to_end(spec, rootfs);
  CHECK(output.out == "name\na file");
}

// spec: config.md#mounts.options.remount
TEST_CASE("remount changes what is mounted already, a bind's attributes or a file system's parameters") {
  const SmallRootfs rootfs;
  auto spec = rootfs.spec({"sh", "-c", "grep -E ' /(m|n) ' /proc/mounts"});
  spec.mounts.push_back({"/m", "tmpfs", "tmpfs", {"size=1m"}, {}, {}});
  spec.mounts.push_back({"/n", "tmpfs", "tmpfs", {"size=1m"}, {}, {}});
  spec.mounts.push_back({"/m", "", "", {"remount", "bind", "ro", "nosuid"}, {}, {}});
  spec.mounts.push_back({"/n", "tmpfs", "tmpfs", {"remount", "size=2m"}, {}, {}});
  const auto output = run_to_end(spec, rootfs);
  INFO(output.out);
  CHECK(contains(output.out, "/m tmpfs ro,nosuid"));
  CHECK(contains(output.out, "size=2048k"));
  spec.mounts.push_back({"/etc", "", "", {"remount", "ro", "bind"}, {}, {}});
  CHECK(contains(failure_of(request_of(spec, rootfs)), "Invalid argument"));
}

TEST_CASE("a new file system has the attributes and parameters that it was given") {
  const SmallRootfs rootfs;
  auto spec = rootfs.spec({"sh", "-c", "grep -E ' /[a-d] ' /proc/mounts; stat -c %a /a /b /c"});
  spec.mounts.push_back(
      {"/a", "tmpfs", "one", {"nosuid", "noexec", "strictatime", "mode=711", "size=1m"}, {}, {}});
  spec.mounts.push_back({"/b", "tmpfs", "", {"nodev", "noatime", "nodiratime", "mode=1755"}, {}, {}});
  spec.mounts.push_back({"/c", "tmpfs", "three", {"ro", "mode=700", "size=1m"}, {}, {}});
  spec.mounts.push_back({"/d", "tmpfs", "four", {"mode=755", "mpol=bind:0"}, {}, {}});
  const auto output = run_to_end(spec, rootfs);
  INFO(output.out);
  CHECK(contains(output.out, "one /a tmpfs rw,nosuid,noexec,size=1024k,mode=711"));
  CHECK(contains(output.out, "none /b tmpfs rw,nodev,noatime,nodiratime,mode=1755"));
  CHECK(contains(output.out, "three /c tmpfs ro,relatime,size=1024k,mode=700"));
  CHECK(contains(output.out, "four /d tmpfs rw,relatime,mode=755"));
  CHECK(contains(output.out, "711\n1755\n700"));
}

TEST_CASE("an option that no file system knows is told with the kernel's own words") {
  const SmallRootfs rootfs;
  auto spec = rootfs.spec({"true"});
  for (const std::vector<std::string>& known :
       {std::vector<std::string>{}, {"mode=755"}, {"mode=755", "ro"}}) {
    spec.mounts.push_back({"/m", "tmpfs", "tmpfs", known, {}, {}});
    spec.mounts.back().options.emplace_back("nosuchoption=1");
    const std::string text = failure_of(request_of(spec, rootfs));
    INFO(text);
    CHECK(contains(text, "Unknown parameter 'nosuchoption'"));
    spec.mounts.pop_back();
  }
}

TEST_CASE("symbolic links of the host as sources: followed, mounted themselves, or copied") {
  const SmallRootfs rootfs;
  const std::string link = rootfs.directory() + "/link";
  REQUIRE(create_file(rootfs.directory() + "/target", "pointed to", 0644));
  REQUIRE(sys::symlinkat((rootfs.directory() + "/target").c_str(), AT_FDCWD, link.c_str()));
  auto spec = rootfs.spec({"sh", "-c", "cat /followed; echo; readlink /copied"});
  add_bind(spec, link, "/followed", {"bind"});
  add_bind(spec, link, "/copied", {"bind", "copy-symlink"});
  const auto output = run_to_end(spec, rootfs);
  CHECK(output.out == "pointed to\n" + rootfs.directory() + "/target\n");
}

// spec: config-linux.md#devices
// spec: config-linux.md#default-devices
// spec: config-linux.md#devices.exists
TEST_CASE("devices have their type, numbers, mode and owner; one that is there as another file is an error") {
  const SmallRootfs rootfs;
  auto spec = rootfs.spec(
      {"sh", "-c", "stat -c '%F %t:%T %a %u %g' /dev/mine /dev/pipe /dev/block /dev/null /dev/full"});
  spec.os.devices = {{'u', "/dev/mine", 1, 5, 0640, 7, 8},
                     {'p', "/dev/pipe", 0, 0, 0600, std::nullopt, std::nullopt},
                     {'b', "/dev/block", 7, 200, 0660, 0, 6}};
  const auto output = run_to_end(spec, rootfs);
  CHECK(output.out ==
        "character special file 1:5 640 7 8\nfifo 0:0 600 0 0\nblock special file 7:c8 660 0 6\n"
        "character special file 1:3 666 0 0\ncharacter special file 1:7 666 0 0\n");
  REQUIRE(create_file(rootfs.path() + "/taken", "x", 0644));
  spec.os.devices = {{'c', "/taken", 1, 5, std::nullopt, std::nullopt, std::nullopt}};
  CHECK(
      contains(failure_of(request_of(spec, rootfs)), "/taken: is in the image already and is another file"));
}

// spec: config-linux.md#readonlyPaths
TEST_CASE(
    "the root itself is read-only when it is one of the read-only paths, what is mounted below is not") {
  const SmallRootfs rootfs;
  auto spec =
      rootfs.spec({"sh", "-c", "touch /new 2>/dev/null || echo refused; touch /dev/new && echo made"});
  CHECK(run_to_end(spec, rootfs).out == "made\n");
  spec.os.readonly_paths = {"/tmp/../"};
  CHECK(run_to_end(spec, rootfs).out == "refused\nmade\n");
}

TEST_CASE("--no-pivot: the rootfs is moved and entered, nothing of the host is to be seen") {
  const SmallRootfs rootfs;
  const auto spec = rootfs.spec({"sh", "-c", "ls /; cat /proc/1/comm; ls " + rootfs.directory() + " 2>&1"});
  auto request = request_of(spec, rootfs);
  request.no_pivot = true;
  const auto output = run_request(std::move(request));
  INFO(output.out);
  CHECK(output.out.starts_with("bin\ndev\netc\nproc\nsys\ntmp\n"));
  CHECK(contains(output.out, "sh\n"));
  CHECK(contains(output.out, "No such file or directory"));
}

// spec: config-linux.md#rootfsPropagation
TEST_CASE("rootfsPropagation: shared, slave, private and unbindable, as the container's mountinfo says") {
  const SmallRootfs rootfs;
  const HostMount host(rootfs.directory() + "/peer");
  const std::string peer = rootfs.directory() + "/peer";
  REQUIRE(sys::mount(nullptr, peer.c_str(), nullptr, MS_SHARED, nullptr));
  const auto root_line = [&](const std::string& propagation) {
    auto spec = rootfs.spec({"sh", "-c", "cat /proc/self/mountinfo"});
    spec.os.rootfs_propagation = propagation;
    add_bind(spec, peer, "/peer", {"rbind"});
    const auto output = run_to_end(spec, rootfs);
    std::string root;
    for (const auto& line : split(output.out, '\n')) {
      const auto fields = split(line, ' ');
      if (fields.size() > 6 && (fields[4] == "/" || fields[4] == "/peer"))
        root += fields[4] + " " + fields[6].substr(0, fields[6].find(':')) + "; ";
    }
    return root;
  };
  CHECK(root_line("") == "/ -; /peer -; ");
  CHECK(root_line("private") == "/ -; /peer -; ");
  CHECK(root_line("shared") == "/ shared; /peer shared; ");
  CHECK(contains(root_line("rslave"), "/peer master; "));
  CHECK(contains(root_line("unbindable"), "/ unbindable; "));
}

// spec: config.md#mounts.options.rshared
TEST_CASE("a shared bind in a shared rootfs carries mounts to the host, and nothing else does") {
  const SmallRootfs rootfs;
  const std::string peer = rootfs.directory() + "/peer";
  const HostMount host(peer);
  REQUIRE(sys::mount(nullptr, peer.c_str(), nullptr, MS_SHARED, nullptr));
  auto spec = rootfs.spec(
      {"sh", "-c",
       "mkdir /peer/m /other; mount -t tmpfs inner /peer/m && mount -t tmpfs other /other && echo ok"});
  spec.os.rootfs_propagation = "rshared";
  spec.process.capabilities->bounding = spec.process.capabilities->effective =
      spec.process.capabilities->permitted = security::own_bounding_set();
  add_bind(spec, peer, "/peer", {"rbind", "rshared"});
  const std::string before = host_mounts(rootfs);
  const auto output = run_to_end(spec, rootfs);
  CHECK(output.out == "ok\n");
  const std::string after = host_mounts(rootfs);
  CHECK(contains(after, peer + "/m "));
  CHECK(split(after, '\n').size() == split(before, '\n').size() + 1);
  CHECK(sys::umount2((peer + "/m").c_str(), MNT_DETACH));
  CHECK(host_mounts(rootfs) == before);
}
