// run and create.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "base/strings.h"
#include "cli/image_program.h"
#include "cli/output.h"
#include "cli/registry.h"
#include "cli/run_options.h"
#include "cli/store_access.h"
#include "image/reference.h"
#include "image/store.h"
#include "runtime/views.h"

namespace cli {

namespace {

using enum OptionKind;

constexpr OptionSpec kRunOptions[] = {
    {0, "as-shell", kFlag, "Print a shell script that builds the same container, and run nothing"},
    {'d', "detach", kFlag, "Run container in background and print container ID"},
    {0, "detach-keys", kString, "Override the key sequence for detaching a container"},
    {0, "dry-run", kFlag, "Print the steps that would be done, and run nothing"},
    {0, "explain", kFlag,
     "Say on standard error what each step did: time, system calls, before and after, why"},
    {0, "sig-proxy", kFlag, "Proxy received signals to the process", nullptr, "true"},
};

constexpr const char* kRunExamples =
    "# A shell; leave it with exit, and nothing stays\n"
    "vial run --rm -it busybox sh\n"
    "\n"
    "# In the background, with limits\n"
    "vial run -d --name web -m 64m --cpus 0.5 busybox httpd -f\n"
    "\n"
    "# What the kernel is asked to do, without doing it; then the same as a script\n"
    "vial run --dry-run -m 64m busybox true\n"
    "vial run --as-shell -m 64m busybox true";

// The words of a command that was typed behind `run`: vial container run stop web.
std::string mistyped_hint(const Invocation& call) {
  const auto& words = call.arguments();
  const Command* meant = find_command(call.program, "container " + words.front());
  if (meant == nullptr) return "";
  return "\ndid you mean \"vial container " + shell_words(words) + "\"?";
}

Error image_is_missing(const Invocation& call) {
  const std::string& typed = call.arguments().front();
  const auto reference = image::Reference::parse_with_default_tag(typed);
  std::string text = "No such image: " + (reference ? reference->familiar() : typed);
  const std::string hint = mistyped_hint(call);
  text += hint.empty()
              ? "\nload it from a file with \"vial load -i FILE\"; \"vial images\" lists what is there"
              : hint;
  return not_found(text);
}

bool is_no_image(const Error& error) {
  return error.kind() == ErrorKind::kNotFound && contains(error.text(), "No such image");
}

// Here for another platform only: the one for this one is pulled, as if there were none.
bool is_image_wanted(const Error& error) {
  return is_no_image(error) ||
         (error.kind() == ErrorKind::kNotFound && contains(error.text(), image::kOtherPlatform));
}

// A start's error, made helpful where the image is what is missing.
Error helpful(const Invocation& call, const Error& error) {
  return is_no_image(error) ? image_is_missing(call) : error;
}

// False: the pull failed, and has said why.
Result<bool> pull_image_of(const Invocation& call, const engine::RunRequest& request) {
  const auto reference = TRY(image::Reference::parse_with_default_tag(request.image));
  const bool quiet = call.options.flag("quiet");
  const bool pulled = TRY(pull_in_child(call.globals, {reference.familiar(), request.platform, quiet}));
  if (!pulled) complain(mistyped_hint(call) + "\nRun 'vial " + call.typed + " --help' for more information");
  return pulled;
}

// What `make` makes, its image pulled when `--pull` says so; nullopt: the pull failed, and has said why. The
// image is looked for by `make` alone: where it is there, pulling costs nothing.
template <typename Make>
auto with_image(const Invocation& call, const engine::RunRequest& request, const Make& make)
    -> Result<std::optional<typename decltype(make())::value_type>> {
  using Made = std::optional<typename decltype(make())::value_type>;
  if (request.pull == engine::PullPolicy::kAlways) {
    const bool pulled = TRY(pull_image_of(call, request));
    if (!pulled) return Made();
  }
  auto made = make();
  const auto reference = image::Reference::parse_with_default_tag(request.image);
  if (!made && is_image_wanted(made.error()) && request.pull == engine::PullPolicy::kMissing && reference) {
    complain("Unable to find image '" + printable(reference->familiar()) + "' locally");
    const bool pulled = TRY(pull_image_of(call, request));
    if (!pulled) return Made();
    made = make();
  }
  if (!made) return helpful(call, made.error());
  return Made(std::move(*made));
}

Result<void> write_cid_file(const std::string& path, const std::string& id) {
  if (path.empty()) return ok();
  auto written = create_file(path, id, 0644);
  if (!written && written.error().kind() == ErrorKind::kConflict) {
    return conflict("container ID file found, make sure the other container isn't running or delete " + path);
  }
  return written;
}

// Docker looks for the file before it makes a container.
Result<void> check_cid_file(const std::string& path) {
  if (path.empty() || !path_exists(path)) return ok();
  return conflict("container ID file found, make sure the other container isn't running or delete " + path);
}

// The whole command line, as one would type it again.
std::string typed_words() {
  auto words = split(read_file("/proc/self/cmdline").value_or(""), '\0');
  if (!words.empty() && words.back().empty()) words.pop_back();
  return shell_words(words);
}

Result<int> print_views(const Invocation& call, const engine::RunRequest& request) {
  const auto planned = engine::plan_container(open_store(call), request);
  if (!planned) return helpful(call, planned.error());
  if (call.options.flag("dry-run")) print(runtime::dry_run_text(planned->plan));
  if (call.options.flag("as-shell")) {
    print(runtime::shell_script(planned->plan, typed_words(), planned->shell_files));
  }
  return 0;
}

Result<engine::RunRequest> foreground_request(const Invocation& call) {
  engine::RunRequest request = TRY(run_request(call.options));
  request.detach = call.options.flag("detach");
  request.detach_keys = call.options.string("detach-keys");
  request.sig_proxy = call.options.flag("sig-proxy");
  if (request.detach && !request.attach.empty())
    return invalid("conflicting options: cannot specify both --attach and --detach");
  return request;
}

Result<int> run_run(const Invocation& call) {
  const engine::RunRequest request = TRY(foreground_request(call));
  if (call.options.flag("dry-run") || call.options.flag("as-shell")) return print_views(call, request);
  if (request.tty && request.interactive && !request.detach && ::isatty(STDIN_FILENO) != 1) {
    complain("the input device is not a TTY");
    return 1;
  }
  const std::string cid_file = call.options.string("cidfile");
  TRY(check_cid_file(cid_file));
  engine::Explainer explainer;
  if (call.options.flag("explain")) explainer = runtime::explain_text;
  const auto created = [&](const engine::ContainerRecord& record) {
    return write_cid_file(cid_file, record.id);
  };
  const auto outcome = TRY(with_image(call, request, [&] {
    return engine::run_container(open_store_to_change(call), request, explainer, created);
  }));
  if (!outcome) return call.command.error_code;
  const int code = report_outcome(call, *outcome);
  if (request.detach && !outcome->failure) print_line(outcome->id);
  return code;
}

Result<int> run_create(const Invocation& call) {
  const engine::RunRequest request = TRY(run_request(call.options));
  const std::string cid_file = call.options.string("cidfile");
  TRY(check_cid_file(cid_file));
  const auto record = TRY(with_image(
      call, request, [&] { return engine::create_container(open_store_to_change(call), request); }));
  if (!record) return call.command.error_code;
  TRY(write_cid_file(cid_file, record->id));
  for (const auto& warning : record->warnings)
    complain("WARNING: " + printable(warning));
  print_line(record->id);
  return 0;
}

// In a pid namespace of its own the init is alone until it is the container's program; in a shared one others
// can open its /proc/PID/exe before (CVE-2019-5736). Where the image's program is /proc/self/exe the init
// stays ours, and CAP_SYS_PTRACE looks through everything.
bool is_run_exposed(const Options& options) {
  if (!options.string("pid").empty() || options.flag("privileged")) return true;
  const auto added = options.list("cap-add");
  return std::any_of(added.begin(), added.end(), [](const std::string& name) {
    const std::string upper = to_upper(name);
    return upper == "ALL" || upper == "CAP_ALL" || upper == "SYS_PTRACE" || upper == "CAP_SYS_PTRACE";
  });
}

const Command kCommands[] = {
    {.names = "container run, run",
     .usage = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
     .summary = "Create and run a new container from an image",
     .options = {container_options(), kRunOptions},
     .min_arguments = 1,
     .order = Order::kOptionsFirst,
     .handler = run_run,
     .examples = kRunExamples,
     .completes = Names::kImages,
     .error_code = 125,
     .is_exposed = is_run_exposed,
     .common = true},
    {.names = "container create, create",
     .usage = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
     .summary = "Create a new container",
     .options = {container_options()},
     .min_arguments = 1,
     .order = Order::kOptionsFirst,
     .handler = run_create,
     .examples = "# Made now, started later\nvial create --name job busybox ls /\nvial start -a job",
     .completes = Names::kImages,
     .error_code = 125},
};

}  // namespace

const std::span<const Command> kRunCommands = kCommands;

}  // namespace cli
