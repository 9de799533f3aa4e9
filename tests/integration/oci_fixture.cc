#include "tests/integration/oci_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdlib>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "tests/integration/running_program.h"

namespace {

constexpr const char* kSpec = R"({
  "ociVersion": "1.0.2",
  "process": {
    "terminal": false,
    "user": {"uid": 0, "gid": 0},
    "args": ["true"],
    "env": ["PATH=/sbin:/bin", "TERM=xterm"],
    "cwd": "/",
    "capabilities": {
      "bounding": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
      "effective": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
      "permitted": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
    },
    "noNewPrivileges": true
  },
  "root": {"path": "rootfs", "readonly": false},
  "hostname": "validation",
  "mounts": [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
     "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
    {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
     "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
    {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
     "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
    {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
     "options": ["nosuid", "noexec", "nodev"]},
    {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]}
  ],
  "linux": {
    "namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}]
  }
})";

std::string environment(const char* name) {
  const char* value = ::getenv(name);
  return value == nullptr ? "" : value;
}

void make_directory(const std::string& path, mode_t mode = 0755) {
  REQUIRE((::mkdir(path.c_str(), mode) == 0 || errno == EEXIST));
  REQUIRE(::chmod(path.c_str(), mode) == 0);
}

// One copy of the two programs serves all tests: rootfs's get hard links.
std::string programs_directory() {
  static const std::string directory = [] {
    isolate_test_program({environment("VIAL_BIN_DIR"), environment("VIAL_SAMPLES")});
    std::string path = "/tmp/vial-oci-programs.XXXXXX";
    REQUIRE(::mkdtemp(path.data()) != nullptr);
    for (const auto& [from, name] : {std::pair<std::string, const char*>{"/bin/busybox", "busybox"},
                                     std::pair<std::string, const char*>{probe_program(), "probe"}}) {
      const auto content = read_file(from, 256U << 20U);
      INFO(from);
      REQUIRE(content);
      REQUIRE(replace_file(path + "/" + name, *content));
      REQUIRE(::chmod((path + "/" + name).c_str(), 0755) == 0);
    }
    return path;
  }();
  return directory;
}

void make_rootfs(const std::string& root) {
  const std::string programs = programs_directory();
  make_directory(root);
  for (const char* name : {"bin", "dev", "etc", "mnt", "proc", "root", "sys"})
    make_directory(root + "/" + name);
  make_directory(root + "/tmp", 01777);
  REQUIRE(::link((programs + "/busybox").c_str(), (root + "/bin/busybox").c_str()) == 0);
  REQUIRE(::link((programs + "/probe").c_str(), (root + "/probe").c_str()) == 0);
  for (const char* applet :
       {"sh",   "cat",  "chmod", "dd",    "echo", "env", "false",    "grep",  "head",  "id",
        "kill", "ls",   "mkdir", "mount", "ps",   "pwd", "readlink", "rm",    "sleep", "stat",
        "stty", "tail", "top",   "touch", "true", "tty", "umount",   "uname", "wc"})
    REQUIRE(::symlink("busybox", (root + "/bin/" + applet).c_str()) == 0);
  REQUIRE(replace_file(root + "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nbird:x:1234:2345::/:/bin/sh\n",
                       0644));
  REQUIRE(replace_file(root + "/etc/group", "root:x:0:\nbirds:x:2345:\n", 0644));
}

void find_named(std::vector<std::string>& found, const std::string& directory, const std::string& name) {
  for (const auto& entry : list_directory(directory).value_or({})) {
    const std::string path = directory + "/" + entry;
    struct stat info = {};
    if (::lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) continue;
    if (entry.find(name) != std::string::npos) found.push_back(path);
    find_named(found, path, name);
  }
}

std::string next_name(const std::string& prefix) {
  static int count = 0;
  return prefix + std::to_string(::getpid()) + "-" + std::to_string(++count);
}

[[noreturn]] void become(const Words& line) {
  const auto argv = exec_pointers(line);
  ::execvp(argv[0], argv.data());
  ::_exit(127);
}

}  // namespace

std::string oci_runtime() {
  const std::string other = environment("VIAL_OCI_RUNTIME");
  return other.empty() ? program("vial-oci") : other;
}

std::string oci_runtime_name() {
  const std::string path = oci_runtime();
  return path.substr(path.rfind('/') + 1);
}

bool is_vial_oci() {
  return oci_runtime_name() == "vial-oci";
}

