#include "engine/snapshot.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/strings.h"
#include "base/syscalls.h"
#include "namespaces/rootfs.h"

namespace engine {

namespace {

constexpr const char* kFileSystem = "overlay";
constexpr size_t kMountDataBytes = 4095;  // one page with its NUL, mount(2)

// Relative to layers_root, so that 100 layers fit one page and mountinfo shows no path of the host.
std::string overlay_options(const Snapshot& snapshot) {
  std::string lower;
  for (auto layer = snapshot.layers.rbegin(); layer != snapshot.layers.rend(); ++layer)
    lower += (lower.empty() ? "" : ":") + *layer + "/fs";
  const std::string id = snapshot.container_directory.substr(snapshot.container_directory.rfind('/') + 1);
  const std::string own = "../containers/" + id;
  return "lowerdir=" + lower + ",upperdir=" + own + "/upper,workdir=" + own + "/work" +
         (snapshot.is_volatile ? ",volatile" : "");
}

class MountSnapshot : public Step {
 public:
  explicit MountSnapshot(const Snapshot& snapshot)
      : Step(Lane::kInit, "mount the snapshot"),
        directory_(snapshot.layers_root),
        target_(snapshot.container_directory + "/rootfs"),
        options_(overlay_options(snapshot)) {}

  Result<void> perform(StepContext& /*context*/) const override {
    TRY(sys::chdir(directory_.c_str()));
    auto mounted = sys::mount(kFileSystem, target_.c_str(), kFileSystem, 0, options_.c_str());
    // overlayfs says EINVAL for an upper directory that can't be written.
    if (!mounted && ::access(target_.c_str(), W_OK) != 0 && errno == EROFS)
      return Error::from_errno("write to " + target_, EROFS);
    if (!mounted) return mounted;
    return sys::chdir("/");
  }
  std::string say() const override {
    return "chdir(" + directory_ + "); mount(overlay, " + target_ + ", overlay, 0, " + options_ +
           "); chdir(/)";
  }
  std::string shell() const override {
    return "cd " + shell_quote(directory_) + "\nmount -t overlay -o " + shell_quote(options_) + " overlay " +
           shell_quote(target_) + "\ncd /";
  }
  Reason why() const override {
    return {
        "the image's layers are shared and never written; what the container changes goes to its upper "
        "directory",
        "mount(2)"};
  }

 private:
  std::string directory_;
  std::string target_;
  std::string options_;
};

class MakeWorkingDirectory : public Step {
 public:
  MakeWorkingDirectory(const Snapshot& snapshot, std::string path)
      : Step(Lane::kInit, "make the working directory"),
        root_(snapshot.container_directory + "/rootfs"),
        path_(std::move(path)) {}

  Result<void> perform(StepContext& /*context*/) const override {
    const Fd root = TRY(sys::open(root_.c_str(), O_PATH | O_DIRECTORY));
    TRY(namespaces::open_target(root.get(), path_, namespaces::TargetType::kDirectory,
                                namespaces::Symlinks::kInRoot));
    return ok();
  }
  std::string say() const override {
    return "openat2(" + root_ + ", " + path_ + ", RESOLVE_IN_ROOT); mkdirat()";
  }
  std::string shell() const override { return "mkdir -p " + shell_quote(root_ + path_); }
  Reason why() const override {
    return {"the root will be read-only, and the working directory may not be in the image", "openat2(2)"};
  }

 private:
  std::string root_;
  std::string path_;
};

}  // namespace

StepPtr make_working_directory_step(const Snapshot& snapshot, const std::string& path) {
  return std::make_unique<MakeWorkingDirectory>(snapshot, path);
}

Result<StepPtr> mount_snapshot_step(const Snapshot& snapshot) {
  if (snapshot.layers.empty()) return invalid("the image has no layers");
  if (overlay_options(snapshot).size() > kMountDataBytes) {
    return invalid("the image has " + std::to_string(snapshot.layers.size()) +
                   " layers, more than fit one overlay mount");
  }
  return StepPtr(std::make_unique<MountSnapshot>(snapshot));
}

std::vector<std::string> snapshot_directories(const Snapshot& snapshot) {
  std::vector<std::string> directories = {snapshot.container_directory + "/upper"};
  for (auto layer = snapshot.layers.rbegin(); layer != snapshot.layers.rend(); ++layer)
    directories.push_back(snapshot.layers_root + "/" + *layer + "/fs");
  return directories;
}

}  // namespace engine
