// All steps together and a real execve(2): what a program has that was started with a container's privileges.
// No namespaces here; those are the other half, and other tests'.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <map>

#include "base/file.h"
#include "base/json.h"
#include "base/syscalls.h"
#include "security/limits.h"
#include "security/privileges.h"
#include "security/seccomp_profile.h"
#include "security/seccomp_steps.h"
#include "tests/unit/security/in_child.h"

using namespace security;

namespace {

struct Start {
  uint32_t uid = 0;
  bool no_new_privs = false;
  CapabilityMask capabilities = default_capabilities();
};

// The init lane's steps of this room, in the plan's order.
std::vector<StepPtr> steps_for(const Start& start) {
  const CapabilitySets sets = capability_sets_for(start.capabilities, start.uid);
  ProfileFacts facts;
  facts.capabilities = start.capabilities;
  std::vector<StepPtr> filters;
  filters.push_back(seccomp_step(compile_filter(deny_filter(start.capabilities)).value()));
  filters.push_back(seccomp_step(compile_filter(default_filter(facts)).value()));
  std::vector<StepPtr> steps;
  const auto add_filters = [&] {
    for (StepPtr& filter : filters)
      steps.push_back(std::move(filter));
  };
  steps.push_back(not_dumpable_step());
  steps.push_back(session_keyring_step());
  steps.push_back(resource_limits_step({{"RLIMIT_CORE", 0, 0, false}}).value());
  steps.push_back(drop_bounding_set_step(sets.bounding));
  if (!start.no_new_privs) add_filters();
  steps.push_back(set_ids_step({start.uid, start.uid, {start.uid}, 027}));
  steps.push_back(set_capabilities_step(sets));
  if (start.no_new_privs) {
    steps.push_back(no_new_privs_step());
    add_filters();
  }
  return steps;
}

Json run_probe(const Start& start, std::vector<const char*> arguments) {
  const auto steps = steps_for(start);
  const Fd program = sys::open(PROBE, O_RDONLY).value();  // a user may not be allowed to walk to it
  const Fd output = sys::memfd_create("output", 0).value();
  arguments.insert(arguments.begin(), "probe");
  arguments.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    StepContext context;
    std::string errors;
    for (const auto& step : steps)
      errors += perform(step, context);
    (void)::dup2(output.get(), errors.empty() ? STDOUT_FILENO : STDERR_FILENO);
    if (errors.empty()) (void)::fexecve(program.get(), const_cast<char**>(arguments.data()), environ);
    (void)write_all(STDERR_FILENO, errors);
    ::_exit(127);
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  (void)::lseek(output.get(), 0, SEEK_SET);
  const std::string text = read_fd(output.get()).value();
  const auto json = parse_json(text);
  INFO(text);
  REQUIRE(json);
  return *json;
}

}  // namespace

TEST_CASE("a program started as root has the default capabilities and both filters") {
  const Json seen = run_probe({}, {"report"});
  CHECK(seen["capabilities"] == Json({{"inheritable", "0000000000000000"},
                                      {"permitted", "00000000800425fb"},
                                      {"effective", "00000000800425fb"},
                                      {"bounding", "00000000800425fb"},
                                      {"ambient", "0000000000000000"}}));
  CHECK(seen["seccomp"] == 2);
  CHECK(seen["seccomp_filters"] >= 2);
  CHECK(seen["no_new_privs"] == 0);
  CHECK(seen["groups"] == Json::array({0}));
  CHECK(seen["umask"] == 027);
  CHECK(seen["rlimits"]["core"]["hard"] == 0);
  CHECK(seen["session_keyring"] == "EPERM");
}

TEST_CASE("a program started as a user has no capabilities, with and without no_new_privs") {
  for (const bool no_new_privs : {false, true}) {
    const Json seen = run_probe({1000, no_new_privs, default_capabilities()}, {"report"});
    CHECK(seen["capabilities"]["permitted"] == "0000000000000000");
    CHECK(seen["capabilities"]["effective"] == "0000000000000000");
    CHECK(seen["capabilities"]["bounding"] == "00000000800425fb");
    CHECK(seen["uid"] == Json({{"real", 1000}, {"effective", 1000}, {"saved", 1000}}));
    CHECK(seen["groups"] == Json({1000}));
    CHECK(seen["seccomp"] == 2);
    CHECK(seen["no_new_privs"] == (no_new_privs ? 1 : 0));
  }
}

TEST_CASE("the started program gets nowhere") {
  const std::map<std::string, std::string> expected = {
      {"mount", "EPERM"},
      {"umount-proc", "EPERM"},
      {"open-tree", "EPERM"},
      {"fsopen", "EPERM"},
      {"pivot-root", "EPERM"},
      {"unshare-user", "EPERM"},
      {"unshare-net", "EPERM"},
      {"clone-user", "EPERM"},
      {"clone3", "ENOSYS"},
      {"setns", "EPERM"},
      {"sethostname", "EPERM"},
      {"file-handle", "EPERM"},
      {"mknod-sda", "EPERM"},
      {"mknod-mem", "EPERM"},
      {"af-alg", "EPERM"},
      {"af-vsock", "EPERM"},
      {"netlink-audit", "EINVAL"},
      {"tiocsti", "EPERM"},
      {"tiocsti-high-bit", "EPERM"},
      {"tioclinux", "EPERM"},
      {"socket-high-bit", "EPERM"},
      {"io-uring", "EPERM"},
      {"keyctl", "EPERM"},
      {"add-key", "EPERM"},
      {"bpf", "EPERM"},
      {"perf", "EPERM"},
      {"userfaultfd", "EPERM"},
      {"kcmp", "EPERM"},
      {"syslog", "EPERM"},
      {"module", "EPERM"},
      {"kexec", "EPERM"},
      {"reboot", "EPERM"},
      {"swapon", "EPERM"},
      {"acct", "EPERM"},
      {"settimeofday", "EPERM"},
      {"personality", "ENOSYS"},
      {"x32", "ENOSYS"},
      {"proc-1-root", "EACCES"},
  };
  std::vector<const char*> arguments = {"try"};
  for (const auto& [name, result] : expected)
    arguments.push_back(name.c_str());
  const Json seen = run_probe({}, arguments);
  for (const auto& [name, result] : expected) {
    INFO(name);
    CHECK(seen[name] == result);
  }
  const Json works = run_probe({}, {"try", "bind-low-port", "raw-socket", "af-packet", "af-inet", "af-unix",
                                    "setuid", "mkfifo", "memfd", "dev-null", "ptmx"});
  for (const auto& [name, result] : works.items()) {
    INFO(name);
    CHECK(result == "ok");
  }
}
