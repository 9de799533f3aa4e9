#include "namespaces/identity_steps.h"

#include <linux/sched.h>

#include <catch2/catch.hpp>

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