Outcome run_into_files(const Words& argv, const std::string& directory, const std::string& file) {
  const std::string name = directory + "/" + (file.empty() ? next_name("call-") : file);
  const pid_t pid = ::fork();
  if (pid == 0) {
    constexpr int kNewFile = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC;
    ::dup2(::open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
    ::dup2(::open((name + ".out").c_str(), kNewFile, 0666), 1);
    ::dup2(::open((name + ".err").c_str(), kNewFile, 0666), 2);
    become(argv);
  }
  REQUIRE(pid > 0);
  constexpr int kLongest = 60;
  int status = 0;
  const bool ended = within(kLongest, [&] { return ::waitpid(pid, &status, WNOHANG) == pid; });
  Outcome outcome;
  outcome.out = read_file(name + ".out").value_or("");
  outcome.err = read_file(name + ".err").value_or("");
  if (!ended) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    FAIL("no end after " << kLongest << " s: " << shell_words(argv) << "\n" << outcome.out << outcome.err);
  }
  outcome.code = ExitStatus::from_wait_status(status).shell_code();
  return outcome;
}

OciBundle::OciBundle() {
  (void)programs_directory();
  id_ = next_name("vial-test-");
  directory_ = "/tmp/" + id_;
  make_directory(directory_);
  make_directory(directory_ + "/bundle");
  make_directory(directory_ + "/state", 0711);
  make_rootfs(rootfs());
  const auto document = parse_json(kSpec);
  REQUIRE(document);
  spec = *document;
  spec["linux"]["cgroupsPath"] = "/" + id_;
  before_ = HostPicture::take({directory_ + "/state"});
}

OciBundle::~OciBundle() {
  std::string left = leaks_since(before_, kPatience);
  for (const auto& path : cgroups())
    left += "+ cgroup " + path + "\n";
  INFO("left behind by " << oci_runtime() << ":\n" << left);
  CHECK(left.empty());
  if (!left.empty()) {  // one test's failure is not the next one's
    (void)call({"kill", id_, "KILL"});
    (void)call({"delete", "--force", id_});
  }
  (void)remove_tree(directory_);
}

Words OciBundle::command_line(const Words& words) const {
  Words line = {oci_runtime(), "--root", directory_ + "/state"};
  line.insert(line.end(), words.begin(), words.end());
  return line;
}

Outcome OciBundle::call(const Words& words) const {
  return run_into_files(command_line(words), directory_);
}

void OciBundle::write_config() const {
  REQUIRE(replace_file(bundle() + "/config.json", dump_json(spec)));
}

Outcome OciBundle::run(const Words& args, const Words& options) {
  if (!args.empty()) spec["process"]["args"] = args;
  write_config();
  Words words = {"run", "--bundle", bundle()};
  words.insert(words.end(), options.begin(), options.end());
  words.push_back(id_);
  return call(words);
}

Json OciBundle::report(const Words& arguments) {
  Words words = {"/probe"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  const Outcome outcome = run(words);
  INFO(outcome.err << dump_json(spec));
  REQUIRE(outcome.code == 0);
  const auto document = parse_json(outcome.out);
  REQUIRE(document);
  return *document;
}

Outcome OciBundle::create(const Words& args, const Words& options) {
  if (!args.empty()) spec["process"]["args"] = args;
  write_config();
  Words words = {"create", "--bundle", bundle()};
  words.insert(words.end(), options.begin(), options.end());
  words.push_back(id_);
  return run_into_files(command_line(words), directory_, "container");
}

std::string OciBundle::output() const {
  return read_file(directory_ + "/container.out").value_or("");
}

void OciBundle::launch(const Words& args) {
  const Outcome created = create(args);
  INFO(created.err);
  REQUIRE(created.code == 0);
  const Outcome started = start();
  INFO(started.err);
  REQUIRE(started.code == 0);
}

Json OciBundle::state() const {
  const Outcome outcome = call({"state", id_});
  if (outcome.code != 0) return nullptr;
  INFO(outcome.out);
  const auto document = parse_json(outcome.out);
  REQUIRE(document);
  return *document;
}

std::string OciBundle::status() const {
  const Json now = state();
  return now.is_object() ? now.value("status", "") : "unknown";
}

bool OciBundle::becomes(const std::string& status) const {
  // Orphans of the container are adopted by this program: pid 1 of its namespace ends when they are reaped.
  return within(kPatience, [&] {
    (void)living_children();
    return this->status() == status;
  });
}

void OciBundle::remove() const {
  if (status() != "stopped") {
    (void)call({"kill", id_, "KILL"});
    REQUIRE(becomes("stopped"));
  }
  const Outcome removed = call({"delete", id_});
  INFO(removed.err);
  CHECK(removed.code == 0);
  CHECK(status() == "unknown");
}

std::vector<std::string> OciBundle::cgroups() const {
  std::vector<std::string> found;
  find_named(found, "/sys/fs/cgroup", id_);
  return found;
}
