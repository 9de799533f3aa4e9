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

std::string shown(const std::string& name) {
  return "sysctl '" + printable(name) + "'";
}

Error is_the_hosts(const std::string& name, const char* owner) {
  return invalid(shown(name) + " is not allowed: the container shares the host's " + owner + " namespace");
}

// A path can lead to the very namespace that we are in, which is the host's. Only looking tells, so this is
// no part of the plan's making, and stands before what would have to be undone.
class CheckForeignNamespace : public Step {
 public:
  CheckForeignNamespace(const NamespaceKind& kind, const std::string& path, std::string sysctl)
      : Step(Lane::kHost, std::string("see that the ") + kind.spec_name + " namespace is not the host's"),
        kind_(&kind),
        path_(path),
        own_(std::string("/proc/self/ns/") + kind.proc_name),
        sysctl_(std::move(sysctl)) {}

  Result<void> perform(StepContext& /*context*/) const override {
    const struct stat theirs = TRY(sys::fstatat(AT_FDCWD, path_.c_str(), 0));
    const struct stat own = TRY(sys::fstatat(AT_FDCWD, own_.c_str(), 0));
    if (theirs.st_dev != own.st_dev || theirs.st_ino != own.st_ino) return ok();
    return is_the_hosts(sysctl_, kind_->spec_name);
  }
  std::string say() const override { return "stat(\"" + printable(path_) + "\"); stat(\"" + own_ + "\")"; }
  std::string shell() const override {
    const std::string path = shell_quote(path_);
    return "test -e " + path + " && test ! " + path + " -ef " + own_ + " || exit 1";
  }
  Reason why() const override {
    return {"a sysctl of a namespace that is joined by path would else be the host's", "namespaces(7)"};
  }

 private:
  const NamespaceKind* kind_;
  std::string path_;
  std::string own_;
  std::string sysctl_;
};

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
    if (path.empty() || contains("/" + path + "/", "/../") || contains("/" + path + "/", "//") ||
        value.find_first_of(std::string_view("\n\0", 2)) != std::string::npos) {
      return invalid(shown(name) + " has an invalid name or value");
    }
    if (owner == nullptr)
      return invalid(shown(name) + " is not allowed: it is not in a separate kernel namespace");
    if (!namespaces.is_separate(owner)) return is_the_hosts(name, owner);
    checked.emplace_back(path, value);
  }
  return StepPtr(std::make_unique<Sysctl>(std::move(checked)));
}

std::vector<StepPtr> check_sysctl_namespaces_steps(const std::map<std::string, std::string>& values,
                                                   const NamespaceSet& namespaces) {
  std::vector<StepPtr> steps;
  std::vector<const char*> looked_at;
  for (const auto& [name, value] : values) {
    const char* owner = namespace_of(sysctl_path(name));
    if (owner == nullptr || std::find(looked_at.begin(), looked_at.end(), owner) != looked_at.end()) continue;
    looked_at.push_back(owner);
    if (const auto path = namespaces.path_of(owner))
      steps.push_back(std::make_unique<CheckForeignNamespace>(*find_namespace_kind(owner), *path, name));
  }
  return steps;
}

}  // namespace namespaces
