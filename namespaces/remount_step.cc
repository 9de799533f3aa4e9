#include "namespaces/remount_step.h"

#include <fcntl.h>

#include <cerrno>

#include "base/strings.h"
#include "base/syscalls.h"
#include "namespaces/file_system.h"
#include "namespaces/rootfs.h"

namespace namespaces {
namespace {

class Remount : public Step {
 public:
  Remount(const Mount& mount, MountOptions options)
      : Step(Lane::kInit, "remount " + printable(mount.destination)),
        destination_(clean_path(mount.destination)),
        words_(join(mount.options, ",")),
        options_(std::move(options)) {}

  Result<void> perform(StepContext& context) const override {
    const Fd target = TRY(open_in_root(context.root_fd.get(), destination_, Symlinks::kInRoot));
    if (!options_.bind && !options_.data.empty()) TRY(reconfigure(target.get()));
    return apply_attributes(target.get(), options_);
  }
  std::string say() const override {
    std::string attributes = "mount_setattr(" + destination_ + ", " + words_ + ")";
    if (options_.bind || options_.data.empty()) return attributes;
    return "fspick(" + destination_ + "); fsconfig(reconfigure); " + attributes;
  }
  std::string shell() const override {
    return "mount -o " + shell_quote(words_) + " " + shell_in_root(destination_);
  }
  Reason why() const override { return {"changes what is mounted already", "mount_setattr(2)"}; }

 private:
  Result<void> reconfigure(int target_fd) const {
    const Fd filesystem = TRY(sys::fspick(target_fd));
    TRY(set_parameters(filesystem.get(), options_.data));
    return sys::fsconfig_reconfigure(filesystem.get());
  }

  std::string destination_;
  std::string words_;
  MountOptions options_;
};

}  // namespace

namespace {

// The bare EPERM of a locked flag says nothing to anybody.
Result<void> set_attributes(int mount_fd, unsigned flags, const mount_attr& attributes) {
  auto done = sys::mount_setattr(mount_fd, "", flags, attributes);
  if (done || attributes.attr_clr == 0 || done.error().error_number() != EPERM) return done;
  return Error(ErrorKind::kSystem,
               done.error().text() +
                   ": in a user namespace a mount stays as the host has it: ro, nosuid, nodev, "
                   "noexec and the access times can't be changed",
               EPERM);
}

}  // namespace

Result<void> apply_attributes(int mount_fd, const MountOptions& options) {
  mount_attr attributes = {};
  attributes.attr_set = options.set;
  attributes.attr_clr = options.clear;
  if ((options.propagation & MS_REC) == 0) attributes.propagation = options.propagation;
  if (attributes.attr_set != 0 || attributes.attr_clr != 0 || attributes.propagation != 0) {
    TRY(set_attributes(mount_fd, AT_EMPTY_PATH, attributes));
  }
  mount_attr recursive = {};
  recursive.attr_set = options.recursive_set;
  recursive.attr_clr = options.recursive_clear;
  if ((options.propagation & MS_REC) != 0)
    recursive.propagation = options.propagation & ~static_cast<unsigned long>(MS_REC);
  if (recursive.attr_set != 0 || recursive.attr_clr != 0 || recursive.propagation != 0) {
    TRY(set_attributes(mount_fd, AT_EMPTY_PATH | AT_RECURSIVE, recursive));
  }
  return ok();
}

StepPtr remount_step(const Mount& mount, MountOptions options) {
  return std::make_unique<Remount>(mount, std::move(options));
}

}  // namespace namespaces
