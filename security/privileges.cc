#include "security/privileges.h"

#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "base/strings.h"
#include "base/syscalls.h"

namespace security {
namespace {

constexpr int kMaxCapability = 63;

bool holds(CapabilityMask mask, int number) {
  return (mask >> static_cast<unsigned>(number) & 1U) != 0;
}

// As /proc/PID/status prints a set.
std::string hex(CapabilityMask mask) {
  std::array<char, 17> text = {};
  (void)std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(mask));
  return text.data();
}

std::string names_or_none(CapabilityMask mask) {
  return mask == 0 ? "none" : join(capability_names(mask), "|");
}

// setpriv(1)'s spelling of a set: "-all,+chown,+kill".
std::string setpriv_list(CapabilityMask mask) {
  std::string text = "-all";
  for (const std::string& name : capability_names(mask))
    text += ",+" + to_lower(name.substr(4));
  return text;
}

template <typename Id>
std::string join_ids(const std::vector<Id>& ids) {
  std::string text;
  for (const Id id : ids)
    text += (text.empty() ? "" : ",") + std::to_string(id);
  return text;
}

class DropBoundingSet : public Step {
 public:
  explicit DropBoundingSet(CapabilityMask keep) : Step(Lane::kInit, "drop bounding set"), keep_(keep) {}

  Result<void> perform(StepContext& /*context*/) const override {
    for (int number = 0; number <= kMaxCapability; ++number) {
      if (holds(keep_, number)) continue;
      auto dropped = sys::prctl(PR_CAPBSET_DROP, static_cast<unsigned long>(number));
      if (dropped) continue;
      if (dropped.error().error_number() == EINVAL) break;           // behind the kernel's last capability
      if (::prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 0) continue;  // gone already, and who may not drop it
      return std::move(dropped).error().in("drop " + capability_name(number));
    }
    return ok();
  }
  std::string say() const override { return "prctl(PR_CAPBSET_DROP, each but " + names_or_none(keep_) + ")"; }
  std::string shell() const override {
    return "SETPRIV=\"$SETPRIV --bounding-set=" + setpriv_list(keep_) + "\"";
  }
  Reason why() const override {
    return {"what is not in the bounding set can't be had again, not even by running a setuid program",
            "capabilities(7)"};
  }
  std::string observe(const StepContext& /*context*/) const override { return hex(own_bounding_set()); }

 private:
  CapabilityMask keep_;
};

class SetIds : public Step {
 public:
  explicit SetIds(Identity identity)
      : Step(Lane::kInit, "set ids"),
        identity_(std::move(identity)),
        groups_(identity_.groups.begin(), identity_.groups.end()) {}

  // The raw calls: glibc's wrappers would signal all threads of a process that it no longer knows after
  // clone3.
  Result<void> perform(StepContext& /*context*/) const override {
    TRY(sys::prctl(PR_SET_KEEPCAPS, 1));
    TRY(call("setgroups", ::syscall(SYS_setgroups, groups_.size(), groups_.data())));
    const uid_t uid = identity_.uid;
    const gid_t gid = identity_.gid;
    TRY(call("setresgid", ::syscall(SYS_setresgid, gid, gid, gid)));
    TRY(call("setresuid", ::syscall(SYS_setresuid, uid, uid, uid)));
    ::umask(identity_.umask);
    return ok();
  }
  std::string say() const override {
    const std::string uid = std::to_string(identity_.uid);
    const std::string gid = std::to_string(identity_.gid);
    return "prctl(PR_SET_KEEPCAPS, 1); setgroups(" + std::to_string(groups_.size()) + ", [" +
           join_ids(identity_.groups) + "]); setresgid(" + gid + ", " + gid + ", " + gid + "); setresuid(" +
           uid + ", " + uid + ", " + uid + "); umask(" + umask_text() + ")";
  }
  std::string shell() const override {
    const std::string groups = groups_.empty() ? "--clear-groups" : "--groups=" + join_ids(identity_.groups);
    return "umask " + umask_text() + "\nSETPRIV=\"$SETPRIV --reuid=" + std::to_string(identity_.uid) +
           " --regid=" + std::to_string(identity_.gid) + " " + groups + "\"";
  }
  Reason why() const override {
    return {"the program runs as the user and in the groups that were asked for, in none of the caller's",
            "credentials(7)"};
  }
  std::string observe(const StepContext& /*context*/) const override {
    std::array<gid_t, 64> groups = {};
    const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
    const std::vector<gid_t> list(groups.begin(), groups.begin() + (count > 0 ? count : 0));
    return "uid " + std::to_string(::geteuid()) + " gid " + std::to_string(::getegid()) + " groups " +
           join_ids(list);
  }

 private:
  static Result<void> call(const char* name, long result) {
    if (result == 0) return ok();
    const int error_number = errno;
    if (error_number == EINVAL) {
      return Error(ErrorKind::kSystem, std::string(name) + ": the id is not mapped in the user namespace",
                   error_number);
    }
    return Error::from_errno(name, error_number);
  }
  std::string umask_text() const {
    std::array<char, 16> text = {};
    (void)std::snprintf(text.data(), text.size(), "%04o", static_cast<unsigned>(identity_.umask));
    return text.data();
  }

  Identity identity_;
  std::vector<gid_t> groups_;
};

class SetCapabilities : public Step {
 public:
  explicit SetCapabilities(const CapabilitySets& sets) : Step(Lane::kInit, "set capabilities"), sets_(sets) {}

