#include "runtime/seal.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

#include "base/process.h"
#include "base/syscalls.h"

namespace runtime {
namespace {

constexpr const char* kMark = "VIAL_SEALED";

bool is_on_read_only_mount() {
  auto self = sys::open("/proc/self/exe", O_PATH);
  struct statvfs status = {};
  return self && ::fstatvfs(self->get(), &status) == 0 && (status.f_flag & ST_RDONLY) != 0;
}

Result<void> execute_read_only_view(char** argv) {
  const Fd view = TRY(sys::open_tree(AT_FDCWD, "/proc/self/exe", OPEN_TREE_CLONE));
  mount_attr attributes = {};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  TRY(sys::mount_setattr(view.get(), "", AT_EMPTY_PATH, attributes));
  ::syscall(SYS_execveat, view.get(), "", argv, environ, AT_EMPTY_PATH);
  return ok();
}

}  // namespace

void hide_first_process() {
  if (::getpid() == 1) (void)sys::prctl(PR_SET_DUMPABLE, 0);
}

void run_sealed(char** argv) {
  // NOLINTBEGIN(concurrency-mt-unsafe): first thing in main, one thread
  if (::getenv(kMark) != nullptr) {
    ::unsetenv(kMark);
    name_process("vial");  // execveat by descriptor named us after the descriptor's number
    return;
  }
  if (is_on_read_only_mount()) return;
  auto path = sys::readlinkat(AT_FDCWD, "/proc/self/exe");
  if (path) ::setenv("VIAL_EXECUTABLE", path->c_str(), 1);
  ::setenv(kMark, "1", 1);
  (void)execute_read_only_view(argv);
  ::unsetenv(kMark);
  // NOLINTEND(concurrency-mt-unsafe)
}

}  // namespace runtime
