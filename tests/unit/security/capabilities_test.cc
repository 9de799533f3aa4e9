#include "security/capabilities.h"

#include <linux/capability.h>

#include <catch2/catch.hpp>

using namespace security;

namespace {

CapabilityMask changed(std::vector<std::string> add, std::vector<std::string> drop, bool privileged = false) {
  return change_capabilities(default_capabilities(), {std::move(add), std::move(drop), privileged}).value();
}

}  // namespace

TEST_CASE("capabilities have the kernel's numbers") {
  CHECK(capability_number("CAP_CHOWN").value() == CAP_CHOWN);
  CHECK(capability_number("net_raw").value() == CAP_NET_RAW);
  CHECK(capability_number("Cap_Sys_Admin").value() == CAP_SYS_ADMIN);
  CHECK(capability_number("SYSLOG").value() == CAP_SYSLOG);
  CHECK(capability_number("PERFMON").value() == CAP_PERFMON);
  CHECK(capability_number("BPF").value() == CAP_BPF);
  CHECK(capability_number("CHECKPOINT_RESTORE").value() == CAP_CHECKPOINT_RESTORE);
  CHECK(kLastCapability == CAP_LAST_CAP);
  for (const char* bad :
       {"", "CAP_", "CAP_NONE", "CAP_CAP_CHOWN", " CHOWN", "ALL", "13", "CAP_13", "CHOWN,KILL"})
    CHECK_FALSE(capability_number(bad));
}

TEST_CASE("every capability's name gives its number again") {
  for (int number = 0; number <= kLastCapability; ++number)
    CHECK(capability_number(capability_name(number)).value() == number);
  CHECK(capability_names(all_capabilities()).size() == 41);
  CHECK(capability_name(63) == "CAP_63");
}

TEST_CASE("defaults are Docker's without two") {
  CHECK(docker_default_capabilities() == 0xa80425fb);
  CHECK(default_capabilities() == 0x800425fb);
  CHECK((docker_default_capabilities() & ~default_capabilities()) == (bit(CAP_MKNOD) | bit(CAP_AUDIT_WRITE)));
}

TEST_CASE("cap-add and cap-drop follow Docker's rules") {
  const CapabilityMask base = default_capabilities();
  CHECK(changed({}, {}) == base);
  CHECK(changed({"NET_ADMIN"}, {}) == (base | bit(CAP_NET_ADMIN)));
  CHECK(changed({}, {"cap_chown"}) == (base & ~bit(CAP_CHOWN)));
  CHECK(changed({"CHOWN"}, {"CHOWN"}) == base);
  CHECK(changed({"NET_RAW"}, {"ALL"}) == bit(CAP_NET_RAW));
  CHECK(changed({}, {"all"}) == 0);
  CHECK(changed({"ALL"}, {"SYS_ADMIN"}) == (all_capabilities() & ~bit(CAP_SYS_ADMIN)));
  CHECK(changed({"ALL"}, {"ALL"}) == all_capabilities());
  CHECK(changed({}, {"ALL"}, true) == all_capabilities());
}

TEST_CASE("an unknown capability is refused in Docker's words") {
  const auto add = change_capabilities(0, {{"cap_x"}, {}, false});
  REQUIRE_FALSE(add);
  CHECK(add.error().text() == "invalid CapAdd: unknown capability: \"CAP_X\"");
  const auto drop = change_capabilities(0, {{}, {"NET_ADMIN", "\x1b[2J"}, true});
  REQUIRE_FALSE(drop);
  CHECK(drop.error().text() == "invalid CapDrop: unknown capability: \"CAP_\\x1b[2J\"");
}

TEST_CASE("only root starts with effective capabilities, nobody with inheritable ones") {
  const CapabilitySets root = capability_sets_for(0xff, 0);
  CHECK(root == CapabilitySets{0xff, 0xff, 0, 0xff, 0});
  const CapabilitySets user = capability_sets_for(0xff, 1000);
  CHECK(user == CapabilitySets{0xff, 0, 0, 0, 0});
  CHECK(limit_capabilities(root, 0x0f) == CapabilitySets{0x0f, 0x0f, 0, 0x0f, 0});
}
