// Who the process is: ids, capabilities, seccomp, namespaces, limits; and what it was given.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "tests/inside/probe.h"

namespace probe {
namespace {

// "Name:" lines of /proc/self/status; null where /proc is not mounted.
Json status_member(const std::string& status, const std::string& name) {
  for (const std::string& line : split(status, '\n'))
    if (line.compare(0, name.size() + 1, name + ":") == 0)
      return std::string(trim(line.substr(name.size() + 1)));
  return nullptr;
}

Json number_member(const std::string& status, const std::string& name) {
  const Json text = status_member(status, name);
  if (!text.is_string()) return nullptr;
  const auto value = parse_int(text.get<std::string>());
  return value ? Json(*value) : text;
}

void report_ids(Json& out) {
  uid_t real = 0;
  uid_t effective = 0;
  uid_t saved = 0;
  (void)::getresuid(&real, &effective, &saved);
  out["uid"] = {{"real", real}, {"effective", effective}, {"saved", saved}};
  (void)::getresgid(&real, &effective, &saved);
  out["gid"] = {{"real", real}, {"effective", effective}, {"saved", saved}};
  std::array<gid_t, 256> groups = {};
  const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
  out["groups"] = std::vector<gid_t>(groups.begin(), groups.begin() + (count > 0 ? count : 0));
}

void report_limits(Json& out) {
  constexpr std::array<const char*, 16> kNames = {
      "cpu",     "fsize", "data",  "stack",      "core",     "rss",  "nproc",  "nofile",
      "memlock", "as",    "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime"};
  Json limits = Json::object();
  for (size_t number = 0; number < kNames.size(); ++number) {
    struct rlimit limit = {};
    if (::prlimit(0, static_cast<__rlimit_resource>(number), nullptr, &limit) != 0) continue;
    const auto text = [](rlim_t value) { return value == RLIM_INFINITY ? Json("unlimited") : Json(value); };
    limits[kNames[number]] = {{"soft", text(limit.rlim_cur)}, {"hard", text(limit.rlim_max)}};
  }
  out["rlimits"] = limits;
}

void report_namespaces(Json& out) {
  Json namespaces = Json::object();
  for (const char* kind : {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"}) {
    const auto link = sys::readlinkat(AT_FDCWD, (std::string("/proc/self/ns/") + kind).c_str());
    namespaces[kind] = link ? Json(*link) : Json();
  }
  out["namespaces"] = namespaces;
}

void report_descriptors(Json& out) {
  Json list = Json::array();
  for (int fd = 3; fd < 1024; ++fd) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags < 0) continue;
    const auto target = sys::readlinkat(AT_FDCWD, ("/proc/self/fd/" + std::to_string(fd)).c_str());
    list.push_back(
        {{"fd", fd}, {"target", target ? Json(*target) : Json()}, {"cloexec", (flags & FD_CLOEXEC) != 0}});
  }
  out["descriptors"] = list;
  Json standard = Json::array();
  for (int fd = 0; fd < 3; ++fd) {
    const auto target = sys::readlinkat(AT_FDCWD, ("/proc/self/fd/" + std::to_string(fd)).c_str());
    struct winsize size = {};
    const bool has_size = ::ioctl(fd, TIOCGWINSZ, &size) == 0;
    standard.push_back({{"open", ::fcntl(fd, F_GETFD) >= 0},
                        {"target", target ? Json(*target) : Json()},
                        {"tty", ::isatty(fd) == 1},
                        {"rows", has_size ? Json(size.ws_row) : Json()},
                        {"columns", has_size ? Json(size.ws_col) : Json()}});
  }
  out["stdio"] = standard;
  const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC);
  out["controlling_tty"] = outcome(terminal);
  if (terminal >= 0) ::close(terminal);
}

}  // namespace

void report_identity(Json& out) {
  const std::string status = read_file("/proc/self/status").value_or("");
  report_ids(out);
  out["capabilities"] = {{"inheritable", status_member(status, "CapInh")},
                         {"permitted", status_member(status, "CapPrm")},
                         {"effective", status_member(status, "CapEff")},
                         {"bounding", status_member(status, "CapBnd")},
                         {"ambient", status_member(status, "CapAmb")}};
  out["no_new_privs"] = ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
  out["dumpable"] = ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
  out["seccomp"] = number_member(status, "Seccomp");
  out["seccomp_filters"] = number_member(status, "Seccomp_filters");
  out["threads"] = number_member(status, "Threads");
  report_namespaces(out);
  report_limits(out);
  const mode_t mask = ::umask(0);
  ::umask(mask);
  out["umask"] = mask;
  out["nice"] = ::getpriority(PRIO_PROCESS, 0);
  out["scheduler"] = ::syscall(SYS_sched_getscheduler, 0);
  out["io_priority"] = ::syscall(SYS_ioprio_get, 1, 0);
  out["personality"] = ::syscall(SYS_personality, 0xffffffff);
  out["oom_score_adj"] = trim(read_file("/proc/self/oom_score_adj").value_or(""));
}

void report_process(Json& out) {
  out["environment"] = Json::array();
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry)
    out["environment"].push_back(*entry);
  std::array<char, PATH_MAX> cwd = {};
  // The raw call: glibc refuses what does not start with '/', and that is what we look for.
  const long length = ::syscall(SYS_getcwd, cwd.data(), cwd.size());
  out["cwd"] = length < 0 ? outcome(length) : std::string(cwd.data());
  struct utsname names = {};
  (void)::uname(&names);
  out["hostname"] = names.nodename;
  out["domainname"] = names.domainname;
  out["machine"] = names.machine;
  out["pid"] = ::getpid();
  out["ppid"] = ::getppid();
  out["pgid"] = ::getpgrp();
  out["sid"] = ::getsid(0);
  report_descriptors(out);
}

}  // namespace probe
