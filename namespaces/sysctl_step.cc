// Kernel parameters that belong to a namespace of the container (sysctl(8), namespaces(7),
// ipc_namespaces(7)).
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "namespaces/identity_steps.h"

namespace namespaces {
namespace {

constexpr auto kIpcNames = std::to_array<std::string_view>({"kernel/msgmax", "kernel/msgmnb", "kernel/msgmni",
                                                            "kernel/sem", "kernel/shmall", "kernel/shmmax",
                                                            "kernel/shmmni", "kernel/shm_rmid_forced"});

// "net.ipv4.conf.eth0/1.x" keeps a slash for a dot in an interface's name, as sysctl(8) does: the first
// separator that occurs is the separator, the other one is literal.
std::string sysctl_path(std::string name) {
  const size_t first = name.find_first_of("./");
  if (first == std::string::npos || name[first] == '/') return name;
  for (char& c : name) {
    if (c == '.') {
      c = '/';
    } else if (c == '/') {
      c = '.';
    }
  }
  return name;
}

// The namespace that `path` belongs to, nullptr if it is the whole machine's.
const char* namespace_of(const std::string& path) {
  if (path.starts_with("net/")) return "network";
  if (path.starts_with("fs/mqueue/")) return "ipc";
  if (std::find(kIpcNames.begin(), kIpcNames.end(), path) != kIpcNames.end()) return "ipc";
  if (path == "kernel/domainname" || path == "kernel/hostname") return "uts";
  return nullptr;
}

// A path can lead to the very namespace that we are in, which is the host's.
bool is_own_namespace(const NamespaceSet& namespaces, const char* name) {
  const auto path = namespaces.path_of(name);
  const auto* kind = find_namespace_kind(name);
  if (!path || kind == nullptr) return false;
  struct stat theirs = {};
  struct stat own = {};
  const std::string here = std::string("/proc/self/ns/") + kind->proc_name;
  return ::stat(path->c_str(), &theirs) == 0 && ::stat(here.c_str(), &own) == 0 &&
         theirs.st_dev == own.st_dev && theirs.st_ino == own.st_ino;
}

class Sysctl : public Step {
 public:
  explicit Sysctl(std::vector<std::pair<std::string, std::string>> values)
      : Step(Lane::kInit, "set " + std::to_string(values.size()) + " sysctls"), values_(std::move(values)) {}

  Result<void> perform(StepContext& context) const override {
    for (const auto& [path, value] : values_)
      TRY_IN("sysctl " + path, write(context.proc_fd.get(), path, value));
    return ok();
  }
  std::string say() const override {
    std::string text;
    for (const auto& [path, value] : values_) {
      text += std::string(text.empty() ? "" : "; ") + "write(/proc/sys/" + path + ", \"" + printable(value) +
              "\")";
    }
    return text;
  }
  std::string shell() const override {
    std::string lines;
    for (const auto& [path, value] : values_) {
      lines += std::string(lines.empty() ? "" : "\n") + "echo " + shell_quote(value) + " > " +
               shell_quote("/proc/sys/" + path);
    }
    return lines;
  }
  Reason why() const override {
    return {"kernel parameters of the container's own namespaces; the host's stay as they are", "sysctl(8)"};
  }
  std::string observe(const StepContext& context) const override {
    std::string text;
    for (const auto& [path, value] : values_) {
      auto fd = sys::openat(context.proc_fd.get(), ("sys/" + path).c_str(), O_RDONLY);
      if (!fd) continue;
      auto content = read_fd(fd->get());
      if (!text.empty()) text += "; ";
      if (content) text += trim(*content);
    }
    return text;
  }

 private:
  static Result<void> write(int proc_fd, const std::string& path, const std::string& value) {
    const std::string file = "sys/" + path;
    const Fd fd = TRY(sys::openat2(proc_fd, file.c_str(), O_WRONLY, 0,
                                   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV));
    struct statfs status = {};
    if (::fstatfs(fd.get(), &status) < 0 || status.f_type != PROC_SUPER_MAGIC)
      return corrupt("not on procfs");
    TRY(sys::write(fd.get(), value));
    return ok();
  }

  std::vector<std::pair<std::string, std::string>> values_;
};

}  // namespace

Result<StepPtr> sysctl_step(const std::map<std::string, std::string>& values,
                            const NamespaceSet& namespaces) {
  std::vector<std::pair<std::string, std::string>> checked;
  for (const auto& [name, value] : values) {
    const std::string path = sysctl_path(name);
    const char* owner = namespace_of(path);
    const std::string shown = "sysctl '" + printable(name) + "'";
    if (path.empty() || contains("/" + path + "/", "/../") || contains("/" + path + "/", "//") ||
        value.find_first_of(std::string_view("\n\0", 2)) != std::string::npos) {
      return invalid(shown + " has an invalid name or value");
    }
    if (owner == nullptr) return invalid(shown + " is not allowed: it is not in a separate kernel namespace");
    if (!namespaces.is_separate(owner) || is_own_namespace(namespaces, owner)) {
      return invalid(shown + " is not allowed: the container shares the host's " + owner + " namespace");
    }
    checked.emplace_back(path, value);
  }
  return StepPtr(std::make_unique<Sysctl>(std::move(checked)));
}

}  // namespace namespaces
