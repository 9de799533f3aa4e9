// Device programs in the kernel: loaded, kept for the next container, given to a cgroup.
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>

#include "base/file.h"
#include "base/strings.h"
#include "cgroups/devices.h"

namespace cgroups {
namespace {

using Program = std::vector<struct bpf_insn>;

constexpr size_t kKept = 64;

long bpf(int command, union bpf_attr& attributes) {
  return ::syscall(SYS_bpf, command, &attributes, sizeof attributes);
}

uint64_t address(const void* pointer) {
  return reinterpret_cast<uint64_t>(pointer);
}

std::string_view bytes_of(const Program& program) {
  return {reinterpret_cast<const char*>(program.data()), program.size() * sizeof(struct bpf_insn)};
}

// The verifier explains itself only when asked, and asking costs; so ask after it has said no.
Result<Fd> load_program(const Program& program) {
  static constexpr char kLicense[] = "vial";
  union bpf_attr attributes = {};
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = address(program.data());
  attributes.insn_cnt = static_cast<uint32_t>(program.size());
  attributes.license = address(kLicense);
  std::memcpy(attributes.prog_name, "vial_devices", sizeof "vial_devices");
  Fd fd(static_cast<int>(bpf(BPF_PROG_LOAD, attributes)));
  if (fd) return fd;
  const int error_number = errno;
  std::string log(size_t{1} << 16U, '\0');
  attributes.log_buf = address(log.data());
  attributes.log_size = static_cast<uint32_t>(log.size());
  attributes.log_level = 1;
  fd = Fd(static_cast<int>(bpf(BPF_PROG_LOAD, attributes)));
  if (fd) return fd;
  log.resize(std::strlen(log.c_str()));
  const std::string_view words = trim(log);
  const std::string last_line(words.substr(words.rfind('\n') + 1));
  return Error::from_errno(
      "bpf BPF_PROG_LOAD device rules" + (last_line.empty() ? "" : " (" + last_line + ")"), error_number);
}

// Whether what is open is this very program. The kernel is asked: a name or who put it there proves nothing.
// One that its verifier has rewritten, which it has no reason to, is another one.
bool is_program(int fd, const Program& program) {
  const std::string_view bytes = bytes_of(program);
  Program found(program.size());
  struct bpf_prog_info info = {};
  info.xlated_prog_insns = address(found.data());
  info.xlated_prog_len = static_cast<uint32_t>(bytes.size());
  union bpf_attr attributes = {};
  attributes.info.bpf_fd = static_cast<uint32_t>(fd);
  attributes.info.info_len = sizeof info;
  attributes.info.info = address(&info);
  return bpf(BPF_OBJ_GET_INFO_BY_FD, attributes) == 0 && info.type == BPF_PROG_TYPE_CGROUP_DEVICE &&
         info.xlated_prog_len == bytes.size() && bytes_of(found) == bytes;
}

Fd open_kept(const std::string& path) {
  union bpf_attr attributes = {};
  attributes.pathname = address(path.c_str());
  return Fd(static_cast<int>(bpf(BPF_OBJ_GET, attributes)));
}

// Without a bpffs, or the right to write there, each start loads its own: no error. A bpffs may be
// everybody's, and a link in it lead to where something else would be unlinked.
void keep(int program_fd, const std::string& path) {
  constexpr mode_t kOwners = 0700;
  if (!is_private_directory(kKeptPrograms) && ::mkdir(kKeptPrograms, kOwners) < 0) return;
  union bpf_attr attributes = {};
  attributes.pathname = address(path.c_str());
  attributes.bpf_fd = static_cast<uint32_t>(program_fd);
  const bool is_taken = bpf(BPF_OBJ_PIN, attributes) < 0 && errno == EEXIST;
  if (is_taken && ::unlink(path.c_str()) == 0) (void)bpf(BPF_OBJ_PIN, attributes);
}

Result<void> attach(int cgroup_fd, int program_fd) {
  union bpf_attr attributes = {};
  attributes.target_fd = static_cast<uint32_t>(cgroup_fd);
  attributes.attach_bpf_fd = static_cast<uint32_t>(program_fd);
  attributes.attach_type = BPF_CGROUP_DEVICE;
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  if (bpf(BPF_PROG_ATTACH, attributes) < 0)
    return Error::from_errno("bpf BPF_PROG_ATTACH device rules", errno);
  return ok();
}

}  // namespace

std::string kept_place(const Program& program) {
  return std::string(kKeptPrograms) + "/" +
         std::to_string(std::hash<std::string_view>()(bytes_of(program)) % kKept);
}

Result<void> attach_device_program(int cgroup_fd, const Program& program) {
  const std::string path = kept_place(program);
  const Fd kept = open_kept(path);
  const bool is_usable = kept && is_program(kept.get(), program);
  // The kernel refuses (EINVAL) a program that the cgroup has already, but not another one that says the
  // same.
  if (is_usable && attach(cgroup_fd, kept.get())) return ok();
  const Fd loaded = TRY(load_program(program));
  if (!is_usable) keep(loaded.get(), path);
  return attach(cgroup_fd, loaded.get());
}

}  // namespace cgroups
