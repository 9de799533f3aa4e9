#include "cli/oci/features.h"

#include "namespaces/ns_set.h"
#include "runtime/spec.h"
#include "security/capabilities.h"
#include "security/syscall_numbers.h"

namespace cli::oci {

namespace {

// What mounts[].options may have, besides data of the file system; namespaces/mount_options.cc reads them.
constexpr const char* kMountOptions[] = {"async",
                                         "atime",
                                         "bind",
                                         "copy-symlink",
                                         "defaults",
                                         "dest-nofollow",
                                         "dev",
                                         "diratime",
                                         "dirsync",
                                         "exec",
                                         "idmap",
                                         "lazytime",
                                         "loud",
                                         "mand",
                                         "noatime",
                                         "nodev",
                                         "nodiratime",
                                         "noexec",
                                         "noiversion",
                                         "nolazytime",
                                         "nomand",
                                         "norelatime",
                                         "nostrictatime",
                                         "nosuid",
                                         "nosymfollow",
                                         "private",
                                         "ratime",
                                         "rbind",
                                         "rdev",
                                         "rdiratime",
                                         "relatime",
                                         "remount",
                                         "rexec",
                                         "ridmap",
                                         "rnoatime",
                                         "rnodev",
                                         "rnodiratime",
                                         "rnoexec",
                                         "rnorelatime",
                                         "rnostrictatime",
                                         "rnosuid",
                                         "rnosymfollow",
                                         "ro",
                                         "rprivate",
                                         "rrelatime",
                                         "rro",
                                         "rrw",
                                         "rshared",
                                         "rslave",
                                         "rstrictatime",
                                         "rsuid",
                                         "rsymfollow",
                                         "runbindable",
                                         "rw",
                                         "shared",
                                         "silent",
                                         "slave",
                                         "src-nofollow",
                                         "strictatime",
                                         "suid",
                                         "symfollow",
                                         "sync",
                                         "tmpcopyup",
                                         "unbindable"};

Json seccomp_json() {
  return {{"enabled", true},
          {"actions",
           {"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS",
            "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP"}},
          {"operators",
           {"SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ",
            "SCMP_CMP_NE"}},
          {"archs",
           {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", "SCMP_ARCH_PPC64LE", "SCMP_ARCH_RISCV64", "SCMP_ARCH_X32",
            "SCMP_ARCH_X86", "SCMP_ARCH_X86_64"}},
          {"knownFlags",
           {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
            "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"}},
          {"supportedFlags",
           {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
            "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"}}};
}

Json linux_json() {
  Json kinds = Json::array();
  for (const auto& kind : namespaces::namespace_kinds())
    kinds.push_back(kind.spec_name);
  const Json enabled = {{"enabled", true}};
  return {{"namespaces", std::move(kinds)},
          {"capabilities", security::capability_names(security::all_capabilities())},
          {"cgroup", {{"v1", true}, {"v2", true}, {"systemd", true}, {"systemdUser", false}, {"rdma", true}}},
          {"seccomp", seccomp_json()},
          {"apparmor", enabled},
          {"selinux", enabled},
          {"intelRdt", {{"enabled", false}, {"schemata", false}, {"monitoring", false}}},
          {"memoryPolicy",
           {{"modes",
             {"MPOL_BIND", "MPOL_DEFAULT", "MPOL_INTERLEAVE", "MPOL_LOCAL", "MPOL_PREFERRED",
              "MPOL_PREFERRED_MANY", "MPOL_WEIGHTED_INTERLEAVE"}},
            {"flags", {"MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES"}}}},
          {"mountExtensions", {{"idmap", enabled}}},
          {"netDevices", enabled}};
}

}  // namespace

Json features_json() {
  return {
      {"ociVersionMin", "1.0.0"},
      {"ociVersionMax", runtime::kSpecVersion},
      {"hooks", {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}},
      {"mountOptions", kMountOptions},
      {"linux", linux_json()},
      {"annotations", {{"org.vial.version", VIAL_VERSION}}},
      {"potentiallyUnsafeConfigAnnotations", {"org.systemd.property."}}};
}

}  // namespace cli::oci
