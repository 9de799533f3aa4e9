#include "security/labels.h"

#include <fcntl.h>
#include <linux/openat2.h>

#include <cerrno>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"

namespace security {
namespace {

constexpr const char* kAppArmorSwitch = "/sys/module/apparmor/parameters/enabled";
constexpr const char* kSelinuxSwitch = "/sys/fs/selinux/enforce";

class CheckAppArmor : public Step {
 public:
  explicit CheckAppArmor(const std::string& profile)
      : Step(Lane::kHost, "see that AppArmor is enabled"), profile_(profile) {}
  Result<void> perform(StepContext& /*context*/) const override {
    const auto text = read_file(kAppArmorSwitch);
    if (text && trim(*text) == "Y") return ok();
    return unsupported("apparmorProfile " + printable(profile_) +
                       ": AppArmor is not enabled on this host; remove the profile, or boot with "
                       "security=apparmor");
  }
  std::string say() const override { return std::string("read(") + kAppArmorSwitch + ")"; }
  std::string shell() const override { return std::string("grep -q Y ") + kAppArmorSwitch; }
  Reason why() const override {
    return {"a profile that nobody enforces would be a promise that is not kept", "apparmor(7)"};
  }

 private:
  std::string profile_;
};

class CheckSelinux : public Step {
 public:
  CheckSelinux(std::string member, const std::string& label)
      : Step(Lane::kHost, "see that SELinux is enabled"), member_(std::move(member)), label_(label) {}
  Result<void> perform(StepContext& /*context*/) const override {
    if (path_exists(kSelinuxSwitch)) return ok();
    return unsupported(member_ + " " + printable(label_) +
                       ": SELinux is not enabled on this host; remove the label");
  }
  std::string say() const override { return std::string("stat(") + kSelinuxSwitch + ")"; }
  std::string shell() const override { return std::string("test -e ") + kSelinuxSwitch; }
  Reason why() const override {
    return {"a label that nobody enforces would be a promise that is not kept", "selinux(8)"};
  }

 private:
  std::string member_;
  std::string label_;
};

// Writes what the next execve(2) of this thread changes to.
class WriteExecAttribute : public Step {
 public:
  WriteExecAttribute(std::string name, std::string file, std::string text, Reason why)
      : Step(Lane::kInit, std::move(name)),
        file_(std::move(file)),
        text_(std::move(text)),
        why_(std::move(why)) {}
  Result<void> perform(StepContext& context) const override {
    // The container may have mounted something over its /proc: nothing but this procfs will do.
    constexpr uint64_t kResolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS;
    const std::string path = "thread-self/attr/" + file_;
    const Fd file = TRY(sys::openat2(context.proc_fd.get(), path.c_str(), O_WRONLY, 0, kResolve));
    auto written = sys::write(file.get(), text_);
    if (written) return ok();
    if (written.error().error_number() == ENOENT) return not_found(printable(text_) + " is not loaded");
    return std::move(written).error();
  }
  std::string say() const override {
    return "write(/proc/thread-self/attr/" + file_ + ", \"" + printable(text_) + "\")";
  }
  std::string shell() const override {
    return "printf %s " + shell_quote(text_) + " > /proc/self/attr/" + file_;
  }
  Reason why() const override { return why_; }
  std::string observe(const StepContext& context) const override {
    const std::string path = "thread-self/attr/" + file_;
    if (!context.proc_fd) return "";
    const auto file = sys::openat(context.proc_fd.get(), path.c_str(), O_RDONLY);
    const auto text = file ? read_fd(file->get()) : Result<std::string>(std::string());
    return text ? std::string(trim(*text)) : "";
  }

 private:
  std::string file_;
  std::string text_;
  Reason why_;
};

}  // namespace

StepPtr check_apparmor_step(const std::string& profile) {
  return std::make_unique<CheckAppArmor>(profile);
}

StepPtr apparmor_profile_step(const std::string& profile) {
  return std::make_unique<WriteExecAttribute>(
      "set AppArmor profile " + printable(profile), "apparmor/exec", "exec " + profile,
      Reason{"a list of what the program may touch, enforced by the kernel whoever it becomes",
             "apparmor(7)"});
}

StepPtr check_selinux_step(const std::string& member, const std::string& label) {
  return std::make_unique<CheckSelinux>(member, label);
}

StepPtr selinux_label_step(const std::string& label) {
  return std::make_unique<WriteExecAttribute>(
      "set SELinux label " + printable(label), "exec", label,
      Reason{"the host's policy says what processes of this label may touch", "selinux(8)"});
}

}  // namespace security