  Result<void> perform(StepContext& /*context*/) const override {
    // Raised ambient bits must be in permitted and inheritable, so the old ones go first and ours come last.
    TRY(sys::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL));
    TRY(write_sets());
    for (int number = 0; number <= kMaxCapability; ++number) {
      if (!holds(sets_.ambient, number)) continue;
      TRY_IN("ambient " + capability_name(number),
             sys::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, static_cast<unsigned long>(number)));
    }
    return sys::prctl(PR_SET_KEEPCAPS, 0);
  }
  std::string say() const override {
    std::string text =
        "capset({_LINUX_CAPABILITY_VERSION_3, 0}, {effective=" + names_or_none(sets_.effective) +
        ", permitted=" + names_or_none(sets_.permitted) +
        ", inheritable=" + names_or_none(sets_.inheritable) + "})";
    for (const std::string& name : capability_names(sets_.ambient))
      text += "; prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, " + name + ")";
    return text + "; prctl(PR_SET_KEEPCAPS, 0)";
  }
  std::string shell() const override {
    return "SETPRIV=\"$SETPRIV --inh-caps=" + setpriv_list(sets_.inheritable) +
           " --ambient-caps=" + setpriv_list(sets_.ambient) +
           "\"\n# effective and permitted follow from uid, bounding and ambient set at exec: setpriv can't "
           "set them";
  }
  Reason why() const override {
    return {"root's power comes in " + std::to_string(kLastCapability + 1) +
                " parts; the program gets these and no others",
            "capabilities(7)"};
  }
  std::string observe(const StepContext& /*context*/) const override {
    std::array<__user_cap_data_struct, 2> data = {};
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    if (::syscall(SYS_capget, &header, data.data()) != 0) return {};
    const auto whole = [](uint32_t low, uint32_t high) { return hex(CapabilityMask{high} << 32U | low); };
    return "effective " + whole(data[0].effective, data[1].effective) + " permitted " +
           whole(data[0].permitted, data[1].permitted) + " inheritable " +
           whole(data[0].inheritable, data[1].inheritable);
  }

 private:
  Result<void> write_sets() const {
    const auto low = [](CapabilityMask mask) { return static_cast<uint32_t>(mask); };
    const auto high = [](CapabilityMask mask) { return static_cast<uint32_t>(mask >> 32U); };
    std::array<__user_cap_data_struct, 2> data = {};
    data[0] = {low(sets_.effective), low(sets_.permitted), low(sets_.inheritable)};
    data[1] = {high(sets_.effective), high(sets_.permitted), high(sets_.inheritable)};
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    if (::syscall(SYS_capset, &header, data.data()) == 0) return ok();
    const int error_number = errno;
    if (error_number != EPERM) return Error::from_errno("capset", error_number);
    return Error(
        ErrorKind::kSystem,
        "capset: Operation not permitted: the container asks for capabilities that vial itself does not "
        "have (see CapPrm in /proc/self/status), or an effective one that is not permitted",
        error_number);
  }

  CapabilitySets sets_;
};

class NoNewPrivs : public Step {
 public:
  NoNewPrivs() : Step(Lane::kInit, "no_new_privs") {}
  Result<void> perform(StepContext& /*context*/) const override { return sys::prctl(PR_SET_NO_NEW_PRIVS, 1); }
  std::string say() const override { return "prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)"; }
  std::string shell() const override { return "SETPRIV=\"$SETPRIV --no-new-privs\""; }
  Reason why() const override {
    return {"setuid bits and file capabilities give nothing any more, in this process and all it starts",
            "prctl(2)"};
  }
  std::string observe(const StepContext& /*context*/) const override {
    return std::to_string(::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  }
};

class SessionKeyring : public Step {
 public:
  SessionKeyring() : Step(Lane::kInit, "new session keyring") {}
  Result<void> perform(StepContext& /*context*/) const override {
    if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) >= 0) return ok();
    const int error_number = errno;
    if (error_number == ENOSYS || error_number == EPERM || error_number == EDQUOT) return ok();
    return Error::from_errno("keyctl", error_number);
  }
  std::string say() const override { return "keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL)"; }
  std::string shell() const override {
    return "# new session keyring: keyctl session - (around all that follows)";
  }
  Reason why() const override {
    return {"keys of the caller's session (disk, network file system) stay out of reach",
            "session-keyring(7)"};
  }
  std::string observe(const StepContext& /*context*/) const override {
    const long id = ::syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
    return id < 0 ? "" : std::to_string(id);
  }
};

class NotDumpable : public Step {
 public:
  NotDumpable() : Step(Lane::kInit, "not dumpable") {}
  Result<void> perform(StepContext& /*context*/) const override { return sys::prctl(PR_SET_DUMPABLE, 0); }
  std::string say() const override { return "prctl(PR_SET_DUMPABLE, 0)"; }
  std::string shell() const override { return "# PR_SET_DUMPABLE 0: no shell tool sets it"; }
  Reason why() const override {
    return {"who is in the container already can't trace us or look into our /proc entry while we come in",
            "prctl(2)"};
  }
  std::string observe(const StepContext& /*context*/) const override {
    return std::to_string(::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
  }
};

}  // namespace

StepPtr drop_bounding_set_step(CapabilityMask keep) {
  return std::make_unique<DropBoundingSet>(keep);
}
StepPtr set_ids_step(Identity identity) {
  return std::make_unique<SetIds>(std::move(identity));
}
StepPtr set_capabilities_step(const CapabilitySets& sets) {
  return std::make_unique<SetCapabilities>(sets);
}
StepPtr no_new_privs_step() {
  return std::make_unique<NoNewPrivs>();
}
StepPtr session_keyring_step() {
  return std::make_unique<SessionKeyring>();
}
StepPtr not_dumpable_step() {
  return std::make_unique<NotDumpable>();
}

}  // namespace security
