#include "security/privileges.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "base/process.h"
#include "tests/unit/security/in_child.h"

using namespace security;

namespace {

std::string all_sets() {
  return status_line("CapInh") + " " + status_line("CapPrm") + " " + status_line("CapEff") + " " +
         status_line("CapBnd") + " " + status_line("CapAmb");
}

}  // namespace

TEST_CASE("the bounding set keeps exactly what was asked for") {
  CHECK(in_child([] {
          StepContext context;
          const auto step = drop_bounding_set_step(default_capabilities());
          const std::string error = perform(step, context);
          return error + status_line("CapBnd") + " " + step->observe(context);
        }) == "00000000800425fb 00000000800425fb");
}

// spec: config.md#process.capabilities
TEST_CASE("the five sets are set as given, for root and for a user") {
  const auto sets_after = [](const CapabilitySets& sets, uint32_t uid) {
    return in_child([&] {
      StepContext context;
      std::string errors = perform(drop_bounding_set_step(sets.bounding), context);
      errors += perform(set_ids_step({uid, uid, {}, 022}), context);
      errors += perform(set_capabilities_step(sets), context);
      return errors + all_sets() + " keepcaps " + std::to_string(::prctl(PR_GET_KEEPCAPS));
    });
  };
  const CapabilityMask some = bit(CAP_CHOWN) | bit(CAP_SYSLOG) | bit(CAP_KILL);
  CHECK(sets_after({some, some, 0, some, 0}, 0) ==
        "0000000000000000 0000000400000021 0000000400000021 0000000400000021 0000000000000000 keepcaps 0");
  CHECK(sets_after({some, 0, 0, 0, 0}, 1000) ==
        "0000000000000000 0000000000000000 0000000000000000 0000000400000021 0000000000000000 keepcaps 0");
  CHECK(sets_after({some, some, some, some, bit(CAP_KILL)}, 1000) ==
        "0000000400000021 0000000400000021 0000000400000021 0000000400000021 0000000000000020 keepcaps 0");
}

TEST_CASE("a capability that we do not have is an error that says so") {
  const std::string text = in_child([] {
    StepContext context;
    std::string errors = perform(set_capabilities_step({0, 0, 0, 0, 0}), context);
    return errors + perform(set_capabilities_step({0, 1, 0, 1, 0}), context);
  });
  CHECK(text.find("capset: Operation not permitted: the container asks for capabilities") == 0);
}

// spec: config.md#process.user.uid
// spec: config.md#process.user.additionalGids
TEST_CASE("ids and groups are exactly those that were asked for") {
  CHECK(
      in_child([] {
        StepContext context;
        const auto step = set_ids_step({1000, 1001, {1001, 44}, 027});
        const std::string error = perform(step, context);
        return error + status_line("Uid") + " | " + status_line("Gid") + " | " + status_line("Groups") +
               " | " + status_line("Umask") + " | " + step->observe(context);
      }) ==
      "1000\t1000\t1000\t1000 | 1001\t1001\t1001\t1001 | 44 1001 | 0027 | uid 1000 gid 1001 groups 44,1001");
  CHECK(in_child([] {
          StepContext context;
          const std::string error = perform(set_ids_step({0, 0, {}, 022}), context);
          return error + "[" + status_line("Groups") + "]";
        }) == "[]");
}

// spec: config.md#process.noNewPrivileges
TEST_CASE("no_new_privs, dumpable and the session keyring") {
  CHECK(in_child([] {
          StepContext context;
          const std::string error = perform(no_new_privs_step(), context);
          return error + status_line("NoNewPrivs");
        }) == "1");
  CHECK(in_child([] {
          StepContext context;
          const std::string error = perform(not_dumpable_step(), context);
          return error + std::to_string(::prctl(PR_GET_DUMPABLE));
        }) == "0");
  CHECK(in_child([] {
          StepContext context;
          const auto step = session_keyring_step();
          const std::string before = step->observe(context);
          const std::string error = perform(step, context);
          // A machine without keys has nothing to hide: both are empty.
          const bool changed = before != step->observe(context) || before.empty();
          return error + (changed ? "new" : "old");
        }) == "new");
}

TEST_CASE("privileges are spelled for people and for shells") {
  const auto ids = set_ids_step({1000, 1001, {44, 27}, 022});
  CHECK(ids->say() ==
        "prctl(PR_SET_KEEPCAPS, 1); setgroups(2, [44,27]); setresgid(1001, 1001, 1001); "
        "setresuid(1000, 1000, 1000); umask(0022)");
  CHECK(ids->shell() == "umask 0022\nSETPRIV=\"$SETPRIV --reuid=1000 --regid=1001 --groups=44,27\"");
  const auto bounding = drop_bounding_set_step(bit(CAP_CHOWN) | bit(CAP_KILL));
  CHECK(bounding->say() == "prctl(PR_CAPBSET_DROP, each but CAP_CHOWN|CAP_KILL)");
  CHECK(bounding->shell() == "SETPRIV=\"$SETPRIV --bounding-set=-all,+chown,+kill\"");
}

TEST_CASE("what the steps say in shell gives the same process") {
  std::string script;
  for (const auto& step : {drop_bounding_set_step(bit(CAP_CHOWN)).release(),
                           set_ids_step({1000, 1001, {44}, 027}).release(), no_new_privs_step().release()}) {
    script += step->shell() + "\n";
    delete step;
  }
  script += "exec setpriv $SETPRIV -- grep -E '^(Uid|Gid|Groups|Umask|CapBnd|NoNewPrivs)' /proc/self/status";
  const auto output = run_command({"sh", "-c", "SETPRIV=\n" + script});
  REQUIRE(output);
  CHECK(output->err.empty());
  CHECK(output->out ==
        "Umask:\t0027\nUid:\t1000\t1000\t1000\t1000\nGid:\t1001\t1001\t1001\t1001\nGroups:\t44 \n"
        "CapBnd:\t0000000000000001\nNoNewPrivs:\t1\n");
}
