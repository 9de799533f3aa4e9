#include "tests/integration/oci_spec_bundle.h"

#include <fcntl.h>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "tests/integration/running_program.h"

namespace {

Json mount(const char* destination, const char* type, std::vector<std::string> options) {
  return {{"destination", destination}, {"type", type}, {"source", type}, {"options", std::move(options)}};
}

Json small_config() {
  Json config = {{"ociVersion", "1.3.0"}, {"hostname", "spec"}, {"root", {{"path", "rootfs"}}}};
  config["process"] = {{"user", {{"uid", 0}, {"gid", 0}}}, {"cwd", "/"}, {"env", {"PATH=/bin"}}};
  config["mounts"] = {mount("/proc", "proc", {"nosuid", "noexec", "nodev"}),
                      mount("/dev", "tmpfs", {"nosuid", "mode=755", "size=65536k"}),
                      mount("/dev/pts", "devpts", {"nosuid", "noexec", "newinstance", "ptmxmode=0666"})};
  config["linux"]["namespaces"] = Json::array();
  for (const char* type : {"pid", "network", "ipc", "uts", "mount", "cgroup"})
    config["linux"]["namespaces"].push_back({{"type", type}});
  return config;
}

}  // namespace

SpecBundle::SpecBundle() {
  std::string pattern = "/tmp/vial-oci-spec-XXXXXX";
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  directory_ = pattern;
  id_ = "spec-" + directory_.substr(directory_.size() - 6);
  REQUIRE(make_directories(rootfs() + "/bin", 0755));
  const auto where = run_command({"sh", "-c", "command -v busybox"});
  REQUIRE(where);
  REQUIRE(create_file(rootfs() + "/bin/busybox", read_file(std::string(trim(where->out))).value(), 0755));
  for (const char* name : {"sh", "cat", "sleep", "grep", "ls", "stat", "id", "hostname", "true", "touch",
                           "mount", "readlink", "tr", "sed"})
    REQUIRE(sys::symlinkat("busybox", AT_FDCWD, (rootfs() + "/bin/" + name).c_str()));
  config = small_config();
  config["linux"]["cgroupsPath"] = "/vial-test/" + id_;
  set_script("true");
}

SpecBundle::~SpecBundle() {
  (void)oci({"delete", "--force", id_});
  CHECK(leftovers().empty());
  (void)remove_tree(directory_);
}

void SpecBundle::set_script(const std::string& script) {
  config["process"]["args"] = {"sh", "-c", script};
}

void SpecBundle::write_config() const {
  REQUIRE(replace_file(directory_ + "/config.json", dump_json(config)));
}

Outcome SpecBundle::oci(const Words& words) const {
  std::string line = shell_words({program("vial-oci"), "--root", directory_ + "/state"});
  line += " " + shell_words(words) + " < /dev/null > " + directory_ + "/out 2> " + directory_ + "/err";
  const auto done = run_command({"sh", "-c", line});
  REQUIRE(done);
  return {done->status.shell_code(), read_file(directory_ + "/out").value(),
          read_file(directory_ + "/err").value()};
}

Outcome SpecBundle::run() {
  write_config();
  return oci({"run", "-b", directory_, id_});
}

Outcome SpecBundle::create() {
  write_config();
  std::string line = shell_words({program("vial-oci"), "--root", directory_ + "/state", "create", "-b",
                                  directory_, "--pid-file", directory_ + "/pid", id_});
  line += " < /dev/null > " + directory_ + "/container-out 2> " + directory_ + "/err";
  const auto done = run_command({"sh", "-c", line});
  REQUIRE(done);
  return {done->status.shell_code(), "", read_file(directory_ + "/err").value()};
}

std::string SpecBundle::output() const {
  return read_file(directory_ + "/container-out").value_or("");
}

std::string SpecBundle::status() const {
  const Outcome state = oci({"state", id_});
  if (state.code != 0) return "";
  return parse_json(state.out).value()["status"].get<std::string>();
}

bool SpecBundle::becomes(const std::string& wanted) const {
  return within(kPatience, [&] { return status() == wanted; });
}

std::vector<std::string> SpecBundle::leftovers() const {
  std::vector<std::string> found;
  if (path_exists(directory_ + "/state/" + id_)) found.push_back("state");
  const auto hierarchies = list_directory("/sys/fs/cgroup").value_or(std::vector<std::string>());
  for (const auto& name : hierarchies) {
    const std::string path = "/sys/fs/cgroup/" + name + "/vial-test/" + id_;
    if (path_exists(path)) found.push_back(path);
  }
  if (path_exists("/sys/fs/cgroup/vial-test/" + id_)) found.push_back("/sys/fs/cgroup/vial-test/" + id_);
  if (contains(read_file("/proc/self/mountinfo").value_or(""), directory_)) found.push_back("mount");
  return found;
}
