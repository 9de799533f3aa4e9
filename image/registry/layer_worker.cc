#include "image/registry/layer_worker.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGKILL and the POSIX part
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"
#include "base/syscalls.h"
#include "image/archive/limits.h"
#include "image/archive/report.h"

namespace image::registry {

namespace {

constexpr int kPipeBytes = 1 << 20;

// Descriptors of other layers' pipes that a fork copied would keep those pipes open.
Result<void> close_others(int a, int b) {
  const auto low = static_cast<unsigned>(std::min(a, b));
  const auto high = static_cast<unsigned>(std::max(a, b));
  constexpr unsigned kFirst = STDERR_FILENO + 1;
  if (low > kFirst) TRY(sys::close_range(kFirst, low - 1, 0));
  if (high > low + 1) TRY(sys::close_range(low + 1, high - 1, 0));
  return sys::close_range(high + 1, ~0U, 0);
}

std::vector<std::string> to_records(const UnpackedLayer& layer) {
  std::vector<std::string> records = {layer.diff_id.text(), std::to_string(layer.answer.size_bytes),
                                      std::to_string(layer.countable_entries())};
  for (const auto& path : layer.answer.opaque)
    records.push_back("o" + entry_path_text(path));
  for (const auto& path : layer.answer.implied)
    records.push_back("i" + entry_path_text(path));
  return records;
}

Result<UnpackedLayer> from_records(const std::vector<std::string>& records) {
  constexpr size_t kFixed = 3;
  if (records.size() < kFixed) return corrupt("unreadable answer");
  Digest diff_id = TRY(Digest::parse(records[0]));
  UnpackedLayer layer{std::move(diff_id), {}};
  layer.answer.size_bytes = TRY(parse_uint(records[1]));
  layer.answer.entries = TRY(parse_uint(records[2]));
  for (size_t i = kFixed; i < records.size(); ++i) {
    if (records[i].size() < 2) return corrupt("unreadable answer");
    EntryPath path = TRY(parse_entry_path(std::string_view(records[i]).substr(1), Limits{}));
    (records[i][0] == 'o' ? layer.answer.opaque : layer.answer.implied).push_back(std::move(path));
  }
  return layer;
}

int work(LayerRequest& request, int input_fd, int report_fd, pid_t parent) {
  name_process("vial:layer");
  ::signal(SIGINT, SIG_IGN);  // it ends with its parent, not before
  // The parent may be gone before the kernel knows our wish.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || ::getppid() != parent) return 1;
  if (!close_others(input_fd, report_fd)) return 1;
  request.input = Input{input_fd, {}, 0};
  const auto unpacked = unpack_layer(request);
  if (!unpacked) write_failure(report_fd, unpacked.error());
  return unpacked && write_report(report_fd, to_records(*unpacked)) ? 0 : 1;
}

}  // namespace

Result<LayerWorker> LayerWorker::start(LayerRequest request) {
  sys::Pipe pipe = TRY(sys::pipe2(0));
  ::fcntl(pipe.writer.get(), F_SETPIPE_SZ, kPipeBytes);
  if (::fcntl(pipe.writer.get(), F_SETFL, O_NONBLOCK) < 0) return Error::from_errno("fcntl", errno);
  Fd report = TRY(make_report());
  const pid_t parent = ::getpid();
  int pidfd = -1;
  clone_args arguments = {};
  arguments.flags = CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<uint64_t>(&pidfd);  // clone3(2) wants addresses as numbers
  arguments.exit_signal = SIGCHLD;
  const pid_t pid = TRY(sys::clone3(arguments));
  if (pid == 0) ::_exit(work(request, pipe.reader.get(), report.get(), parent));
  return LayerWorker(Fd(pidfd), std::move(pipe.writer), std::move(report));
}

LayerWorker::~LayerWorker() {
  if (!pidfd_) return;
  static_cast<void>(sys::pidfd_send_signal(pidfd_.get(), SIGKILL));
  static_cast<void>(wait_for(pidfd_.get()));
}

Result<UnpackedLayer> LayerWorker::finish() {
  input_.reset();
  TRY(wait_for(pidfd_.get()));
  pidfd_.reset();
  const auto records = TRY(read_report(report_.get()));
  return from_records(records);
}

}  // namespace image::registry
