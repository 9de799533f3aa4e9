#include "runtime/seal.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "base/process.h"
#include "base/syscalls.h"

namespace runtime {
namespace {

constexpr const char* kMark = "VIAL_SEALED";

bool is_on_read_only_mount(const char* executable) {
  struct statvfs status = {};
  return ::statvfs(executable, &status) == 0 && (status.f_flag & ST_RDONLY) != 0;
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

Result<void> check_first_process(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/exe";
  struct stat own = {};
  struct stat first = {};
  // One that is gone is noticed by who goes on.
  if (::stat("/proc/self/exe", &own) < 0 || ::stat(path.c_str(), &first) < 0) return ok();
  if (own.st_dev != first.st_dev || own.st_ino != first.st_ino || is_on_read_only_mount(path.c_str()))
    return ok();
  return conflict(
      "the container's first process is this program itself, and who comes in could write to its file "
      "(CVE-2019-5736)");
}

void run_sealed(char** argv) {
  // NOLINTBEGIN(concurrency-mt-unsafe): first thing in main, one thread
  if (::getenv(kMark) != nullptr) {
    ::unsetenv(kMark);
    // execveat(2) named us after the descriptor's number.
    const char* slash = std::strrchr(argv[0], '/');
    name_process(slash != nullptr ? slash + 1 : argv[0]);
    return;
  }
  if (is_on_read_only_mount("/proc/self/exe")) return;
  auto path = sys::readlinkat(AT_FDCWD, "/proc/self/exe");
  if (path) ::setenv("VIAL_EXECUTABLE", path->c_str(), 1);
  ::setenv(kMark, "1", 1);
  (void)execute_read_only_view(argv);
  ::unsetenv(kMark);
  // NOLINTEND(concurrency-mt-unsafe)
}

}  // namespace runtime
