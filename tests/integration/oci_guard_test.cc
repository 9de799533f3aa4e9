// What a bundle, or a container that runs already, must not do to the host or to who comes in; and what a
// start must still be able to do when a filter or a namespace is tight.
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <optional>

#include "base/file.h"
#include "base/socket.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "tests/integration/oci_fixture.h"
#include "tests/integration/running_program.h"

namespace {

// A mount of the host for one test.
class HostMount {
 public:
  HostMount(std::string path, const char* type, const char* source = nullptr) : path_(std::move(path)) {
    REQUIRE(make_directories(path_, 0755));
    const bool binds = source != nullptr;
    REQUIRE(::mount(binds ? source : type, path_.c_str(), type, binds ? MS_BIND : 0, nullptr) == 0);
  }
  ~HostMount() { (void)::umount2(path_.c_str(), MNT_DETACH); }
  HostMount(const HostMount&) = delete;
  HostMount& operator=(const HostMount&) = delete;
  HostMount(HostMount&&) = delete;
  HostMount& operator=(HostMount&&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void give_capability(OciBundle& oci, const char* name) {
  for (const char* set : {"bounding", "effective", "permitted"})
    oci.spec["process"]["capabilities"][set].push_back(name);
}

void use_user_namespace(OciBundle& oci) {
  oci.spec["linux"]["namespaces"].push_back({{"type", "user"}});
  for (const char* name : {"uidMappings", "gidMappings"})
    oci.spec["linux"][name] = Json::array({{{"containerID", 0}, {"hostID", 100000}, {"size", 3000}}});
}

void add_bind(OciBundle& oci, const std::string& source, const Words& options, const char* point = "/mnt") {
  oci.spec["mounts"].push_back(
      {{"destination", point}, {"type", "bind"}, {"source", source}, {"options", options}});
}

std::string files_of(const std::string& directory) {
  std::string text;
  for (const auto& name : list_directory(directory).value_or({})) {
    struct stat status = {};
    REQUIRE(::lstat((directory + "/" + name).c_str(), &status) == 0);
    text += name + " " + std::to_string(status.st_uid) + " " + std::to_string(status.st_mode) + "\n";
  }
  return text;
}

Json filter(const Words& denied) {
  return {{"defaultAction", "SCMP_ACT_ALLOW"},
          {"syscalls", Json::array({{{"names", denied}, {"action", "SCMP_ACT_ERRNO"}}})}};
}

// What an agent for SCMP_ACT_NOTIFY gets from the next one who connects.
Json state_sent_to(const Fd& listener) {
  const Fd connection(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  REQUIRE(connection);
  std::string text(8192, '\0');
  const auto count = sys::read(connection.get(), text);  // the descriptor is dropped
  REQUIRE(count);
  text.resize(*count);
  const auto state = parse_json(text);
  REQUIRE(state);
  return *state;
}

// A process in a mount and a time namespace of its own, where no /proc tells of the host's.
class Elsewhere {
 public:
  Elsewhere() : pid_(::fork()) {
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const bool done = ::unshare(CLONE_NEWNS | CLONE_NEWTIME) == 0 &&
                        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                        ::umount2("/proc", MNT_DETACH) == 0;
      if (done) ::prctl(PR_SET_NAME, "elsewhere");
      for (;;)
        ::pause();
    }
    REQUIRE(within(kPatience, [this] { return trim(read_file(path("comm")).value_or("")) == "elsewhere"; }));
  }
  ~Elsewhere() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Elsewhere(const Elsewhere&) = delete;
  Elsewhere& operator=(const Elsewhere&) = delete;
  Elsewhere(Elsewhere&&) = delete;
  Elsewhere& operator=(Elsewhere&&) = delete;
  std::string path(const std::string& file) const { return "/proc/" + std::to_string(pid_) + "/" + file; }

 private:
  pid_t pid_;
};

bool may_raise_limits() {
  return ::prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE, 0, 0, 0) == 1;
}

}  // namespace

// A device that is given to the container's user, in the host's own directory, would be his on the host.
TEST_CASE("a /dev that is bound from the host stays as it is") {
  OciBundle oci;
  const HostMount dev(oci.directory() + "/hosts-dev", "tmpfs");
  const auto make = [&](const char* name, unsigned major, unsigned minor) {
    REQUIRE(::mknod((dev.path() + "/" + name).c_str(), S_IFCHR | 0600, makedev(major, minor)) == 0);
  };
  make("null", 1, 3);
  make("zero", 1, 5);
  make("fuse", 10, 229);
  const std::string before = files_of(dev.path());
  Json mounts = Json::array();
  for (const Json& mount : oci.spec["mounts"])
    if (!mount["destination"].get<std::string>().starts_with("/dev")) mounts.push_back(mount);
  oci.spec["mounts"] = mounts;
  add_bind(oci, dev.path(), {"rbind", "rprivate"}, "/dev");
  oci.spec["linux"]["devices"] = Json::array(
      {{{"path", "/dev/fuse"}, {"type", "c"}, {"major", 10}, {"minor", 229}, {"uid", 1234}, {"gid", 1234}},
       {{"path", "/dev/more"}, {"type", "c"}, {"major", 10}, {"minor", 229}}});
  const Outcome outcome = oci.shell("ls /dev | wc -l");
  CHECK(outcome.err.empty());
  CHECK(outcome.out == "3\n");
  CHECK(files_of(dev.path()) == before);
}

TEST_CASE("a device of a bound directory keeps its owner") {
  OciBundle oci;
  const HostMount devices(oci.directory() + "/hosts-devices", "tmpfs");
  const std::string node = devices.path() + "/one";
  REQUIRE(::mknod(node.c_str(), S_IFCHR | 0600, makedev(10, 229)) == 0);
  add_bind(oci, devices.path(), {"bind"}, "/dev/snd");
  oci.spec["linux"]["devices"] =
      Json::array({{{"path", "/dev/snd/one"}, {"type", "c"}, {"major", 10}, {"minor", 229}, {"uid", 1234}}});
  CHECK(oci.shell("stat -c %u /dev/snd/one").out == "0\n");
  struct stat status = {};
  REQUIRE(::stat(node.c_str(), &status) == 0);
  CHECK(status.st_uid == 0);
}

// mount_namespaces(7): what a more privileged namespace mounted is locked. crun 1.8.1 lets it be remounted.
TEST_CASE("what the host mounted read-only stays so for root of a user namespace") {
  OciBundle oci;
  if (oci_runtime_name() == "crun") return;
  const std::string directory = oci.directory() + "/shown";
  const HostMount shown(directory, "tmpfs");
  REQUIRE(::chmod(directory.c_str(), 0777) == 0);
  use_user_namespace(oci);
  give_capability(oci, "CAP_SYS_ADMIN");
  const unsigned long kept = MS_RDONLY | MS_NOSUID | MS_NODEV;
  SECTION("the mount") {
    const HostMount below(directory + "/below", "none", directory.c_str());
    REQUIRE(::mount(nullptr, below.path().c_str(), nullptr, MS_REMOUNT | MS_BIND | kept, nullptr) == 0);
    add_bind(oci, below.path(), {"bind"});
    const Outcome outcome = oci.shell("mount -o remount,bind,rw /mnt; touch /mnt/mine; ls /mnt");
    CHECK(outcome.out == "below\n");
  }
  SECTION("one that comes along") {
    const HostMount below(directory + "/below", "none", directory.c_str());
    REQUIRE(::mount(nullptr, below.path().c_str(), nullptr, MS_REMOUNT | MS_BIND | kept, nullptr) == 0);
    add_bind(oci, directory, {"rbind"});
    const Outcome outcome = oci.shell(
        "mount -o remount,bind,rw /mnt/below; touch /mnt/below/mine; umount /mnt/below; ls /mnt /mnt/below");
    CHECK(outcome.out == "/mnt:\nbelow\n\n/mnt/below:\nbelow\n");
  }
  SECTION("a mount without what is below it") {
    if (!is_vial_oci()) return;  // runc can't
    const HostMount below(directory + "/below", "tmpfs");
    REQUIRE(create_file(below.path() + "/deep", "x"));
    add_bind(oci, directory, {"bind"});
    CHECK(oci.shell("ls /mnt /mnt/below").out == "/mnt:\nbelow\n\n/mnt/below:\n");
  }
  SECTION("options that would lift it are an error with words") {
    if (!is_vial_oci()) return;
    REQUIRE(::mount(nullptr, directory.c_str(), nullptr, MS_REMOUNT | MS_BIND | kept, nullptr) == 0);
    add_bind(oci, directory, {"bind", "rw"});
    const Outcome outcome = oci.shell("true");
    CHECK(outcome.code == 1);
    CHECK(outcome.err.find("in a user namespace a mount stays as the host has it") != std::string::npos);
  }
}

// Lists that were written for an older runtime, or for the program alone, know none of the calls of a start.
TEST_CASE("a filter that denies what only the runtime needs lets the program start") {
  OciBundle oci;
  SECTION("without no_new_privs") {
    oci.spec["process"]["noNewPrivileges"] = false;
    oci.spec["linux"]["seccomp"] = filter({"close_range"});
  }
  SECTION("with no_new_privs") {
    oci.spec["linux"]["seccomp"] =
        filter({"close_range", "prctl", "capset", "setgroups", "setresuid", "setresgid", "umask", "recvmsg",
                "sendmsg", "accept4", "dup3", "openat2", "fchdir"});
  }
  const Outcome outcome = oci.shell("echo started; ls /proc/self/fd");
  CHECK(outcome.err.empty());
  CHECK(outcome.out.starts_with("started\n0\n1\n2\n3\n"));  // 3 is the directory that ls reads
  oci.launch({"sleep", "100"});
  CHECK(oci.call({"exec", oci.id(), "true"}).code == 0);
  oci.remove();
}

// spec: config-linux.md#seccomp the container process state: pid is the process's, state the container's
TEST_CASE("the agent of a filter is told of a second process, and of the container") {
  OciBundle oci;
  if (!is_vial_oci()) return;  // crun 1.8.1 tells no bundle
  const std::string path = oci.directory() + "/agent";
  const Fd directory(::open(oci.directory().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const auto agent = unix_socket(SOCK_STREAM);
  REQUIRE(agent);
  REQUIRE(bind_at(agent->get(), directory.get(), "agent"));
  REQUIRE(::listen(agent->get(), 2) == 0);
  oci.spec["linux"]["seccomp"] = {
      {"defaultAction", "SCMP_ACT_ALLOW"},
      {"listenerPath", path},
      {"listenerMetadata", "note"},
      {"syscalls", Json::array({{{"names", {"swapoff"}}, {"action", "SCMP_ACT_NOTIFY"}}})}};
  oci.launch({"sleep", "100"});
  const Json pid = oci.state()["pid"];
  const Json first = state_sent_to(*agent);
  CHECK(first["pid"] == pid);
  CHECK(first["state"]["pid"] == pid);
  REQUIRE(oci.call({"exec", oci.id(), "true"}).code == 0);
  const Json second = state_sent_to(*agent);
  CHECK(second["pid"] != pid);
  CHECK(second["metadata"] == "note");
  CHECK(second["state"]["pid"] == pid);
  CHECK(second["state"]["status"] == "running");
  CHECK(second["state"]["bundle"] == oci.bundle());
  oci.remove();
}

// spec: config-linux.md#namespaces the path is the host's, whatever is joined first
TEST_CASE("a mount namespace is joined after the others") {
  OciBundle oci;
  if (!is_vial_oci()) return;  // runc 1.1 has no time namespaces, and crun 1.8.1 fails
  const Elsewhere elsewhere;
  for (Json& one : oci.spec["linux"]["namespaces"])
    if (one["type"] == "mount") one["path"] = elsewhere.path("ns/mnt");
  oci.spec["linux"]["namespaces"].push_back(
      {{"type", "time"}, {"path", elsewhere.path("ns/time_for_children")}});
  const auto wanted = sys::readlinkat(AT_FDCWD, elsewhere.path("ns/time_for_children").c_str());
  REQUIRE(wanted);
  const Outcome outcome = oci.run({"readlink", "/proc/self/ns/time"});
  CHECK(outcome.err.empty());
  CHECK(trim(outcome.out) == *wanted);
}

// CVE-2019-16884, CVE-2025-52881: nothing of what exec writes may end in a file of the container's.
TEST_CASE("exec does not believe a /proc that the container has put there") {
  OciBundle oci;
  if (!is_vial_oci()) return;
  give_capability(oci, "CAP_SYS_ADMIN");
  oci.spec["process"]["oomScoreAdj"] = 300;
  oci.launch({"sh", "-c",
              "mount -t tmpfs none /proc && mkdir /proc/self && echo > /proc/self/oom_score_adj && "
              "echo ready; exec sleep 100"});
  REQUIRE(within(kPatience, [&] { return oci.output() == "ready\n"; }));
  const Outcome outcome = oci.call({"exec", oci.id(), "true"});
  CHECK(outcome.code == 255);
  CHECK(outcome.err.find("no procfs") != std::string::npos);
  oci.remove();
}

// spec: config.md#mounts.options.propagation
TEST_CASE("a mount that asks for it sees what the host mounts later") {
  OciBundle oci;
  if (oci_runtime_name() == "crun") return;  // only with rootfsPropagation
  const HostMount source(oci.directory() + "/source", "tmpfs");
  REQUIRE(::mount(nullptr, source.path().c_str(), nullptr, MS_SHARED, nullptr) == 0);
  add_bind(oci, source.path(), {"rbind", "rslave"});
  SECTION("the root says nothing") {}
  SECTION("the root is private") {
    oci.spec["linux"]["rootfsPropagation"] = "private";
  }
  oci.launch({"sleep", "100"});
  const HostMount later(source.path() + "/later", "tmpfs");
  REQUIRE(create_file(later.path() + "/there", "x"));
  CHECK(oci.call({"exec", oci.id(), "ls", "/mnt/later"}).code == 0);
  const Outcome mounts = oci.call({"exec", oci.id(), "grep", "/mnt/later", "/proc/self/mountinfo"});
  CHECK(mounts.code == 0);
  oci.remove();
}

// Docker says a score always. crun and runc set it before they enter.
TEST_CASE("the out-of-memory score is set in a user namespace, too") {
  OciBundle oci;
  use_user_namespace(oci);
  oci.spec["process"]["oomScoreAdj"] = 300;
  const Words shown = {"cat", "/proc/self/oom_score_adj"};
  CHECK(oci.run(shown).out == "300\n");
  oci.launch({"sleep", "100"});
  CHECK(oci.call({"exec", oci.id(), "cat", "/proc/self/oom_score_adj"}).out == "300\n");
  oci.remove();
}

// spec: config-linux.md#offset-for-time-namespace boottime
TEST_CASE("clocks have their offsets in a user namespace, too") {
  OciBundle oci;
  if (!is_vial_oci()) return;  // newer than runc 1.1
  use_user_namespace(oci);
  oci.spec["linux"]["namespaces"].push_back({{"type", "time"}});
  oci.spec["linux"]["timeOffsets"] = {{"boottime", {{"secs", 10'000'000}}}};
  const Outcome outcome = oci.run({"cat", "/proc/uptime"});
  INFO(outcome.err);
  const auto uptime = parse_uint(outcome.out.substr(0, outcome.out.find('.')));
  REQUIRE(uptime);
  CHECK(*uptime > 10'000'000);
}

// The capability of a user namespace counts for neither: Kubernetes lowers the score of a pod in one.
TEST_CASE("limits above the caller's are granted in a user namespace, too") {
  OciBundle oci;
  if (oci_runtime_name() == "crun") return;
  use_user_namespace(oci);
  rlimit now = {};
  REQUIRE(::getrlimit(RLIMIT_NPROC, &now) == 0);
  const rlim_t least = now.rlim_max == RLIM_INFINITY ? 5000 : now.rlim_max;
  const rlimit lower = {least, least};
  REQUIRE(::setrlimit(RLIMIT_NPROC, &lower) == 0);
  oci.spec["process"]["oomScoreAdj"] = -500;
  oci.spec["process"]["rlimits"] =
      Json::array({{{"type", "RLIMIT_NPROC"}, {"soft", least + 7}, {"hard", least + 8}}});
  const Words shown = {"sh", "-c", "grep processes /proc/self/limits; cat /proc/self/oom_score_adj"};
  const auto is_granted = [least](const Outcome& outcome) {
    INFO(outcome.out << outcome.err);
    std::string text;
    for (const auto& word : split(outcome.out, ' '))
      text += word.empty() ? "" : word + " ";
    const std::string limits = std::to_string(least + 7) + " " + std::to_string(least + 8);
    CHECK(text == "Max processes " + limits + " processes \n-500\n ");
  };
  if (may_raise_limits()) {
    is_granted(oci.run(shown));
    oci.launch({"sleep", "100"});
    Words exec = {"exec", oci.id()};
    exec.insert(exec.end(), shown.begin(), shown.end());
    is_granted(oci.call(exec));
    oci.remove();
    REQUIRE(::setrlimit(RLIMIT_NPROC, &now) == 0);
  } else {
    CHECK(oci.run(shown).code == 1);
    CHECK(oci.status() == "unknown");
  }
}

// Two creators and somebody who deletes: what the second made is no longer the first one's to take away.
TEST_CASE("a creator that is late leaves the container of the next one alone") {
  OciBundle oci;
  if (!is_vial_oci()) return;
  oci.write_config();
  std::optional<RunningProgram> late;
  {
    const Variable stop("VIAL_STOP_AT", "state.made");
    late.emplace(oci.command_line({"create", "-b", oci.bundle(), oci.id()}), oci.directory());
  }
  const std::string status = "/proc/" + std::to_string(late->pid()) + "/status";
  REQUIRE(within(kPatience,
                 [&] { return read_file(status).value_or("").find("T (stopped)") != std::string::npos; }));
  REQUIRE(oci.call({"delete", "--force", oci.id()}).code == 0);
  REQUIRE(oci.create({"sleep", "100"}).code == 0);
  late->signal(SIGCONT);
  const Outcome outcome = late->wait();
  CHECK(outcome.code == 1);
  CHECK(outcome.err.find("container with given ID already exists") != std::string::npos);
  CHECK(oci.status() == "created");
  oci.remove();
}
