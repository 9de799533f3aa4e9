#include "runtime/hook_steps.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"
#include "base/syscalls.h"
#include "runtime/handshake.h"

namespace runtime {
namespace {

// True for a byte, false when the other side is gone (ECONNRESET: with a byte of ours unread).
Result<bool> wait_for_byte(int fd) {
  char byte = 0;
  auto count = sys::read(fd, {&byte, 1});
  if (!count && count.error().error_number() == ECONNRESET) return false;
  if (!count) return std::move(count).error();
  return *count == 1;
}

Result<void> send_byte(int fd) {
  if (::send(fd, "", 1, MSG_NOSIGNAL) < 0 && errno != EPIPE)
    return Error::from_errno("tell the other lane", errno);
  return ok();
}

std::string hook_words(const Hook& hook) {
  std::vector<std::string> words = {hook.path};
  for (size_t i = 1; i < hook.args.size(); ++i)
    words.push_back(hook.args[i]);
  return shell_words(words);
}

std::string say_hooks(const std::vector<Hook>& hooks) {
  std::string text;
  for (const auto& hook : hooks)
    text += std::string(text.empty() ? "" : "; ") + "execve(" + hook_words(hook) + ")";
  return text;
}

class OpenHookChannel : public Step {
 public:
  OpenHookChannel() : Step(Lane::kHost, "open the channel for hooks") {}
  Result<void> perform(StepContext& context) const override {
    sys::SocketPair pair = TRY(sys::socketpair(AF_UNIX, SOCK_STREAM));
    context.hooks_host_fd = std::move(pair.ours);
    context.hooks_init_fd = std::move(pair.theirs);
    return ok();
  }
  std::string say() const override { return "socketpair(AF_UNIX, SOCK_STREAM)"; }
  std::string shell() const override { return "# (hooks wait for the mounts here, and the pivot for hooks)"; }
  Reason why() const override {
    return {"hooks of the host run in the middle of the init's work: each waits for the other", "unix(7)"};
  }
};

class WaitForConfiguration : public Step {
 public:
  WaitForConfiguration() : Step(Lane::kInit, "wait for the host") {}
  Result<void> perform(StepContext& context) const override {
    context.hooks_host_fd.reset();
    if (!TRY(wait_for_byte(context.hooks_init_fd.get()))) return corrupt("the launcher is gone");
    return ok();
  }
  std::string say() const override { return "read(hook channel)"; }
  std::string shell() const override { return "# (the host's steps after clone run now)"; }
  Reason why() const override { return {"id maps and network are set from outside", "user_namespaces(7)"}; }
};

class HostHooks : public Step {
 public:
  HostHooks(const Hooks& hooks, HookState state)
      : Step(Lane::kHost, "run the host's hooks"),
        prestart_(hooks.prestart),
        create_runtime_(hooks.create_runtime),
        state_(std::move(state)) {
    state_.status = "creating";
  }

  Result<void> perform(StepContext& context) const override {
    context.hooks_init_fd.reset();
    TRY(send_byte(context.hooks_host_fd.get()));
    // The init is gone: what it said is in the handshake, which is read next.
    if (!TRY(wait_for_byte(context.hooks_host_fd.get()))) return ok();
    HookState state = state_;
    state.pid = context.init_pid;
    TRY(run_hooks("prestart", prestart_, state));
    return run_hooks("createRuntime", create_runtime_, state);
  }
  std::string say() const override {
    const std::string first = say_hooks(prestart_);
    const std::string second = say_hooks(create_runtime_);
    return "read(hook channel); " + first + (first.empty() || second.empty() ? "" : "; ") + second;
  }
  std::string shell() const override {
    return "# hooks, with the state on stdin, when the mounts are there: " + say();
  }
  Reason why() const override {
    return {"programs of the host that set something up for a container whose namespaces exist",
            "runtime-spec config.md"};
  }

 private:
  std::vector<Hook> prestart_;
  std::vector<Hook> create_runtime_;
  HookState state_;
};

class WaitForHostHooks : public Step {
 public:
  WaitForHostHooks() : Step(Lane::kInit, "let the host run its hooks") {}
  Result<void> perform(StepContext& context) const override {
    context.hooks_host_fd.reset();
    TRY(send_byte(context.hooks_init_fd.get()));
    TRY(expect_message(context.handshake_fd, Message::kConfigured));
    context.hooks_init_fd.reset();
    return ok();
  }
  std::string say() const override { return "send(hook channel); recvmsg(handshake)"; }
  std::string shell() const override { return "# (hooks of the host run now)"; }
  Reason why() const override {
    return {"they may still add mounts and devices, which is over after the pivot", "runtime-spec config.md"};
  }
};

// Hooks that the init runs itself.
class InitHooks : public Step {
 public:
  enum class Where { kRootfs, kHere };
  InitHooks(const char* list, const std::vector<Hook>& hooks, HookState state, Where where)
      : Step(Lane::kInit, std::string("run the ") + list + " hooks"),
        list_(list),
        hooks_(hooks),
        state_(std::move(state)),
        where_(where) {}

  Result<void> perform(StepContext& context) const override {
    if (where_ == Where::kRootfs) TRY(sys::fchdir(context.root_fd.get()));
    HookState state = state_;
    state.pid = ::getpid();  // runtime.md "State": inside, the pid as the container sees it
    return run_hooks(list_, hooks_, state, HookPlace::kHere);
  }
  std::string say() const override { return say_hooks(hooks_); }
  std::string shell() const override {
    std::string lines;
    for (const auto& hook : hooks_)
      lines +=
          std::string(lines.empty() ? "" : "\n") + "# hook, with the state on stdin: " + hook_words(hook);
    return lines;
  }
  Reason why() const override {
    return {where_ == Where::kRootfs ? "programs of the host in the container's namespaces, before the pivot"
                                     : "programs of the container that run before its own",
            "runtime-spec config.md"};
  }

 private:
  const char* list_;
  std::vector<Hook> hooks_;
  HookState state_;
  Where where_;
};

}  // namespace

StepPtr open_hook_channel_step() {
  return std::make_unique<OpenHookChannel>();
}
StepPtr wait_for_configuration_step() {
  return std::make_unique<WaitForConfiguration>();
}
StepPtr host_hooks_step(const Hooks& hooks, HookState state) {
  return std::make_unique<HostHooks>(hooks, std::move(state));
}
StepPtr wait_for_host_hooks_step() {
  return std::make_unique<WaitForHostHooks>();
}
StepPtr create_container_hooks_step(const Hooks& hooks, HookState state) {
  state.status = "creating";
  return std::make_unique<InitHooks>("createContainer", hooks.create_container, std::move(state),
                                     InitHooks::Where::kRootfs);
}
StepPtr start_container_hooks_step(const Hooks& hooks, HookState state) {
  state.status = "created";
  return std::make_unique<InitHooks>("startContainer", hooks.start_container, std::move(state),
                                     InitHooks::Where::kHere);
}

}  // namespace runtime
