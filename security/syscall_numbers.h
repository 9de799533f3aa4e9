// System calls by name, per architecture: libseccomp's tables, and what is newer than the libseccomp that we
// are built with or what its interface hides (i386's own socket and SysV IPC calls).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace security {

// In the numbers of x32 calls: asm/unistd.h, __X32_SYSCALL_BIT.
inline constexpr uint32_t kX32Bit = 0x40000000;

// An architecture as a filter sees it.
struct Architecture {
  std::string name;            // "SCMP_ARCH_X86_64"
  uint32_t token = 0;          // libseccomp's
  uint32_t audit_arch = 0;     // what the kernel puts into seccomp_data.arch
  uint32_t number_offset = 0;  // what is added to every number: the x32 bit
};

// kInvalid for a name that libseccomp does not know.
Result<Architecture> find_architecture(const std::string& name);
// "amd64", "arm64", ... as Go and Docker's profiles call this machine; "SCMP_ARCH_X86_64" as they name it.
std::string native_go_architecture();
std::string native_scmp_architecture();

// The number of the call on that architecture; nullopt where it has none.
std::optional<uint32_t> syscall_number(const Architecture& architecture, const std::string& name);
// False for a name that no table has.
bool is_known_syscall(const std::string& name);
// The name of a native number; "syscall 999" when no table has it.
std::string syscall_name(uint32_t number);

// i386 reaches these calls through a second door too, socketcall(2) or ipc(2), whose first argument says
// which.
struct Multiplexer {
  const char* name;        // "socketcall" or "ipc"
  uint32_t number;         // of the multiplexer
  uint32_t call;           // its first argument for this name
  uint32_t argument_mask;  // the bits of the first argument that the kernel looks at
};
std::optional<Multiplexer> find_multiplexer(const Architecture& architecture, const std::string& name);

}  // namespace security
