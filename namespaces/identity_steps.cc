#include "namespaces/identity_steps.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "namespaces/host_trees.h"

namespace namespaces {
namespace {

std::string own_namespace(const char* proc_name) {
  auto link = sys::readlinkat(AT_FDCWD, (std::string("/proc/self/ns/") + proc_name).c_str());
  return link ? *link : "";
}

class JoinNamespace : public Step {
 public:
  JoinNamespace(const NamespaceKind& kind, std::string path)
      : Step(Lane::kInit, std::string("join the ") + kind.spec_name + " namespace"),
        kind_(kind),
        path_(std::move(path)) {}
  Result<void> perform(StepContext& /*context*/) const override {
    const Fd fd = TRY(sys::open(path_.c_str(), O_RDONLY));
    return TRY_IN(path_, sys::setns(fd.get(), kind_.clone_flag)), ok();
  }
  std::string say() const override { return "setns(" + path_ + ", " + kind_.spec_name + ")"; }
  std::string shell() const override {
    return "# join: nsenter(1), which starts what is in here, takes " + shell_quote(path_);
  }
  Reason why() const override { return {"shares this namespace with whoever made it", "setns(2)"}; }
  std::string observe(const StepContext& /*context*/) const override {
    return own_namespace(kind_.proc_name);
  }

 private:
  NamespaceKind kind_;
  std::string path_;
};

class UnshareCgroup : public Step {
 public:
  UnshareCgroup() : Step(Lane::kInit, "new cgroup namespace") {}
  Result<void> perform(StepContext& /*context*/) const override { return sys::unshare(CLONE_NEWCGROUP); }
  std::string say() const override { return "unshare(CLONE_NEWCGROUP)"; }
  std::string shell() const override { return "# new cgroup namespace: the --cgroup of unshare(1) above"; }
  Reason why() const override {
    return {"the container's own cgroup becomes \"/\": it can't see where the host put it",
            "cgroup_namespaces(7)"};
  }
  std::string observe(const StepContext& /*context*/) const override { return own_namespace("cgroup"); }
};

class WriteIdMaps : public Step {
 public:
  WriteIdMaps(const std::vector<IdMap>& uid_maps, const std::vector<IdMap>& gid_maps)
      : Step(Lane::kHost, "write the id maps"), uids_(id_map_text(uid_maps)), gids_(id_map_text(gid_maps)) {}
  Result<void> perform(StepContext& context) const override {
    const std::string directory = "/proc/" + std::to_string(context.init_pid) + "/";
    TRY(write_kernel_file(directory + "uid_map", uids_));
    return write_kernel_file(directory + "gid_map", gids_);
  }
  std::string say() const override {
    return "write(/proc/PID/uid_map, \"" + std::string(trim(uids_)) + "\"); write(/proc/PID/gid_map, \"" +
           std::string(trim(gids_)) + "\")";
  }
  std::string shell() const override { return "# id maps: unshare(1) takes --map-users and --map-groups"; }
  Reason why() const override {
    return {"user 0 inside becomes an ordinary user outside; until this is written it is nobody",
            "user_namespaces(7)"};
  }
  std::string observe(const StepContext& context) const override {
    auto text = read_file("/proc/" + std::to_string(context.init_pid) + "/uid_map");
    return text ? std::string(trim(*text)) : "";
  }

 private:
  std::string uids_;
  std::string gids_;
};

class BecomeRoot : public Step {
 public:
  BecomeRoot() : Step(Lane::kInit, "become root of the user namespace") {}
  Result<void> perform(StepContext& /*context*/) const override {
    // The raw calls: glibc's would signal other threads of a process that has none.
    if (::syscall(SYS_setresgid, 0, 0, 0) < 0) return Error::from_errno("setresgid", errno);
    if (::syscall(SYS_setresuid, 0, 0, 0) < 0) return Error::from_errno("setresuid", errno);
    return ok();
  }
  std::string say() const override { return "setresgid(0, 0, 0); setresuid(0, 0, 0)"; }
  std::string shell() const override { return "# become root: unshare(1) takes --setuid 0 --setgid 0"; }
  Reason why() const override {
    return {"files made from here on belong to the mapped root", "setresuid(2)"};
  }
};

class TimeNamespace : public Step {
 public:
  explicit TimeNamespace(const std::vector<ClockOffset>& offsets) : Step(Lane::kInit, "new time namespace") {
    for (const auto& offset : offsets) {
      text_ += offset.clock + " " + std::to_string(offset.seconds) + " " +
               std::to_string(offset.nanoseconds) + "\n";
    }
  }
  Result<void> perform(StepContext& /*context*/) const override {
    // unshare moves only future children; the offsets are frozen as soon as a process is inside. So: make,
    // set, enter.
    TRY(sys::unshare(CLONE_NEWTIME));
    if (!text_.empty()) TRY(write_kernel_file("/proc/self/timens_offsets", text_));
    const Fd ours = TRY(sys::open("/proc/self/ns/time_for_children", O_RDONLY));
    return sys::setns(ours.get(), CLONE_NEWTIME);
  }
  std::string say() const override {
    return "unshare(CLONE_NEWTIME); write(/proc/self/timens_offsets, \"" + std::string(trim(text_)) +
           "\"); setns(time_for_children)";
  }
  std::string shell() const override {
    return "# new time namespace: unshare(1) takes --time --boottime N --monotonic N";
  }
  Reason why() const override { return {"its own uptime and monotonic clock", "time_namespaces(7)"}; }
  std::string observe(const StepContext& /*context*/) const override { return own_namespace("time"); }

