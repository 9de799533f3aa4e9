#include "namespaces/identity_steps.h"

#include <linux/sched.h>

#include <catch2/catch.hpp>

#include "base/process.h"
#include "base/strings.h"

using namespaces::NamespaceSet;

TEST_CASE("a namespace set knows what is new, joined and shared") {
  const auto set = NamespaceSet::from({{"pid", ""}, {"network", "/run/netns/x"}, {"mount", ""}}).value();
  CHECK(set.is_new("pid"));
  CHECK_FALSE(set.is_new("network"));
  CHECK(set.is_separate("network"));
  CHECK(set.path_of("network") == "/run/netns/x");
  CHECK_FALSE(set.is_separate("uts"));
  CHECK(set.clone_flags() == (CLONE_NEWPID | CLONE_NEWNS));
}

TEST_CASE("namespace sets that make no sense are refused") {
  CHECK_FALSE(NamespaceSet::from({{"pid", ""}, {"pid", ""}}));
  CHECK_FALSE(NamespaceSet::from({{"net", ""}}));
  CHECK_FALSE(NamespaceSet::from({{"network", "relative"}}));
}

// spec: config-linux.md#sysctl
TEST_CASE("only sysctls of the container's own namespaces may be set") {
  const auto own = NamespaceSet::from({{"network", ""}, {"ipc", ""}, {"uts", ""}}).value();
  CHECK(namespaces::sysctl_step({{"net.ipv4.ip_forward", "1"}}, own));
  CHECK(namespaces::sysctl_step({{"net/ipv4/conf/eth0.1/rp_filter", "1"}}, own));
  CHECK(namespaces::sysctl_step({{"kernel.shmmax", "1"}}, own));
  CHECK(namespaces::sysctl_step({{"fs.mqueue.msg_max", "1"}}, own));
  for (const char* name : {"kernel.core_pattern", "vm.overcommit_memory", "net.ipv4.../../../kernel/hostname",
                           "net/../kernel/core_pattern", "kernel.panic", "", "net//x/../../kernel/panic"}) {
    INFO(name);
    CHECK_FALSE(namespaces::sysctl_step({{name, "1"}}, own));
  }
  CHECK_FALSE(namespaces::sysctl_step({{"net.ipv4.ip_forward", "1\n2"}}, own));
  const auto shared = NamespaceSet::from({{"ipc", ""}}).value();
  auto refused = namespaces::sysctl_step({{"net.ipv4.ip_forward", "1"}}, shared);
  REQUIRE_FALSE(refused);
  CHECK(contains(refused.error().text(), "shares the host's network namespace"));
}

// spec: config-linux.md#sysctl
TEST_CASE("whose namespace a sysctl's path leads to is looked at by a step of the host, not by the plan") {
  using namespaces::check_sysctl_namespaces_steps;
  const std::map<std::string, std::string> sysctls = {
      {"kernel.msgmax", "1"}, {"net.ipv4.ip_forward", "1"}, {"net.ipv4.tcp_syncookies", "1"}};
  const auto with_network = [](const std::string& path) {
    return NamespaceSet::from({{"network", path}, {"ipc", ""}}).value();
  };
  const auto own = with_network("/proc/thread-self/ns/net");
  CHECK(namespaces::sysctl_step(sysctls, own));
  CHECK(namespaces::sysctl_step(sysctls, with_network("/nowhere")));
  CHECK(check_sysctl_namespaces_steps(sysctls, with_network("")).empty());
  CHECK(check_sysctl_namespaces_steps({{"kernel.msgmax", "1"}}, own).empty());

  const auto perform = [&](const NamespaceSet& set) {
    const auto steps = check_sysctl_namespaces_steps(sysctls, set);
    REQUIRE(steps.size() == 1);
    CHECK(steps[0]->lane() == Lane::kHost);
    CHECK(steps[0]->undo().empty());
    StepContext context;
    const auto done = steps[0]->perform(context);
    const auto script = run_command({"sh", "-c", steps[0]->shell() + "\nexit 0"});
    REQUIRE(script);
    CHECK((script->status.shell_code() == 0) == bool(done));
    return done ? "" : done.error().text();
  };
  CHECK(perform(own) ==
        "sysctl 'net.ipv4.ip_forward' is not allowed: the container shares the host's network namespace");
  CHECK(perform(with_network("/nowhere")) == "stat /nowhere: No such file or directory");
  CHECK(perform(with_network("/proc/thread-self/ns/uts")) == "");  // joining says what that is
}
