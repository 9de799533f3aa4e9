// Which devices a container may open and make: v1's devices.allow and devices.deny, v2's eBPF program
// (Documentation/admin-guide/cgroup-v2.rst "Device controller", cgroup-v1/devices.rst, bpf(2)).
#pragma once

#include <linux/bpf.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "cgroups/device_match.h"
#include "cgroups/limits.h"
#include "cgroups/resources.h"

namespace cgroups {

// What v1 makes of rules: all devices but these, or these alone.
struct DeviceException {
  DeviceMatch match;  // type block or character
  uint32_t access = 0;
};
struct DeviceList {
  bool allow_by_default = false;
  std::vector<DeviceException> exceptions;
};
// Pure. kInvalid for an unknown type or access, kUnsupported for a rule that takes back a part of another.
Result<DeviceList> device_list(const std::vector<DeviceRule>& rules);
// "rwm", the letters of BPF_DEVCG_ACC_*.
std::string spell_access(uint32_t access);

// Pure: the writes that give a fresh v1 group these rules, in order. Errors as device_list().
Result<std::vector<LimitWrite>> v1_device_writes(const std::vector<DeviceRule>& rules);

// Pure: a BPF_PROG_TYPE_CGROUP_DEVICE program for these rules. It looks at each asked access bit by itself:
// the last rule that covers the device and the bit decides; what no rule covers is denied. kInvalid for an
// unknown type or access, and for more rules than a program's jumps can pass over (8000 at least).
Result<std::vector<struct bpf_insn>> device_program(const std::vector<DeviceRule>& rules);
// One instruction a line, for --explain: "r2 = *(u32 *)(r1 + 0)".
std::string disassemble(const std::vector<struct bpf_insn>& program);

// Where programs are kept once they are loaded, if that is on a bpffs (bpf(2) BPF_OBJ_PIN): 64 at the most, a
// new one takes the place of another. To undo it: rm -r.
constexpr char kKeptPrograms[] = "/sys/fs/bpf/vial-devices";
// Pure: the path there of this one, or of another that has its place.
std::string kept_place(const std::vector<struct bpf_insn>& program);

// Attaches the program to the v2 cgroup (with BPF_F_ALLOW_MULTI, so that it can only narrow what ancestors
// allow), where it goes when the cgroup goes: a kept one, which takes a seventh of the time, if it is the
// same, instruction for instruction, by the kernel's word; else loaded, and kept. kSystem with the verifier's
// words; EPERM without CAP_BPF or CAP_SYS_ADMIN.
Result<void> attach_device_program(int cgroup_fd, const std::vector<struct bpf_insn>& program);

}  // namespace cgroups
