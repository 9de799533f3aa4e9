#include "runtime/init.h"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigset_t
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/process.h"
#include "base/strings.h"
#include "base/units.h"
#include "runtime/handshake.h"

namespace runtime {
namespace {

void copy_cut(char* target, const std::string& text) {
  const size_t length = std::min(text.size(), kObservedSize - 1);
  std::memcpy(target, text.data(), length);
  target[length] = '\0';
}

#ifdef VIAL_FAULTS
bool is_fault_index(const char* variable, size_t index) {
  const char* text = ::getenv(variable);  // NOLINT(concurrency-mt-unsafe): one thread
  if (text == nullptr) return false;
  auto wanted = parse_uint(text);
  return wanted && *wanted == index;
}

Result<void> inject_fault(size_t index, StepContext& context) {
  if (is_fault_index("VIAL_FAIL_AT", index)) return Error::from_errno("injected fault", EIO);
  if (!is_fault_index("VIAL_KILL_AT", index)) return ok();
  if (!context.in_child) ::kill(::getpid(), SIGKILL);
  (void)send_message(context.handshake_fd, Message::kDie);
  context.hooks_init_fd.reset();              // a launcher that waits there for us reads the handshake next
  ::shutdown(context.handshake_fd, SHUT_WR);  // some launchers read when all is said
  (void)receive_message(context.handshake_fd);
  ::_exit(kInitFailed);
}
#endif

// What the launcher changed for itself must not reach the container: ignored signals survive execve(2).
void reset_signals() {
  for (int signal = 1; signal < NSIG; ++signal)
    ::signal(signal, SIG_DFL);
  sigset_t none = {};
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace

Result<void> perform_step(const Step& step, size_t index, StepContext& context, Performance& performance,
                          bool observe) {
#ifdef VIAL_FAULTS
  TRY(inject_fault(index, context));
#endif
  StepRecord* record = performance.record(index);
  if (record == nullptr) return step.perform(context);
  if (observe) copy_cut(record->before, step.observe(context));
  record->begin_ns = monotonic_ns();
  auto result = step.perform(context);
  record->end_ns = monotonic_ns();
  if (!result) record->error_number = result.error().error_number();
  if (observe && !context.in_child) copy_cut(record->after, step.observe(context));
  if (observe && context.in_child && step.lane() == Lane::kInit)
    copy_cut(record->after, step.observe(context));
  return result;
}

void run_init(const Plan& plan, size_t first, StepContext& context, Performance& performance,
              bool observe) noexcept {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  name_process("vial:init");
  reset_signals();
  ::umask(0);  // device nodes and stubs get the modes that the plan says
  for (size_t i = first; i < plan.size(); ++i) {
    if (plan[i]->lane() != Lane::kInit) continue;
    auto result = perform_step(*plan[i], i, context, performance, observe);
    if (result) continue;
    (void)send_failure(context.handshake_fd, static_cast<uint32_t>(i), result.error());
    ::_exit(kInitFailed);
  }
  ::_exit(kInitFailed);  // not reached: the last step is execve
}

}  // namespace runtime