 private:
  std::string text_;
};

class Name : public Step {
 public:
  Name(bool is_domain, std::string name)
      : Step(Lane::kInit, (is_domain ? "set the domain name " : "set the hostname ") + printable(name)),
        is_domain_(is_domain),
        name_(std::move(name)) {}
  Result<void> perform(StepContext& /*context*/) const override {
    return is_domain_ ? sys::setdomainname(name_) : sys::sethostname(name_);
  }
  std::string say() const override {
    return (is_domain_ ? "setdomainname(" : "sethostname(") + printable(name_) + ")";
  }
  std::string shell() const override {
    return "echo " + shell_quote(name_) + " > /proc/sys/kernel/" + (is_domain_ ? "domainname" : "hostname");
  }
  Reason why() const override {
    return {"the container's own name; the host keeps its own, that is all a uts namespace does",
            "uts_namespaces(7)"};
  }
  std::string observe(const StepContext& /*context*/) const override {
    std::array<char, 256> buffer = {};
    const int result = is_domain_ ? ::getdomainname(buffer.data(), buffer.size())
                                  : ::gethostname(buffer.data(), buffer.size());
    return result == 0 ? buffer.data() : "";
  }

 private:
  bool is_domain_;
  std::string name_;
};

class LoopbackUp : public Step {
 public:
  LoopbackUp() : Step(Lane::kInit, "set the loopback up") {}
  Result<void> perform(StepContext& /*context*/) const override {
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) return Error::from_errno("socket", errno);
    ifreq request = {};
    std::memcpy(request.ifr_name, "lo", sizeof "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) < 0)
      return Error::from_errno("ioctl SIOCSIFFLAGS lo", errno);
    return ok();
  }
  std::string say() const override { return "ioctl(SIOCSIFFLAGS, lo, IFF_UP)"; }
  std::string shell() const override { return "ip link set lo up"; }
  Reason why() const override {
    return {"a new network namespace has only a loopback, and it is down", "network_namespaces(7)"};
  }
  std::string observe(const StepContext& /*context*/) const override {
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request = {};
    std::memcpy(request.ifr_name, "lo", sizeof "lo");
    if (!socket || ::ioctl(socket.get(), SIOCGIFFLAGS, &request) < 0) return "";
    return (static_cast<unsigned>(request.ifr_flags) & static_cast<unsigned>(IFF_UP)) != 0 ? "lo up"
                                                                                           : "lo down";
  }
};

}  // namespace

StepPtr join_namespace_step(const NamespaceKind& kind, const std::string& path) {
  return std::make_unique<JoinNamespace>(kind, path);
}
StepPtr unshare_cgroup_step() {
  return std::make_unique<UnshareCgroup>();
}
StepPtr write_id_maps_step(const std::vector<IdMap>& uid_maps, const std::vector<IdMap>& gid_maps) {
  return std::make_unique<WriteIdMaps>(uid_maps, gid_maps);
}
StepPtr become_root_step() {
  return std::make_unique<BecomeRoot>();
}
StepPtr time_namespace_step(const std::vector<ClockOffset>& offsets) {
  return std::make_unique<TimeNamespace>(offsets);
}
StepPtr hostname_step(const std::string& hostname) {
  return std::make_unique<Name>(false, hostname);
}
StepPtr domainname_step(const std::string& domainname) {
  return std::make_unique<Name>(true, domainname);
}
StepPtr loopback_up_step() {
  return std::make_unique<LoopbackUp>();
}

}  // namespace namespaces
